/*
 * checkup_sources.hpp - what capi_check() finds out about where events come from: the lead ids of
 * the latest ones, and the watches.
 *
 * Each function runs between SPI_connect and SPI_finish. The CRM's tables are looked at in the
 * catalog only: nobody waits for their locks, and nobody reads them.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"
#include "pg/functions/checkup_facts.hpp"

namespace crm_capi {

/* A value of the latest result in UTF-8; empty for NULL. */
const char* utf8_result(uint64 row, int column);

/* Lead ids that stand in many rows at once, or that were rounded; of the latest events. */
void gather_lead_ids(Oid schema, Checkup* checkup);

/* What is wrong with each watch, in words, and which of its times say no time zone. */
void gather_watches(Oid schema, Checkup* checkup);

}  // namespace crm_capi
