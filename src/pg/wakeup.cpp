/*
 * wakeup.cpp - waking the workers when, and only when, a transaction has committed.
 */
#include "pg/wakeup.hpp"

#include "pg/shared_state.hpp"

namespace crm_capi {

namespace {

bool shipper_armed = false;
bool launcher_armed = false;

/* After a commit is visible to others; the shipper then finds the event. A rolled-back
 * subtransaction leaves the flag armed: a wake-up too many costs nothing. */
void
at_transaction_end(XactEvent event, void*)
{
    switch (event) {
        case XACT_EVENT_COMMIT:
            if (shipper_armed)
                wake_shipper(MyDatabaseId);
            if (launcher_armed)
                announce(MyDatabaseId);
            break;
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PREPARE:
            /* COMMIT PREPARED runs in another transaction, often in another session: the shipper
             * finds those events at its next poll. */
            break;
        default:
            return;
    }
    shipper_armed = false;
    launcher_armed = false;
}

/* Once per backend: the list of callbacks is never trimmed, and walking it is part of every commit.
 * Registering per transaction slows a session down to a third within a minute. */
void
register_callback_once()
{
    static bool registered = false;

    if (!registered) {
        RegisterXactCallback(at_transaction_end, nullptr);
        registered = true;
    }
}

}  // namespace

void
wake_shipper_on_commit()
{
    register_callback_once();
    shipper_armed = true;
}

void
announce_on_commit()
{
    register_callback_once();
    launcher_armed = true;
    shipper_armed = true;
}

}  // namespace crm_capi
