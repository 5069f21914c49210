/*
 * turn_clock.hpp - how long each shipper has been in the turn that it is in, for those who wonder
 * why nothing moves.
 *
 * A turn takes milliseconds. One that does not end waits for something: a synchronous standby, a
 * lock. The shipper, which waits, cannot tell of it; so it leaves behind when its turn began, and
 * what a process waits for the server shows of all its processes.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Whoever has been in one turn for so long is stalled. */
constexpr int kLongestTurnMs = 10 * 1000;

/* shared_memory.cpp: how much of it is ours, and where it lies. */
Size turn_clocks_size();
void place_turn_clocks(void* memory, bool is_new);

/* Launcher: an earlier shipper of this slot may have ended in a turn. */
void reset_turn_clock(int slot);

/* Shipper: the clock of its slot is its own from here on. Its start counts as a turn. */
void own_turn_clock(int slot);
/* Nothing in a process that owns no clock. */
void note_turn_begins();
void note_turn_ends();

struct Stall {
    TimestampTz since;  /* when the turn began */
    char waits_for[96]; /* completes "the shipper ..." */
};
/* Anybody: false if the shipper of the slot gets on, or if `slot` is -1. */
bool find_stall(int slot, Stall* stall);

/* Launcher: after how many milliseconds the shipper of a slot would be stalled; the greatest int if
 * it is in no turn, or in one so young that it is none to wait for, or stalled already. */
long milliseconds_until_stall(int slot);

}  // namespace crm_capi
