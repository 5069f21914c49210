/*
 * resumption.hpp - what a shipper goes on with where an earlier one left off, which gave its slot
 * to another database: a dataset that is down must not be tried at once by each new shipper.
 *
 * After a crash or a restart of the server nobody resumes anything: datasets are tried at once.
 */
#pragma once

#include "core/dispatch/dispatcher.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Pauses, failures and request sizes, as the last shipper wrote them down. Needs SPI. */
void resume_datasets(Oid schema, Dispatcher* dispatcher);

/* Whether there is any server of the wrapper. Needs SPI. */
bool has_datasets(Oid schema);

}  // namespace crm_capi
