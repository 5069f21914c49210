/*
 * watch_approval.hpp - which expressions may run with a table owner's rights.
 *
 * A trigger can be created by whoever has the TRIGGER privilege, and does not remember who did it.
 * So that nobody makes the owner of a table run what the owner did not write, capi_watch() notes
 * down what it was told by the owner: role and arguments, as a digest. Other arguments, or another
 * owner, are not approved, and nothing of them is evaluated.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

bool is_approved(Oid schema, Oid owner, const char* const* arguments, int count);

void approve(Oid schema, Oid owner, const char* const* arguments, int count);

/* Takes back the approvals that no watch has any use for: it or its table is gone, or belongs to
 * somebody else. */
void forget_unused_approvals(Oid schema);

}  // namespace crm_capi
