/*
 * stored_cursor.hpp - the cursor as an earlier shipper has written it, and whether somebody has
 * filled the tables since.
 *
 * Read without SPI: whoever commits in a database without a shipper waits for it.
 */
#pragma once

#include "core/ids/id_set.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The Unix epoch. */
constexpr TimestampTz kCursorNeverWritten =
    (static_cast<TimestampTz>(UNIX_EPOCH_JDATE) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;

/* What the shipper finds when it starts. */
struct StoredCursor {
    int64 position;
    IdRange* open; /* in current memory */
    int open_count;
    int64 request; /* later requests may have dealt with ids that position and open do not show */
    TimestampTz written_at; /* or kCursorNeverWritten */
};
/* At the very beginning of the log if none has been written. */
StoredCursor read_cursor(Oid schema);

/* What tells that somebody else - a restore - has filled the tables since they were looked at. */
struct TablesSeen {
    int64 newest_request;
    TimestampTz cursor_written_at; /* or kCursorNeverWritten */
};
/* With the cursor as it has just been read; newest_request is 0 if there is none. */
TablesSeen look_at_tables(Oid schema, const StoredCursor& cursor);

}  // namespace crm_capi
