/*
 * owned_table.hpp - opening a table for what only its owner may do.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Opens the table; an ERROR unless the current user owns it, or is a member of the role that does.
 * That is asked before the lock, so that nobody else makes the CRM wait, and again under it. */
Relation open_owned_table(Oid table, LOCKMODE lock);

}  // namespace crm_capi
