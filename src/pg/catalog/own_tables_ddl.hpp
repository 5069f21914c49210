/*
 * own_tables_ddl.hpp - what must not be done to the extension's own tables.
 *
 * Rows go into them in the CRM's own statements. What would make these fail is refused where it is
 * made, with a hint, instead: an index that can raise an error, another name, a column of another
 * type. Whatever is not refused works: every kind of index, REINDEX, CLUSTER, tablespaces, storage
 * parameters, further columns.
 */
#pragma once

namespace crm_capi {

/* To be called while shared_preload_libraries is processed. */
void protect_own_tables();

}  // namespace crm_capi
