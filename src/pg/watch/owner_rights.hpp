/*
 * owner_rights.hpp - running what the owner of a watched table has written, as that owner.
 *
 * Expressions of a watch run with the rights of the table's owner, whoever writes to the table, in
 * a security-restricted, read-only context with a pinned search_path and time zone: they cannot
 * write, cannot change role, and mean the same in every session.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* What was raised, copied into the caller's memory. */
struct Failure {
    int sqlstate; /* 0 = nothing was */
    const char* message;
};

/* What the work may depend on. */
enum class Surroundings {
    kNone,    /* nothing but its input: immutable built-in functions */
    kPinned,  /* search_path, time zone, what the transaction has written so far */
    kDefining /* the same, and how SQL text is to be read */
};

/* Does the work as `owner`; its errors are the caller's. */
void do_as_owner(Oid owner, Surroundings surroundings, void (*work)(void* argument),
                 void* argument);

/* Does the work as `owner`, in a subtransaction. False if it has raised an error: that is its own
 * fault, whatever its SQLSTATE, unless the server itself ends the statement (attempt.hpp). */
bool try_as_owner(Oid owner, Surroundings surroundings, void (*work)(void* argument),
                  void* argument, Failure* failure);

}  // namespace crm_capi
