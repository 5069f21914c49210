/*
 * unfinished_event.hpp - events of rows that a later UPDATE of the same transaction finishes.
 *
 * What a transaction leaves undone counts, not what it passes through. An application that inserts
 * a row and fills in stage, time, lead id or e-mail by further UPDATEs makes an event due by the
 * first statement that cannot be sent as the row is then; one that writes a stage and its time in
 * two UPDATEs makes one due while the row still shows the time of the stage before. Such an event
 * is remembered until the transaction ends. When an UPDATE of the row brings what it lacked, it is
 * taken back and enqueued anew. Rows that are complete at once are never remembered.
 */
#pragma once

#include "pg/queue/event_log.hpp"
#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* An event that was parked when it was enqueued, and why. */
struct UnfinishedEvent {
    int64 id;
    Reason reason;
};

/* Parked events of stages that a row had earlier in the transaction, oldest first. An automation
 * that moves a lead several times before it writes the time has them; more than these few stay
 * parked. */
struct EarlierEvents {
    int count;
    UnfinishedEvent list[4];
};

/* The event that the row has made due was enqueued. Remembers it if a later UPDATE may finish it:
 * it was parked, or its time was not written with its stage. */
void remember_unfinished(Watch* watch, const Row& row, const NewEvent& event, int64 id,
                         const EarlierEvents& earlier);

/* Whether this transaction remembers any. What most transactions pay is this question. */
bool has_unfinished();

/* The row has changed, and no event is due by that. If its event is unfinished, and is finished
 * now, or has another time, it is enqueued anew. */
void finish_own_event(Watch* watch, const Row& row, Oid schema);

/* The row has changed, and `due` is going to be enqueued for that. Earlier events that are
 * finished now go before it, those that it replaces are taken back, the others are returned. */
EarlierEvents finish_earlier_events(Watch* watch, const Row& row, Oid schema, const NewEvent& due);

}  // namespace crm_capi
