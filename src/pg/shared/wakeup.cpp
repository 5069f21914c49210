/*
 * wakeup.cpp - waking the workers when, and only when, a transaction has committed.
 *
 * There are two moments. Rows are visible to others when the transaction callbacks are called; the
 * invalidation messages, by which the shipper hears of changed catalogs, are sent only afterwards.
 * A shipper woken too early for them would take its turn, notice nothing, and sleep until the next
 * poll.
 */
#include "pg/shared/wakeup.hpp"

#include "pg/shared/figure_board.hpp"
#include "pg/shared/participants.hpp"
#include "pg/shared/slots.hpp"

#include "pg/base/utility_hook.hpp"

extern "C" {
#include "commands/extension.h"
#include "nodes/parsenodes.h"
#include "utils/resowner.h"
}

namespace crm_capi {

namespace {

bool events_armed = false;
bool settings_armed = false;
bool announcement_armed = false;
bool decision_armed = false;

/* Commit has made the events visible, and what was decided about them: from now on figures that do
 * not know of it are out of date. A rolled-back subtransaction leaves the flag armed: a wake-up
 * too many costs nothing. COMMIT PREPARED runs in another transaction, often in another session:
 * see watch_prepared_commits(). */
void
tell_at_commit(XactEvent event, void*)
{
    if (event == XACT_EVENT_COMMIT && events_armed)
        tell_of_database(MyDatabaseId, kMarkEvents);
    if (event == XACT_EVENT_COMMIT && decision_armed)
        count_decision(MyDatabaseId);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        events_armed = decision_armed = false;
}

/* The last phase of releasing resources comes after the invalidation messages. */
void
tell_behind_messages(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void*)
{
    if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !is_top_level)
        return;
    if (is_commit && settings_armed)
        tell_of_database(MyDatabaseId, kMarkSettings);
    if (is_commit && announcement_armed)
        tell_of_new_database(MyDatabaseId);
    settings_armed = false;
    announcement_armed = false;
}

/* Once per backend, as the other one: the lists of callbacks are never trimmed, and walking them is
 * part of every commit. Registering per transaction slows a session down to a third within a
 * minute. */
void
register_transaction_callback_once()
{
    static bool registered = false;

    if (!registered) {
        RegisterXactCallback(tell_at_commit, nullptr);
        registered = true;
    }
}

void
register_resource_callback_once()
{
    static bool registered = false;

    if (!registered) {
        RegisterResourceReleaseCallback(tell_behind_messages, nullptr);
        registered = true;
    }
}

/* What was prepared may have enqueued events, and nobody knows any more. Before the statement runs;
 * the transaction in which it does commits behind what it has committed. */
void
look_for_prepared_commit(Node* statement)
{
    if (IsA(statement, TransactionStmt) &&
        reinterpret_cast<TransactionStmt*>(statement)->kind == TRANS_STMT_COMMIT_PREPARED &&
        OidIsValid(get_extension_oid("crm_capi", true)))
        wake_shipper_on_commit();
}

}  // namespace

void
watch_prepared_commits()
{
    before_utility(look_for_prepared_commit);
}

void
wake_shipper_on_commit()
{
    register_transaction_callback_once();
    events_armed = true;
}

void
wake_shipper_on_decision()
{
    register_transaction_callback_once();
    decision_armed = true;
    wake_shipper_on_settings_change();
}

void
wake_shipper_on_settings_change()
{
    register_resource_callback_once();
    settings_armed = true;
}

void
announce_on_commit()
{
    register_resource_callback_once();
    announcement_armed = true;
    settings_armed = true;
}

}  // namespace crm_capi
