/*
 * stored_cursor.cpp - the cursor as an earlier shipper has written it.
 */
#include "pg/shipper/stored_cursor.hpp"

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
    const Relation table = table_open(relations_in(schema)->request_log, AccessShareLock);
    const Relation index = open_primary_key(table, AccessShareLock);
    bool isnull;

    PushActiveSnapshot(GetTransactionSnapshot());
    const SysScanDesc scan =
        systable_beginscan_ordered(table, index, GetActiveSnapshot(), 0, nullptr);
    const HeapTuple last = systable_getnext_ordered(scan, BackwardScanDirection);
    const int64 newest = HeapTupleIsValid(last)
                             ? DatumGetInt64(heap_getattr(last, request_log_column::kId,
                                                          RelationGetDescr(table), &isnull))
                             : 0;
    systable_endscan_ordered(scan);
    PopActiveSnapshot();
    index_close(index, AccessShareLock);
    table_close(table, AccessShareLock);
    return newest;
}

}  // namespace

StoredCursor
read_cursor(Oid schema)
{
    StoredCursor cursor = {0, nullptr, 0, 0, kCursorNeverWritten};
    TableReading reading = begin_reading_anew(relations_in(schema)->cursor);

    if (next_row(&reading)) {
        cursor.position = DatumGetInt64(value_of(reading, cursor_column::kPosition));
        cursor.open_count = read_ranges(value_of(reading, cursor_column::kOpen), &cursor.open);
        cursor.request = DatumGetInt64(value_of(reading, cursor_column::kRequest));
        cursor.written_at = DatumGetTimestampTz(value_of(reading, cursor_column::kUpdatedAt));
    }
    end_reading(&reading);
    return cursor;
}

TablesSeen
look_at_tables(Oid schema, const StoredCursor& cursor)
{
    return {newest_request(schema), cursor.written_at};
}

}  // namespace crm_capi
