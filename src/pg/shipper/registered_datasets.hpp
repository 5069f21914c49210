/*
 * registered_datasets.hpp - the datasets as capi_dataset has them.
 *
 * Read without SPI: whoever commits in a database without a shipper waits for it.
 */
#pragma once

#include "core/dispatch/dispatcher.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/catalog/dataset_settings.hpp"

namespace crm_capi {

/* The datasets as they are registered and set; in current memory. */
struct RegisteredDataset {
    int32 number;
    DatasetSettings settings; /* settings.server = 0: the server does not exist any more */
};
/* All of them, with options and credentials; *count says how many. */
RegisteredDataset* read_datasets(Oid schema, int* count);

/* Keeps the names in step with ALTER SERVER ... RENAME. */
void refresh_names(Oid schema);

/* Pauses, failures and request sizes, as the last shipper wrote them down, which gave its slot to
 * another database: a dataset that is down must not be tried at once by each new shipper. After a
 * crash or a restart of the server nobody resumes anything: datasets are tried at once. */
void resume_datasets(Oid schema, Dispatcher* dispatcher);

/* Whether there is any server of the wrapper, registered or not. Needs SPI. */
bool has_datasets(Oid schema);

}  // namespace crm_capi
