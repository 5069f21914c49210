/*
 * repeated_event.hpp - events that one transaction makes due twice.
 *
 * What names an event at Meta is dataset, lead, stage and event time. A lead that goes from A to B,
 * to A and to B again while one time is written for all of it is at A and at B at that time, which
 * are two events: Meta does not promise to take two events of one event_id for one, so the second
 * A would count twice. Events of other transactions are not looked at: nothing but their commit
 * tells whether they are there.
 */
#pragma once

#include "pg/queue/event_log.hpp"

namespace crm_capi {

/* The event that this transaction has enqueued for the server and that Meta would be given the same
 * event_id for; 0 if there is none. Of some thousand events that it has enqueued lately; who
 * changes more in one transaction does not come back to each of them. */
int64 find_repeated(Oid schema, Oid server, const NewEvent& event);

/* The event was enqueued as `id`. */
void note_enqueued(Oid server, const NewEvent& event, int64 id);

}  // namespace crm_capi
