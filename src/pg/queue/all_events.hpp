/*
 * all_events.hpp - what requests and settlements say of all events, read for a query that asks for
 * many of them.
 *
 * Requests are few and are read as a whole. Settlements are read by blocks of ids, as they are
 * asked for: each process of a parallel query reads those of its own part.
 */
#pragma once

#include "core/event/event_status.hpp"
#include "core/ids/request_map.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/queue/reason_words.hpp"

namespace crm_capi {

/* How a request or an event ended. */
struct Ending {
    const ReasonWord* reason; /* NULL = there is none */
    text* detail;             /* NULL = there is none */
    TimestampTz at;
    TimestampTz next_attempt_at; /* 0 = none is waited for */
};

struct AllRequests {
    RequestMap* map; /* the state of a request is a LatestRequest */
    Ending* endings; /* by the place of a request in the map */
    int64 count;
    int64 room;
};

/* Every request under the active snapshot; in current memory. Without words the endings are left
 * out. */
AllRequests* read_all_requests(Oid schema, ReasonWords* words);

struct SettledEvent {
    int64 event;
    Settled settled;
    Ending ending;
};

/* What of the log a settled event's row says. */
struct LoggedRow {
    bool is_found;
    bool has_time;
    TimestampTz enqueued_at;
    TimestampTz event_time;
    text* name; /* NULL = there is none; may be compressed or stored elsewhere */
};

struct SettledBlock {
    int64 number;    /* of ids that share it; the key */
    int64 read_from; /* it has what is settled from this id on */
    SettledEvent* list;
    LoggedRow* rows; /* of the same events; NULL = not read */
    int32 count;
    int32 last_found; /* the next one is mostly beside it */
};

/* The rows of ids that follow each other, whatever became of their events. */
constexpr int kIdsOfRun = 64;
struct LoggedRun {
    int64 first;
    int64 last;
    LoggedRow rows[kIdsOfRun];
};

/* In the memory that it names, under one snapshot. */
struct SettledBlocks {
    Oid schema;
    MemoryContext memory;
    ReasonWords* words;
    HTAB* table; /* NULL = nothing was asked for */
    SettledBlock* last;
    SettledEvent* scratch; /* NULL = no block was read */
    LoggedRun* run;        /* NULL = nothing was read like that */
};

/* The settlement of the event, or NULL. */
const SettledEvent* find_settled(SettledBlocks* blocks, int64 event);

/* The event's row of the log; `few`: without what lies beside it, in current memory. */
LoggedRow find_logged_row(SettledBlocks* blocks, int64 event, bool few);

}  // namespace crm_capi
