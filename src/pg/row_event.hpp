/*
 * row_event.hpp - from a row of a watched table to the event that it makes due.
 *
 * The trigger and everything else that looks at rows of a CRM go through here, so that they agree
 * on what an event is.
 */
#pragma once

#include "pg/event_log.hpp"
#include "pg/watch_cache.hpp"

namespace crm_capi {

/* One row and what it was. */
struct Row {
    TupleTableSlot* now;
    TupleTableSlot* before; /* NULL if the row is new, or taken as it is */
};

/* Whether the row makes an event due: its stage or its lead id is new. A lead id that arrives after
 * the stage thus brings the current stage. */
bool is_event_due(Watch* watch, const Row& row);

/* Reads the event of the row as it is now; false if it has no lead id: then it did not come from
 * Meta, and no event is due. What can never be sent is parked in the event, never an error. */
bool read_event(Watch* watch, const Row& row, NewEvent* event);

/* Enqueues the event for the watch's dataset; not if its lead was forgotten. */
void enqueue_for(const Watch* watch, Oid schema, NewEvent* event);

}  // namespace crm_capi
