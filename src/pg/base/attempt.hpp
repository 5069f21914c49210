/*
 * attempt.hpp - work whose error ends nothing but itself.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Does the work in a subtransaction, which an error undoes. NULL, or the error, in the caller's
 * memory. */
ErrorData* attempt(void (*work)(void* argument), void* argument);

/* The same without a subtransaction, some nanoseconds: for work that takes nothing but memory, and
 * holds neither lock, pin nor relation when it raises. */
ErrorData* attempt_conversion(void (*work)(void* argument), void* argument);

/* Whether the server itself ends what the session does: by a cancel, a time-out, or because the
 * transaction cannot be serialized. An error of the same SQLSTATE that something else has raised,
 * a foreign server or a RAISE for example, is its own. */
bool ends_statement(const ErrorData* error);

/* Whether the error tells of a lack of memory, disk or connections: no fault of what was looked at.
 */
bool lacks_resources(const ErrorData* error);

}  // namespace crm_capi
