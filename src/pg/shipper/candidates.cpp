/*
 * candidates.cpp - the databases that take part, as the launcher knows them.
 */
#include "pg/shipper/candidates.hpp"

#include "pg/base/no_writers.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/shared/reservations.hpp"
#include "pg/shared/slots.hpp"
#include "pg/shared/turn_clock.hpp"
#include "pg/shipper/messenger.hpp"
#include "pg/shipper/shipper.hpp"

namespace crm_capi {

namespace {

/* Pauses before a shipper that ended badly is started again: doubled each time it ends soon, up to
 * a minute; back to the first when it ran for longer than that. */
constexpr int kFirstPause = 1000;
constexpr int kLongestPause = 60 * 1000;

/* A database without an entry in shared memory cannot say that it has something to do. */
constexpr int kBlindLookEveryMs = 60 * 1000;

/* Whatever is written past us is found after so long, if anybody has written anything. */
constexpr int64 kLookEvery = 6 * USECS_PER_HOUR;

HTAB* candidates = nullptr;

/* -1 if there is none. */
int
find_free_slot()
{
    for (int slot = 0; slot < slot_count(); slot++) {
        if (view_slot(slot).state == kSlotFree)
            return slot;
    }
    return -1;
}

/* When something is due of which nobody tells. */
TimestampTz
next_look_at(const ParticipantView& view)
{
    return still_no_writers(view.no_writers_since) || view.presence == Presence::kAbsent
               ? kNever
               : view.rests_since + kLookEvery;
}

}  // namespace

void
adopt_candidates()
{
    HASHCTL control;

    memset(&control, 0, sizeof control);
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Candidate);
    candidates = hash_create("crm_capi candidates", 16, &control, HASH_ELEM | HASH_BLOBS);
    for (int slot = 0; slot < slot_count(); slot++) {
        const SlotView view = view_slot(slot);
        if (view.state == kSlotRunning) {
            Candidate* const candidate = find_candidate(view.database);
            candidate->slot = slot;
            candidate->wanted = true; /* until somebody has been able to look */
            candidate->started_at = GetCurrentTimestamp();
        } else if (view.state == kSlotTaken) {
            free_slot(slot);
        }
    }
}

Candidate*
find_candidate(Oid database)
{
    bool found;
    auto* const candidate =
        static_cast<Candidate*>(hash_search(candidates, &database, HASH_ENTER, &found));

    if (!found) {
        memset(candidate, 0, sizeof *candidate);
        candidate->database = database;
        candidate->slot = -1;
        candidate->pause = kFirstPause;
        candidate->participant = enter_participant(database);
        set_waiting(candidate->participant, 0);
        set_failing(candidate->participant, false);
    }
    return candidate;
}

void
forget_candidate(Candidate* candidate)
{
    remove_participant(candidate->participant);
    hash_search(candidates, &candidate->database, HASH_REMOVE, nullptr);
}

void
begin_candidates(HASH_SEQ_STATUS* position)
{
    hash_seq_init(position, candidates);
}

Candidate*
next_candidate(HASH_SEQ_STATUS* position)
{
    return static_cast<Candidate*>(hash_seq_search(position));
}

bool
has_ended(const Candidate* candidate)
{
    pid_t pid;

    /* One that a former launcher started has no handle; its slot tells. */
    if (candidate->handle == nullptr)
        return view_slot(candidate->slot).state != kSlotRunning;
    return GetBackgroundWorkerPid(candidate->handle, &pid) == BGWH_STOPPED;
}

void
note_end(Candidate* candidate)
{
    const TimestampTz now = GetCurrentTimestamp();
    const bool in_good_order = view_slot(candidate->slot).in_good_order;

    free_slot(candidate->slot);
    candidate->slot = -1;
    candidate->stalled_since = 0;
    candidate->must_tell = false;
    if (candidate->handle)
        pfree(candidate->handle);
    candidate->handle = nullptr;
    if (in_good_order || TimestampDifferenceExceeds(candidate->started_at, now, kLongestPause))
        candidate->pause = kFirstPause;
    else
        candidate->pause = Min(candidate->pause * 2, kLongestPause);
    set_failing(candidate->participant, !in_good_order);
    if (!in_good_order)
        candidate->not_before = TimestampTzPlusMilliseconds(now, candidate->pause);
    else if (candidate->participant < 0)
        candidate->not_before = TimestampTzPlusMilliseconds(now, kBlindLookEveryMs);
    else
        candidate->not_before = now;
}

bool
start_candidate(Candidate* candidate)
{
    const int slot = find_free_slot();

    if (slot < 0)
        return false;
    take_slot(slot, candidate->database);
    clear_board(slot);
    reset_turn_clock(slot);
    candidate->handle = start_shipper(slot, candidate->database);
    if (candidate->handle == nullptr) {
        free_slot(slot);
        return false;
    }
    candidate->slot = slot;
    candidate->started_at = GetCurrentTimestamp();
    return true;
}

int
count_free_slots()
{
    int count = 0;

    for (int slot = 0; slot < slot_count(); slot++)
        count += view_slot(slot).state == kSlotFree ? 1 : 0;
    return count;
}

void
heed_stall(Candidate* candidate)
{
    Stall stall = {};
    const bool is_stalled = find_stall(candidate->slot, &stall);

    if (stall.since != candidate->stalled_since) {
        candidate->stalled_since = stall.since;
        candidate->must_tell = true;
        if (is_stalled)
            ereport(LOG, (errmsg("shipper of database \"%s\" does not get on: it %s",
                                 NameStr(candidate->name), stall.waits_for),
                          errdetail("It has been in one turn since %s.",
                                    timestamptz_to_str(stall.since))));
        else
            ereport(LOG,
                    (errmsg("shipper of database \"%s\" gets on again", NameStr(candidate->name))));
    }
    /* Without a free worker it is tried again. */
    if (candidate->must_tell && start_messenger(candidate->database))
        candidate->must_tell = false;
}

Need
need_of(Candidate* candidate, TimestampTz now, TimestampTz* next_at)
{
    constexpr int64 kLongest = static_cast<int64>(kLongestPause) * 1000;

    /* If the clock was put back, a pause lasts no longer than it was meant to. */
    candidate->not_before = Min(candidate->not_before, now + kLongest);
    *next_at = candidate->not_before;
    if (now < candidate->not_before)
        return Need::kNothing;
    if (candidate->participant < 0)
        return Need::kLook;
    const ParticipantView view = view_participant(candidate->participant);
    if (view.marks != 0)
        return Need::kWork;
    if (view.due_at == 0)
        return view.presence == Presence::kPresent ? Need::kWork : Need::kLook;
    if (now >= view.due_at)
        return Need::kWork;
    *next_at = Min(view.due_at, next_look_at(view));
    return now >= *next_at ? Need::kLook : Need::kNothing;
}

}  // namespace crm_capi
