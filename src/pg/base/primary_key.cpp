/*
 * primary_key.cpp - which index is the primary key of a table.
 */
#include "pg/base/primary_key.hpp"

namespace crm_capi {

Oid
primary_key_of(Relation table)
{
    list_free(RelationGetIndexList(table));
    return table->rd_pkindex;
}

}  // namespace crm_capi
