/*
 * owner_rights.cpp - running what the owner of a watched table has written, as that owner.
 */
#include "pg/watch/owner_rights.hpp"

#include "pg/base/attempt.hpp"
#include "pg/watch/forbidden_calls.hpp"

namespace crm_capi {

namespace {

struct Setting {
    const char* name;
    const char* value;
};

/* pg_temp stands last, where it cannot hide anything: not named, it would come first. A timestamp
 * without time zone counts as UTC, as in a plain column. */
constexpr Setting kPinnedSettings[] = {
    {"search_path", "pg_catalog, pg_temp"},
    {"TimeZone", "UTC"},
};

/* Whoever writes to the table must not change what the owner's text says. */
constexpr Setting kSyntaxSettings[] = {
    {"standard_conforming_strings", "on"},
    {"transform_null_equals", "off"},
};

/* Until leave_rights(), or the end of the transaction. Setting what is set already would cost a
 * string for each row. */
void
pin(const Setting& setting)
{
    const char* const current = GetConfigOption(setting.name, true, false);

    if (current == nullptr || strcmp(current, setting.value) != 0)
        (void)set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_SAVE, true, 0, false);
}

/* How SQL text is read matters while a watch is defined or compiled; later there is no text. */
void
pin_settings(Surroundings surroundings)
{
    for (const Setting& setting : kPinnedSettings)
        pin(setting);
    if (surroundings == Surroundings::kDefining) {
        for (const Setting& setting : kSyntaxSettings)
            pin(setting);
    }
}

/* What the session was before. An error needs no leave_rights(): the end of the transaction or
 * subtransaction puts all of this back. */
struct Session {
    Oid user;
    int context;
    int settings;
    bool is_read_only;
};

/* Becomes the owner, and returns what to become again. */
Session
enter(Oid owner, Surroundings surroundings)
{
    Session before;

    GetUserIdAndSecContext(&before.user, &before.context);
    before.settings = NewGUCNestLevel();
    before.is_read_only = XactReadOnly;
    SetUserIdAndSecContext(
        owner, before.context | SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE);
    if (surroundings != Surroundings::kNone) {
        pin_settings(surroundings);
        /* As in any AFTER trigger, all that the CRM's statement has done is visible. */
        CommandCounterIncrement();
        PushActiveSnapshot(GetTransactionSnapshot());
    }
    XactReadOnly = true;
    return before;
}

/* The other way round, in the opposite order. */
void
leave_rights(const Session& before, Surroundings surroundings)
{
    XactReadOnly = before.is_read_only;
    if (surroundings != Surroundings::kNone)
        PopActiveSnapshot();
    AtEOXact_GUC(false, before.settings);
    SetUserIdAndSecContext(before.user, before.context);
}

struct OwnersWork {
    Oid owner;
    Surroundings surroundings;
    void (*work)(void* argument);
    void* argument;
};

/* A read-only transaction lets some functions write all the same, those of large objects before 16.
 * Whoever writes needs a transaction id: the subtransaction, which began without one, is undone. */
void
refuse_writing()
{
    if (TransactionIdIsValid(GetCurrentTransactionIdIfAny()))
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                        errmsg("an expression of a watch cannot write")));
}

void
do_owners_work(void* argument)
{
    const auto* const all = static_cast<OwnersWork*>(argument);

    do_as_owner(all->owner, all->surroundings, all->work, all->argument);
    refuse_writing();
}

/* What works meanwhile calls none of our functions; also when it raises. */
void
do_without_calls(void (*work)(void* argument), void* argument)
{
    const bool were_forbidden = forbid_calls(true);

    PG_TRY();
    {
        work(argument);
    }
    PG_FINALLY();
    {
        (void)forbid_calls(were_forbidden);
    }
    PG_END_TRY();
}

}  // namespace

void
do_as_owner(Oid owner, Surroundings surroundings, void (*work)(void* argument), void* argument)
{
    const Session before = enter(owner, surroundings);

    do_without_calls(work, argument);
    leave_rights(before, surroundings);
}

bool
try_as_owner(Oid owner, Surroundings surroundings, void (*work)(void* argument), void* argument,
             Failure* failure)
{
    OwnersWork all = {owner, surroundings, work, argument};
    ErrorData* const error = attempt(do_owners_work, &all);

    failure->sqlstate = 0;
    if (error == nullptr)
        return true;
    if (ends_statement(error))
        ReThrowError(error);
    failure->sqlstate = error->sqlerrcode;
    failure->message = error->message;
    return false;
}

}  // namespace crm_capi
