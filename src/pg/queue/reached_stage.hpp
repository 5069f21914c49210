/*
 * reached_stage.hpp - which stages a lead has reached, for watches that send each one once.
 *
 * Two transactions can reach the same stage at the same time. Neither waits for the other, because
 * the CRM's write waits for nobody on our account: both enqueue an event, and the shipper, who sees
 * what became of both transactions, sends one of the two.
 */
#pragma once

#include "pg/queue/event_log.hpp"
#include "pg/queue/log_reader.hpp"

namespace crm_capi {

/* Whether the event's lead has reached its stage before: by a committed transaction or by this one.
 * What others have not committed does not count. */
bool is_stage_reached(Oid schema, Oid server, const NewEvent& event);

/* Notes that the event, enqueued as `id`, is the one by which its lead reached its stage. */
void note_reached_stage(Oid schema, Oid server, const NewEvent& event, int64 id);

/* The event is taken back by the transaction that enqueued it. */
void forget_reached_stage(Oid schema, const NewEvent& event, int64 id);

/* For the shipper: whether another event has the stage that the lead reached by this one. The first
 * of several has it, unless a later one left before the first was there to be seen. */
bool is_reached_by_another(Oid schema, const LoggedEvent& event);

/* What the log has in `recheck` of events that such a watch enqueues, and whether it is there. */
constexpr const char* kFirstMember = "first";
Jsonb* make_first_mark();
bool is_first_only(Jsonb* recheck);

}  // namespace crm_capi
