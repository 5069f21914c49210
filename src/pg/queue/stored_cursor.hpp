/*
 * stored_cursor.hpp - the cursor as an earlier shipper has written it, and whether somebody has
 * filled the tables since.
 *
 * Read without SPI: whoever commits in a database without a shipper waits for one that begins with
 * it.
 */
#pragma once

#include "core/ids/id_set.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The Unix epoch. */
constexpr TimestampTz kCursorNeverWritten =
    (static_cast<TimestampTz>(UNIX_EPOCH_JDATE) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;

struct StoredCursor {
    int64 position;
    IdRange* open; /* in current memory */
    int open_count;
    int64 request; /* later requests may have dealt with ids that position and open do not show */
    TimestampTz written_at; /* or kCursorNeverWritten */
};
/* Under the active snapshot; at the very beginning of the log if none has been written. */
StoredCursor read_cursor(Oid schema);
/* As it is committed by now. */
StoredCursor read_latest_cursor(Oid schema);
/* StoredCursor::written_at of that, without the open ids, which may be many. */
TimestampTz latest_cursor_written_at(Oid schema);

/* What tells that somebody else - a restore - has filled the tables since they were looked at. */
struct TablesSeen {
    int64 newest_request;
    TimestampTz cursor_written_at; /* or kCursorNeverWritten */
};
/* With the time of the cursor as it has just been read; newest_request is 0 if there is none. */
TablesSeen look_at_tables(Oid schema, TimestampTz cursor_written_at);

}  // namespace crm_capi
