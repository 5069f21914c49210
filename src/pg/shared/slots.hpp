/*
 * slots.hpp - who serves which database, and how to wake them: a seat for the launcher, and a slot
 * for each shipper.
 *
 * Everything here is numbers in shared memory, read and written atomically; nothing points into a
 * process. Without preloading there is no shared memory, and what a backend may call does nothing.
 *
 * Life of a slot:   free -> taken (launcher) -> running (shipper) -> ended (shipper) -> free
 * (launcher)
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* shared_memory.cpp: how much of it is ours, and where it lies. `is_new`: nobody has used it. */
Size slots_size();
void place_slots(void* memory, bool is_new);

/* crm_capi.max_shippers. */
int slot_count();

/* Backends: something has happened in this database (participants.hpp). Wakes whoever serves it, or
 * has it served; nothing without preloading. */
void tell_of_database(Oid database, uint32 marks);
/* The same for a database that the launcher may not know yet. */
void tell_of_new_database(Oid database);
/* Who may be served has changed, as after DROP DATABASE: the launcher looks at all databases. */
void tell_of_databases();
void wake_launcher();
/* Process id of the shipper of a database, or 0. */
int shipper_pid(Oid database);
/* What the shipper of a slot waits for, as pg_stat_activity shows it; 0 = nothing, or it is gone.
 */
uint32 wait_event_of(int slot);
bool launcher_runs();
/* The slot whose shipper serves a database, or -1 if none is running. */
int slot_of(Oid database);

/* Launcher: makes itself known until the process exits. */
void enter_as_launcher();

/* Whether tell_of_databases() was called since the last question. */
bool databases_have_changed();

enum SlotState { kSlotFree, kSlotTaken, kSlotRunning };

/* What a shipper is asked for: to give its slot to another database, with all the time that its
 * answers take; or to leave at once. */
enum StopRequest : uint32 { kStay, kYield, kLeave };

struct SlotView {
    SlotState state;
    Oid database;
    bool in_good_order; /* the shipper ended by itself: nothing to be careful about */
    StopRequest asked;
    TimestampTz serving_since; /* 0 = it starts still */
    TimestampTz resting_since; /* 0 = it has something to do */
};
/* Launcher: each number is read for itself, so they may belong to different moments. */
SlotView view_slot(int slot);
/* Launcher: a shipper is about to be started in a slot; it is over. */
void take_slot(int slot, Oid database);
void free_slot(int slot);
/* Whether shippers that begin to rest must say so at once, because somebody wants their slots. */
void want_slots(bool wanted);
/* Asks the shipper of a slot to end itself after the turn it is in; or all of a database. */
void ask_to_stop(int slot, StopRequest how);
void ask_shippers_to_leave(Oid database);
/* Wakes each dozing shipper that somebody may have written something for. */
void wake_dozing_shippers();

/* Shipper: false if another shipper serves the database already. Leaves the slot at process exit.
 */
bool enter_as_shipper(int slot, Oid database);
/* Whether it should end itself. */
StopRequest stop_request(int slot);
/* Its start is over: from here on its quantum counts. */
void note_serving(int slot);
/* Whether it has something to do. */
void note_resting(int slot, bool is_resting);
/* What is committed from here on is marked for the next shipper (participants.hpp); what was before
 * is visible to whoever looks now. */
void note_leaving(int slot);
/* Nobody was writing when `since` was the next transaction id (no_writers.hpp): from here on the
 * launcher looks for this shipper, too, and wakes it. If the launcher ends, it wakes it at once. */
void begin_doze(int slot, uint64 since);
void end_doze(int slot);
/* It ends because it was asked to, or has nothing to serve. */
void report_good_order(int slot);

}  // namespace crm_capi
