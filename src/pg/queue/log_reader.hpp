/*
 * log_reader.hpp - reading capi_event_log by id, under a snapshot, always through its primary key.
 *
 * The access path is not left to the planner: an ANALYZE in the middle of a bulk load makes a
 * planned queue query fall to a few rows a second.
 */
#pragma once

#include "core/event/event.hpp"
#include "core/event/reason.hpp"
#include "core/ids/id_set.hpp"
#include "core/ids/window.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* A row of the log; texts lie in the tuple or in current memory, valid until the next row. */
struct LoggedEvent {
    int64 id;
    int32 dataset; /* 0 = unknown */
    bool parked;
    int64 lead_id; /* 0 = none */
    TimestampTz enqueued_at;
    UnixMicros event_time;
    const char* event_name; /* UTF-8; "" if absent */
    const char* user_data;  /* JSON in UTF-8; "" if absent */
    const char* custom_data;
    Consent consent; /* what it says in place of the dataset's options */
    /* What counts once more before it is sent; NULL if nothing does. */
    Jsonb* recheck;
    bool is_first_only; /* no other event of the lead may have the stage (reached_stage.hpp) */
    const char* condition_of; /* the watch whose condition counts; "" = none does */
    Reason unreadable;        /* kNone, or why it can never be sent (event_content.hpp) */
    const char* detail;
};

/* C++ regime: the pure room's form of a row read with Columns::kAll, if it could be read. */
inline Event
MakeEvent(const LoggedEvent& row)
{
    Event event;
    event.id = row.id;
    event.lead_id = row.lead_id;
    event.event_time = row.event_time;
    event.texts = EventTexts({row.event_name, row.user_data, row.custom_data, row.condition_of});
    event.consent = row.consent;
    event.needs_recheck = row.is_first_only;
    return event;
}

class LogReader; /* opaque: everything needed between open and close */

/* Opens the log under the active snapshot; seek_events says what to read. */
LogReader* open_log(Oid schema);

/* Next come the events of this range, in ascending order. Ranges that begin shortly
 * behind each other share one descent of the index: datasets that take turns in the log have many.
 */
void seek_events(LogReader* reader, IdRange range);

/* Both, for one range. */
LogReader* open_log_at(Oid schema, IdRange range);

enum class Columns { kKeyOnly, kUpkeep, kAll };

/* The next row of the range; false at its end. kKeyOnly fills id, dataset, lead_id and parked,
 * kUpkeep also the times, kAll the rest as far as it can be read. */
bool next_event(LogReader* reader, Columns columns, LoggedEvent* event);

/* Fills in the rest of the row that next_event has just found. */
void complete_event(const LogReader* reader, LoggedEvent* event);

void close_log(LogReader* reader);

/* What the window must know of the active snapshot. The array is allocated in current memory. */
struct RunningTransactions {
    int64 last_id; /* the latest event id that they, or others before them, got */
    uint64 xmax;
    uint64 next_xid;
    uint64* running;
    int count;
};
RunningTransactions running_transactions(Oid schema);

}  // namespace crm_capi
