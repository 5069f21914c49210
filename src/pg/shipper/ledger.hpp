/*
 * ledger.hpp - what the shipper writes down: requests, settlements, health, the cursor.
 *
 * Every function runs inside the shipper's transaction, between SPI_connect and SPI_finish.
 */
#pragma once

#include <string>

#include "core/dispatch/dispatcher.hpp"
#include "pg/catalog/dataset_settings.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* What the shipper finds when it starts. Texts lie in current memory. */
struct StoredCursor {
    int64 position;
    const char* open; /* int8multirange */
    int64 request; /* later requests may have dealt with ids that position and open do not show */
};
/* At the very beginning of the log if none has been written. */
StoredCursor read_cursor(Oid schema);

/* What tells that somebody else - a restore - has filled the tables since they were looked at. */
struct TablesSeen {
    int64 newest_request;
    TimestampTz cursor_written_at; /* the Unix epoch if it never was */
};
/* newest_request is 0 if there is none. */
TablesSeen look_at_tables(Oid schema);
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

/* The datasets as they are registered and set; in current memory. */
struct RegisteredDataset {
    int32 number;
    DatasetSettings settings; /* settings.server = 0: the server does not exist any more */
};
/* All of them, with options and credentials; *count says how many. */
RegisteredDataset* read_datasets(Oid schema, int* count);

/* Keeps the names in step with ALTER SERVER ... RENAME. */
void refresh_names(Oid schema);

/* Writes a request down before it is sent and returns its id. */
int64 begin_request(Oid schema, const OutgoingRequest& request);
/* What the answer was; the request was written down by begin_request. */
void finish_request(Oid schema, const AnswerRecord& ended);
/* How an event has ended. One that has ended otherwise already keeps that. */
void write_settlement(Oid schema, const EndedEvent& ended);
/* In capi_dataset, for every number under which the dataset is registered. */
void write_health(Oid schema, const HealthChange& change);

}  // namespace crm_capi
