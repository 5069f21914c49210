/*
 * forbidden_calls.hpp - functions that no expression of a watch may call, however deep inside the
 * functions that it calls.
 *
 * A read-only transaction forbids all that SQL calls writing, but not what these do: an advisory
 * lock makes others wait or ends their wait, also after a rollback; a notification goes out with
 * the commit of the CRM's transaction.
 */
#pragma once

namespace crm_capi {

/* From here on such a call is an ERROR, or not any more; returns what was before. */
bool forbid_calls(bool forbidden);

}  // namespace crm_capi
