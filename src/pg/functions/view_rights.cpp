/*
 * view_rights.cpp - the right to be told what a view tells.
 */
#include "pg/functions/view_rights.hpp"

namespace crm_capi {

namespace {

/* Whether the user may read one of the views. */
bool
may_read_one_of(Oid schema, const char* const* views, int count)
{
    for (int i = 0; i < count; i++) {
        const Oid relation = get_relname_relid(views[i], schema);
        if (OidIsValid(relation) &&
            pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
            return true;
    }
    return false;
}

}  // namespace

void
require_right_to_read(Oid schema, const char* const* views, int count, const char* what,
                      const char* detail)
{
    if (!may_read_one_of(schema, views, count))
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for the %s of crm_capi", what), errdetail("%s", detail),
                 errhint("Ask the owner of the extension to GRANT it.")));
}

}  // namespace crm_capi
