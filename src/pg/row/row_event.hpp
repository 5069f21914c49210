/*
 * row_event.hpp - from a row of a watched table to the event that it makes due.
 *
 * The trigger and everything else that looks at rows of a CRM go through here, so that they agree
 * on what an event is.
 */
#pragma once

#include "pg/queue/event_log.hpp"
#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* The event that the row makes due, or false if it makes none due: neither its stage nor its lead
 * id is new, it has no lead id (then it did not come from Meta), the condition does not hold, or
 * its stage is to be skipped. A lead id that arrives after the stage thus brings the current stage.
 * What can never be sent is parked in the event, never an error. */
bool read_event(Watch* watch, const Row& row, NewEvent* event);

/* The event once more, as the row shows it now, after read_event() has found it due: its condition,
 * which may look at what the row was before, is not asked again. False if the row has no lead id or
 * stage any more that could be sent. */
bool read_event_again(Watch* watch, TupleTableSlot* now, NewEvent* event);

/* The same for a stage that the row had before, under the name under which it is sent: all else is
 * as the row shows it now. */
bool read_event_of_stage(Watch* watch, TupleTableSlot* now, text* name, NewEvent* event);

/* What is known of an event that was parked when it was enqueued. */
struct CapturedStage {
    TimestampTz at; /* when the change was captured */
    text* name;     /* its stage; NULL = only the row as it is now can tell */
};

enum class Judged { kEvent, kConditionFalse, kWithoutEvent };

/* The event of the row as the watch reads it now, which may have been put right since the event was
 * parked. */
Judged read_parked_event(Watch* watch, TupleTableSlot* now, const CapturedStage& captured,
                         NewEvent* event);

/* Of the event of a row only its lead and its stage. False if the row has none that could be sent.
 */
bool read_lead_and_stage(Watch* watch, TupleTableSlot* slot, NewEvent* event);

/* Enqueues the event for the watch's dataset and returns its id, or that of the same event that
 * this transaction has enqueued before; 0 if it is not enqueued: each stage is sent once and was,
 * or the lead was forgotten. */
int64 enqueue_for(const Watch* watch, Oid schema, NewEvent* event);

}  // namespace crm_capi
