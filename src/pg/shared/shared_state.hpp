/*
 * shared_state.hpp - what launcher, shippers and backends share: who serves which database, and how
 * to wake them.
 *
 * Everything here is numbers in shared memory, read and written atomically; nothing points into a
 * process. Without preloading there is no shared memory, and every function does nothing.
 *
 * Life of a slot:   free -> taken (launcher) -> running (shipper) -> ended (shipper) -> free
 * (launcher)
 */
#pragma once

#include "pg/shared/figure_board.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* To be called while shared_preload_libraries is processed. */
void request_shared_state();

int slot_count();

/* Backends: wakes whoever serves this database; a missing shipper is no error. */
void wake_shipper(Oid database);
void wake_launcher();
/* Where the shipper of a database publishes its figures; NULL if none is running. */
FigureBoard* figure_board(Oid database);
/* Process id of the shipper of a database, or 0. */
int shipper_pid(Oid database);
/* Whether the library is preloaded, and whether the launcher runs. */
bool has_shared_state();
bool launcher_runs();

/* Launcher: makes itself known until the process exits. */
void enter_as_launcher();
/* Somebody says that a database has got the extension. */
struct Announcements {
    uint32 count; /* since the server started */
    Oid latest;
};
Announcements announcements();
void announce(Oid database);

/* A backend needs a database to itself: its shipper ends, and none is started until the backend
 * calls let_return() or is gone. False if there is no room to note it; then nothing changes. */
bool ask_to_leave(Oid database);
void let_return();
bool must_stay_away(Oid database);

enum SlotState { kSlotFree, kSlotTaken, kSlotRunning };

struct SlotView {
    SlotState state;
    Oid database;
    /* The shipper found nothing to serve and went away, and no announcement was made since. */
    bool extension_missing;
    bool in_good_order; /* the shipper ended by itself: nothing to be careful about */
};
SlotView view_slot(int slot);
void take_slot(int slot, Oid database);
void free_slot(int slot);
/* Asks the shipper of a slot to end itself after the turn it is in. */
void ask_to_stop(int slot);
/* Wakes each dozing shipper that somebody may have written something for. */
void wake_dozing_shippers();

/* Shipper: false if another shipper serves the database already. Leaves the slot at process exit.
 */
bool enter_as_shipper(int slot, Oid database);
bool asked_to_stop(int slot);
/* Nobody was writing when `since` was the next transaction id (no_writers.hpp): from here on the
 * launcher looks for this shipper, too, and wakes it. If the launcher ends, it wakes it at once. */
void begin_doze(int slot, uint64 since);
void end_doze(int slot);
void report_good_order(int slot);
/* `heeded` is the count of announcements before the extension was looked for. */
void report_extension_missing(int slot, uint32 heeded);

}  // namespace crm_capi
