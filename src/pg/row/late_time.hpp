/*
 * late_time.hpp - stages whose time is written by a later UPDATE of the same transaction.
 *
 * An application that writes a stage and its time in two UPDATEs makes an event due by the first
 * one, and there the row still shows the time of the stage before. Such an event is remembered
 * until the transaction ends. If an UPDATE of the row brings another time, the event is taken back
 * and enqueued anew.
 */
#pragma once

#include "pg/queue/event_log.hpp"
#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* The event that the row has made due was enqueued. Remembers it if its time may come later: the
 * row got its stage, but its time was not written with it. */
void remember_late_time(Watch* watch, const Row& row, const NewEvent& event, int64 id);

/* Whether this transaction remembers any. What most transactions pay is this question. */
bool awaits_late_times();

/* The row has changed and no event is due by that. If its time was awaited and has come, the event
 * gets it. */
void follow_late_time(Watch* watch, const Row& row, Oid schema);

}  // namespace crm_capi
