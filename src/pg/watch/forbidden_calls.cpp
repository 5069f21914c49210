/*
 * forbidden_calls.cpp - functions that no expression of a watch may call.
 *
 * The executor asks a hook, meant for security modules, about each function that it prepares to
 * call, also within functions.
 */
#include "pg/watch/forbidden_calls.hpp"

#include "pg/base/pg_prelude.hpp"

extern "C" {
#include "catalog/objectaccess.h"
}

namespace crm_capi {

namespace {

bool are_forbidden = false;
object_access_hook_type next_hook = nullptr;

/* The numbers of these functions have followed each other ever since they exist. */
bool
is_forbidden(Oid function)
{
    static_assert(F_PG_ADVISORY_UNLOCK_ALL - F_PG_ADVISORY_LOCK_INT8 == 12 &&
                  F_PG_TRY_ADVISORY_XACT_LOCK_SHARED_INT4_INT4 - F_PG_ADVISORY_XACT_LOCK_INT8 == 7);
    return (function >= F_PG_ADVISORY_LOCK_INT8 && function <= F_PG_ADVISORY_UNLOCK_ALL) ||
           (function >= F_PG_ADVISORY_XACT_LOCK_INT8 &&
            function <= F_PG_TRY_ADVISORY_XACT_LOCK_SHARED_INT4_INT4) ||
           function == F_PG_NOTIFY;
}

void
at_object_access(ObjectAccessType access, Oid catalog, Oid object, int part, void* argument)
{
    if (next_hook)
        next_hook(access, catalog, object, part, argument);
    if (are_forbidden && access == OAT_FUNCTION_EXECUTE && is_forbidden(object))
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                        errmsg("function \"%s\" cannot be called by an expression of a watch",
                               get_func_name(object)),
                        errdetail("It would change what other sessions see or wait for."),
                        errhint("Call it in the statement that writes to the table.")));
}

}  // namespace

bool
forbid_calls(bool forbidden)
{
    static bool is_hooked = false;
    const bool before = are_forbidden;

    if (!is_hooked) {
        next_hook = object_access_hook;
        object_access_hook = at_object_access;
        is_hooked = true;
    }
    are_forbidden = forbidden;
    return before;
}

}  // namespace crm_capi
