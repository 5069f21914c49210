/*
 * primary_key.hpp - which index is the primary key of a table.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The index of the primary key; InvalidOid if the table has none. */
Oid primary_key_of(Relation table);

}  // namespace crm_capi
