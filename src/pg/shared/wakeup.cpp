/*
 * wakeup.cpp - waking the workers when, and only when, a transaction has committed.
 *
 * There are two moments. Rows are visible to others when the transaction callbacks are called; the
 * invalidation messages, by which the shipper hears of changed catalogs, are sent only afterwards.
 * A shipper woken too early for them would take its turn, notice nothing, and sleep until the next
 * poll.
 */
#include "pg/shared/wakeup.hpp"

#include "pg/shared/announcements.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/shared/slots.hpp"

extern "C" {
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
 * the shipper finds those events at its next poll. */
void
at_transaction_end(XactEvent event, void*)
{
    if (event == XACT_EVENT_COMMIT && events_armed)
        wake_shipper(MyDatabaseId);
    if (event == XACT_EVENT_COMMIT && decision_armed)
        count_decision(MyDatabaseId);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        events_armed = decision_armed = false;
}

/* The last phase of releasing resources comes after the invalidation messages. */
void
at_resource_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void*)
{
    if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !is_top_level)
        return;
    if (is_commit && settings_armed)
        wake_shipper(MyDatabaseId);
    if (is_commit && announcement_armed)
        announce(MyDatabaseId);
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
        RegisterXactCallback(at_transaction_end, nullptr);
        registered = true;
    }
}

void
register_resource_callback_once()
{
    static bool registered = false;

    if (!registered) {
        RegisterResourceReleaseCallback(at_resource_release, nullptr);
        registered = true;
    }
}

}  // namespace

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
