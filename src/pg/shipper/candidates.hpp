/*
 * candidates.hpp - the databases that take part, as the launcher knows them: what it must not lose
 * lies in shared memory (participants.hpp).
 */
#pragma once

#include "pg/base/pg_prelude.hpp"
#include "pg/shared/participants.hpp"

namespace crm_capi {

struct Candidate {
    Oid database; /* hash key */
    NameData name;
    bool wanted;
    int participant; /* -1 = there is no room for it among the participants */
    int slot;        /* -1 = not running */
    BackgroundWorkerHandle* handle;
    TimestampTz started_at;
    TimestampTz not_before;    /* after a shipper that ended badly */
    int pause;                 /* milliseconds; doubled each time that one does */
    TimestampTz waiting_since; /* for a slot; 0 = it does not */
    TimestampTz
        stalled_since; /* when its shipper began the turn in which it does not get on; or 0 */
    bool must_tell;    /* that this has changed */
};

/* Before everything else. Shippers that a launcher before this one has started go on; they are
 * taken over. */
void adopt_candidates();

/* What is known of a database; made if nothing is. */
Candidate* find_candidate(Oid database);
/* Its slot must be free. */
void forget_candidate(Candidate* candidate);

/* Each of them once; until `next` has returned NULL. A candidate may be forgotten meanwhile. */
void begin_candidates(HASH_SEQ_STATUS* position);
Candidate* next_candidate(HASH_SEQ_STATUS* position);

/* Whether the shipper that was started for it is gone; then note_end() is to be called. */
bool has_ended(const Candidate* candidate);
void note_end(Candidate* candidate);

/* Starts its shipper in a slot that is free. False if no worker process is to be had. */
bool start_candidate(Candidate* candidate);
int count_free_slots();

/* Tells, in the log and to who listens, when its shipper does not get on, and when it does again.
 */
void heed_stall(Candidate* candidate);

/* What a database without shipper is waiting for. */
enum class Need { kNothing, kLook, kWork };
/* If it is nothing, `next_at` says when something is due; kNever if nothing is. */
Need need_of(Candidate* candidate, TimestampTz now, TimestampTz* next_at);

}  // namespace crm_capi
