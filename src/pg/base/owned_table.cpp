/*
 * owned_table.cpp - opening a table for what only its owner may do.
 */
#include "pg/base/owned_table.hpp"

namespace crm_capi {

namespace {

/* An ERROR unless the current user owns the table. */
void
require_owner(Oid table)
{
    if (!owns_relation(table, GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(table)),
                       get_rel_name(table));
}

}  // namespace

Relation
open_owned_table(Oid table, LOCKMODE lock)
{
    require_owner(table);
    const Relation relation = relation_open(table, lock);
    require_owner(table);
    return relation;
}

}  // namespace crm_capi
