/*
 * backfill_batch.hpp - events that capi_backfill() has read from a table, held against the queue.
 *
 * Some thousands at a time: one statement finds out what the queue knows, and what it does not know
 * is enqueued. So the memory that a backfill takes does not grow with the table.
 */
#pragma once

#include "pg/queue/event_log.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* One call of capi_backfill(). */
struct Backfill {
    Oid schema;
    bool dry_run;
    bool resend; /* also what the queue knows at another time or under another name */
    TimestampTz since;
    TupleDesc columns; /* of the result */
    Tuplestorestate* results;
    MemoryContext batch_memory;
    NewEvent* events; /* of the batch, in batch_memory */
    int count;
};

/* The event that a row makes due; `memory` of the event may go afterwards. What is not to be
 * enqueued is reported at once, the rest when the batch is settled. */
void take_event(Backfill* backfill, const Watch* watch, const NewEvent& event);

/* True once judge_batch() should be called. */
bool is_batch_full(const Backfill* backfill);

/* Holds the batch against the queue, enqueues what is missing and reports each event. */
void judge_batch(Backfill* backfill, const Watch* watch);

}  // namespace crm_capi
