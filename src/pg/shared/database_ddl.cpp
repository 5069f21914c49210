/*
 * database_ddl.cpp - statements that need a database to themselves.
 */
#include "pg/shared/database_ddl.hpp"

#include "pg/base/pg_prelude.hpp"
#include "pg/base/utility_hook.hpp"
#include "pg/shared/reservations.hpp"
#include "pg/shared/slots.hpp"

extern "C" {
#include "commands/dbcommands.h"
#include "nodes/parsenodes.h"
}

namespace crm_capi {

namespace {

/* The server itself waits up to five seconds for others to leave the database; a shipper that is
 * slower than this is left to that wait. */
constexpr int kLongestWait = 4000;
constexpr int kLookAgain = 20;

/* The database that CREATE DATABASE copies; NULL if it is not named, and then template1 is. */
const char*
template_of(const CreatedbStmt* statement)
{
    ListCell* cell;

    foreach (cell, statement->options) {
        DefElem* const option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "template") == 0 && option->arg)
            return defGetString(option);
    }
    return nullptr;
}

/* The database that the statement needs to itself, or NULL. */
const char*
needed_database(Node* statement)
{
    switch (nodeTag(statement)) {
        case T_DropdbStmt:
            return reinterpret_cast<DropdbStmt*>(statement)->dbname;
        case T_CreatedbStmt:
            return template_of(reinterpret_cast<CreatedbStmt*>(statement));
        case T_AlterDatabaseStmt:
            return reinterpret_cast<AlterDatabaseStmt*>(statement)->dbname;
        case T_RenameStmt: {
            const auto* const rename = reinterpret_cast<RenameStmt*>(statement);
            return rename->renameType == OBJECT_DATABASE ? rename->subname : nullptr;
        }
        default:
            return nullptr;
    }
}

/* The database whose shipper has to step aside for the current user, or InvalidOid. */
Oid
database_to_leave(Node* statement)
{
    const char* const name = needed_database(statement);
    const Oid database = name ? get_database_oid(name, true) : InvalidOid;

    if (!OidIsValid(database) || !owns_database(database, GetUserId()))
        return InvalidOid;
    return database;
}

/* Raises nothing if it takes too long: the statement then does. */
void
wait_until_left(Oid database)
{
    const TimestampTz began = GetCurrentTimestamp();

    while (shipper_pid(database) != 0 &&
           !TimestampDifferenceExceeds(began, GetCurrentTimestamp(), kLongestWait)) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kLookAgain,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

/* Not before the transaction ends: until then others still see the database that is being dropped,
 * or its old name. */
void
let_return_at_end(XactEvent event, void*)
{
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        let_return();
}

/* Its shipper goes, and none comes before this transaction ends. */
void
leave_database(Oid database)
{
    static bool registered = false;

    if (!registered) {
        RegisterXactCallback(let_return_at_end, nullptr);
        registered = true;
    }
    if (ask_to_leave(database))
        wait_until_left(database);
}

/* Before a utility statement runs. */
void
make_room_for(Node* statement)
{
    const Oid database = database_to_leave(statement);

    if (OidIsValid(database))
        leave_database(database);
}

}  // namespace

void
watch_database_ddl()
{
    before_utility(make_room_for);
}

}  // namespace crm_capi
