/*
 * take_back.hpp - taking back an event that this transaction has enqueued.
 */
#pragma once

#include "pg/queue/event_log.hpp"

namespace crm_capi {

/* Lead, stage and time of an event that this transaction has enqueued; nothing else is set. False
 * if it has none under the id: it was rolled back to a savepoint, or the lead was forgotten since.
 */
bool read_own_event(Oid schema, int64 id, NewEvent* event);

/* Whether lead and stage of the two are the same. Both may be missing. */
bool is_about_the_same(const NewEvent& a, const NewEvent& b);

/* Removes the event with this id, as if it had never been enqueued: the shipper finds a hole, as
 * after a rollback. False, and nothing is done, unless this transaction has an event under the id
 * that is about the lead and the stage of `like` and that nobody has decided about. It has none if
 * it was rolled back to a savepoint, or if the lead was forgotten since. */
bool take_back(Oid schema, int64 id, const NewEvent& like);

}  // namespace crm_capi
