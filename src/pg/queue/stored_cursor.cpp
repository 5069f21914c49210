/*
 * stored_cursor.cpp - the cursor as an earlier shipper has written it.
 */
#include "pg/queue/stored_cursor.hpp"

#include "pg/base/multirange.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/base/table_reading.hpp"
#include "pg/catalog/relations.hpp"

namespace crm_capi {

namespace {

/* Of the requests that are committed; 0 if there is none. */
int64
newest_request(Oid schema)
{
    PushActiveSnapshot(GetTransactionSnapshot());
    const int64 newest = greatest_key(relations_in(schema)->request_log, GetActiveSnapshot());
    PopActiveSnapshot();
    return newest;
}

/* The one row of the table, if it is there. Ends the reading. */
StoredCursor
read_row(TableReading reading)
{
    StoredCursor cursor = {0, nullptr, 0, 0, kCursorNeverWritten};

    if (next_row(&reading)) {
        cursor.position = DatumGetInt64(value_of(reading, cursor_column::kPosition));
        cursor.open_count = read_ranges(value_of(reading, cursor_column::kOpen), &cursor.open);
        cursor.request = DatumGetInt64(value_of(reading, cursor_column::kRequest));
        cursor.written_at = DatumGetTimestampTz(value_of(reading, cursor_column::kUpdatedAt));
    }
    end_reading(&reading);
    return cursor;
}

}  // namespace

StoredCursor
read_cursor(Oid schema)
{
    return read_row(begin_reading(relations_in(schema)->cursor));
}

StoredCursor
read_latest_cursor(Oid schema)
{
    return read_row(begin_reading_anew(relations_in(schema)->cursor));
}

TimestampTz
latest_cursor_written_at(Oid schema)
{
    TableReading reading = begin_reading_anew(relations_in(schema)->cursor);
    const TimestampTz written_at =
        next_row(&reading) ? DatumGetTimestampTz(value_of(reading, cursor_column::kUpdatedAt))
                           : kCursorNeverWritten;

    end_reading(&reading);
    return written_at;
}

TablesSeen
look_at_tables(Oid schema, TimestampTz cursor_written_at)
{
    return {newest_request(schema), cursor_written_at};
}

}  // namespace crm_capi
