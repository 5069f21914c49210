/*
 * unique_insert.hpp - inserting a row unless its key is there already.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Inserts the row into one of our tables; false if a row with its key is there. Waits for another
 * transaction that has inserted the key and is still running: only its end decides. Not even that
 * is an error, whatever the isolation level. */
bool insert_unless_there(Oid relation, Datum* values, bool* nulls);

}  // namespace crm_capi
