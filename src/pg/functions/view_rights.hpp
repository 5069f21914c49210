/*
 * view_rights.hpp - the right to be told what a view tells.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* A view runs functions with the rights of its reader. So those that views call can be called by
 * everybody, and ask for the right to read one of those views: an ERROR about `what` without it.
 * `detail` is a whole sentence. */
void require_right_to_read(Oid schema, const char* const* views, int count, const char* what,
                           const char* detail);

}  // namespace crm_capi
