/*
 * row_data.hpp - what an event says beside lead, stage and time: identities, further data, consent.
 */
#pragma once

#include "pg/queue/event_log.hpp"
#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* The first reason found is kept: one is enough to park an event. `detail` may be NULL. */
void park(NewEvent* event, Reason reason, const char* detail);

/* Fills them in, as the row has them. What can never be sent parks the event. */
void read_data(Watch* watch, const Row& row, NewEvent* event);

}  // namespace crm_capi
