/*
 * wakeup.hpp - waking the workers when, and only when, a transaction has committed.
 */
#pragma once

namespace crm_capi {

/* Arms the wake-up of this database's shipper for the end of the current transaction: it has
 * enqueued events. */
void wake_shipper_on_commit();

/* The same for a transaction that changes options, credentials, or what an operator decides. */
void wake_shipper_on_settings_change();

/* The same for one that decides about single events: until the shipper has heeded it, its figures
 * are not believed (figure_board.hpp). */
void wake_shipper_on_decision();

/* To be called while shared_preload_libraries is processed: COMMIT PREPARED wakes the shipper, too.
 */
void watch_prepared_commits();

/* The same for the launcher: this database has got the extension. */
void announce_on_commit();

}  // namespace crm_capi
