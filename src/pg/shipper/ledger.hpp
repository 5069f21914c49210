/*
 * ledger.hpp - what the shipper writes down: requests, settlements, health, the cursor.
 *
 * Every function runs inside the shipper's transaction, between SPI_connect and SPI_finish.
 */
#pragma once

#include <string>

#include "core/dispatch/dispatcher.hpp"
#include "pg/queue/stored_cursor.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Everything up to `position` is final but for `open`; `request` is StoredCursor::request. */
void write_cursor(Oid schema, int64 position, const IdSet& open, int64 request, TimestampTz now);

/* Requests that were in flight when the last shipper ended: their events are in doubt. Returns how
 * many there were. */
int64 put_unfinished_in_doubt(Oid schema);

/* Calls `found` for each request that may have been delivered although nothing confirmed it, oldest
 * first, with its events that are not owed anew since (capi_retry forgives the doubt). Requests
 * older than eight days are left out: their events' seven days are over. */
void read_doubts(Oid schema, void (*found)(void* context, const char* events, TimestampTz since),
                 void* context);

/* Events that an operator has decided about (capi_retry, capi_cancel): calls `retried` for each
 * that is owed again, and `cancelled` with each that is not to be sent. */
struct DecisionSink {
    void* context;
    void (*retried)(void* context, int32 dataset, int64 event);
    void (*cancelled)(void* context, int64 event);
};
/* In the order of the events. */
void read_decisions(Oid schema, DecisionSink sink);

/* Delivered events that were owed again have no settlement any more. */
void forget_retried(Oid schema, int64 request);

/* Calls `found` with the events (int8multirange) that requests later than the given one, and
 * settlements, have made final since the cursor was written. */
void read_final_events(Oid schema, const StoredCursor& cursor,
                       void (*found)(void* context, const char* events), void* context);

/* Writes a request down before it is sent and returns its id. */
int64 begin_request(Oid schema, const OutgoingRequest& request);
/* What the answer was; the request was written down by begin_request. */
void finish_request(Oid schema, const AnswerRecord& ended);
/* How an event has ended. One that has ended otherwise already keeps that. */
void write_settlement(Oid schema, const EndedEvent& ended);
/* In capi_dataset, for every number under which the dataset is registered. */
void write_health(Oid schema, const HealthChange& change);

}  // namespace crm_capi
