/*
 * settled_blocks.cpp - settlements, and the rows of the log that belong to them, by blocks of ids.
 *
 * A block is read when one of its ids is first asked for, from that id on, and kept: events are
 * asked for in any order, because a join may have put them into it. In a parallel query each
 * process asks for a few thousand ids in a row and then for others far away; what lies before them
 * is another's. Both tables are read through their primary keys, so it costs what lies in the
 * block, wherever that is.
 */
#include "pg/base/hash_table.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/queue/all_events.hpp"

extern "C" {
#include "utils/datum.h"
}

namespace crm_capi {

namespace {

constexpr int64 kIdsOfBlock = 512;

/* Rows whose ids lie so near each other are read in one go, with what is between them. */
constexpr int64 kReadThrough = 8;

/* A table of ours under the active snapshot, to be read by ranges of its primary key. */
struct KeyedReading {
    Relation table;
    Relation index;
    IndexScanDesc scan;
    TupleTableSlot* slot;
};

KeyedReading
begin_keyed_reading(Oid relation)
{
    KeyedReading reading;

    reading.table = table_open(relation, AccessShareLock);
    reading.index = open_primary_key(reading.table, AccessShareLock);
    reading.scan = begin_index_scan(reading.table, reading.index, GetActiveSnapshot(), 2);
    reading.slot = table_slot_create(reading.table, nullptr);
    return reading;
}

void
end_keyed_reading(const KeyedReading& reading)
{
    index_endscan(reading.scan);
    ExecDropSingleTupleTableSlot(reading.slot);
    index_close(reading.index, AccessShareLock);
    table_close(reading.table, AccessShareLock);
}

/* The key is the first column. */
void
seek_range(const KeyedReading& reading, int64 first, int64 last)
{
    ScanKeyData keys[2];

    ScanKeyInit(&keys[0], 1, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(first));
    ScanKeyInit(&keys[1], 1, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(last));
    index_rescan(reading.scan, keys, lengthof(keys), nullptr, 0);
}

/* Column of the row that was read last. */
Datum
keyed_value(const KeyedReading& reading, int column, bool* isnull)
{
    return slot_getattr(reading.slot, column, isnull);
}

/* The row of a settlement, kept in current memory. */
SettledEvent
read_settled(const KeyedReading& reading, ReasonWords* words)
{
    SettledEvent settled = {};
    bool isnull;

    settled.event = DatumGetInt64(keyed_value(reading, settlement_column::kEvent, &isnull));
    settled.ending.at =
        DatumGetTimestampTz(keyed_value(reading, settlement_column::kSettledAt, &isnull));
    settled.settled = SettledFromStatus(
        text_view(DatumGetTextPP(keyed_value(reading, settlement_column::kStatus, &isnull))));
    settled.ending.reason = find_reason_word(
        words, DatumGetTextPP(keyed_value(reading, settlement_column::kReasonCode, &isnull)));
    const Datum detail = keyed_value(reading, settlement_column::kDetail, &isnull);
    if (!isnull)
        settled.ending.detail = DatumGetTextPCopy(detail);
    return settled;
}

/* Fills a block from this id on; what it had is forgotten. The scratch is there for all blocks:
 * each would ask the system for that much memory otherwise, and give most of it back. */
void
read_block(SettledBlocks* blocks, SettledBlock* block, int64 from)
{
    const MemoryContext before = MemoryContextSwitchTo(blocks->memory);
    const KeyedReading reading = begin_keyed_reading(relations_in(blocks->schema)->settlement);
    int32 count = 0;

    if (blocks->scratch == nullptr)
        blocks->scratch = static_cast<SettledEvent*>(
            palloc(sizeof(SettledEvent) * static_cast<Size>(kIdsOfBlock)));
    seek_range(reading, from, block->number * kIdsOfBlock + kIdsOfBlock - 1);
    while (index_getnext_slot(reading.scan, ForwardScanDirection, reading.slot)) {
        CHECK_FOR_INTERRUPTS();
        blocks->scratch[count++] = read_settled(reading, blocks->words);
    }
    end_keyed_reading(reading);
    const Size size = sizeof(SettledEvent) * static_cast<Size>(count);
    auto* const list = static_cast<SettledEvent*>(palloc(size));
    memcpy(list, blocks->scratch, size);
    *block = {block->number, from, list, nullptr, count, 0};
    MemoryContextSwitchTo(before);
}

/* The block of the event, read with it. One that is asked for an id before its beginning is read as
 * a whole: so are all but their last ids if events are asked for in descending order. */
SettledBlock*
block_of(SettledBlocks* blocks, int64 event)
{
    const int64 number = event / kIdsOfBlock; /* ids are positive */
    bool found;

    if (blocks->last != nullptr && blocks->last->number == number &&
        event >= blocks->last->read_from)
        return blocks->last;
    if (blocks->table == nullptr)
        blocks->table =
            create_hash_table<int64, SettledBlock>("crm_capi settlements", blocks->memory);
    blocks->last = nullptr; /* should what follows fail */
    auto* block =
        static_cast<SettledBlock*>(hash_search(blocks->table, &number, HASH_FIND, nullptr));
    if (block == nullptr) {
        SettledBlock fresh = {};
        fresh.number = number;
        read_block(blocks, &fresh, event);
        block = static_cast<SettledBlock*>(hash_search(blocks->table, &number, HASH_ENTER, &found));
        *block = fresh;
    } else if (event < block->read_from) {
        read_block(blocks, block, number * kIdsOfBlock);
    }
    blocks->last = block;
    return block;
}

/* The place of the event in its block, or -1. Events are mostly asked for in their order: the next
 * one is where the last one was, or beside it. */
int32
place_in(SettledBlock* block, int64 event)
{
    const auto lies_at = [block, event](int32 place) {
        return (place == block->count || block->list[place].event >= event) &&
               (place == 0 || block->list[place - 1].event < event);
    };
    int32 place = block->last_found;

    if (!lies_at(place) && (place == block->count || !lies_at(++place))) {
        int32 first = 0;
        int32 behind = block->count;
        while (first < behind) {
            const int32 middle = first + (behind - first) / 2;
            if (block->list[middle].event < event)
                first = middle + 1;
            else
                behind = middle;
        }
        place = first;
    }
    block->last_found = place;
    return place < block->count && block->list[place].event == event ? place : -1;
}

/* The row of the log that was read last. What it holds is copied as it is stored: whoever looks at
 * it fetches it, and nobody else fails with it. Names are mostly the same as that before. */
LoggedRow
read_logged_row(const KeyedReading& reading, const LoggedRow* earlier)
{
    LoggedRow row = {};
    bool isnull;

    row.is_found = true;
    row.enqueued_at =
        DatumGetTimestampTz(keyed_value(reading, event_log_column::kEnqueuedAt, &isnull));
    const Datum time = keyed_value(reading, event_log_column::kEventTime, &isnull);
    row.has_time = !isnull;
    if (row.has_time)
        row.event_time = DatumGetTimestampTz(time);
    const Datum name = keyed_value(reading, event_log_column::kEventName, &isnull);
    if (isnull)
        return row;
    const bool is_same = earlier != nullptr && earlier->name != nullptr &&
                         datumIsEqual(name, PointerGetDatum(earlier->name), false, -1);
    row.name = is_same ? earlier->name
                       : reinterpret_cast<text*>(DatumGetPointer(datumCopy(name, false, -1)));
    return row;
}

/* Reads the rows of the events from one place in the block to another, whose ids lie near each
 * other. */
void
read_rows_between(const KeyedReading& reading, const SettledBlock* block, int32 from, int32 to,
                  LoggedRow* rows)
{
    const LoggedRow* earlier = nullptr;
    int32 place = from;
    bool isnull;

    seek_range(reading, block->list[from].event, block->list[to].event);
    while (index_getnext_slot(reading.scan, ForwardScanDirection, reading.slot)) {
        const int64 id = DatumGetInt64(keyed_value(reading, event_log_column::kId, &isnull));
        CHECK_FOR_INTERRUPTS();
        while (place <= to && block->list[place].event < id)
            place++;
        if (place > to || block->list[place].event != id)
            continue;
        rows[place] = read_logged_row(reading, earlier);
        earlier = &rows[place];
    }
}

/* The rows of all events of the block. */
void
read_rows(SettledBlocks* blocks, SettledBlock* block)
{
    const MemoryContext before = MemoryContextSwitchTo(blocks->memory);
    const KeyedReading reading = begin_keyed_reading(relations_in(blocks->schema)->event_log);

    auto* const rows =
        static_cast<LoggedRow*>(palloc0(sizeof(LoggedRow) * static_cast<Size>(block->count)));
    for (int32 from = 0; from < block->count;) {
        int32 to = from;
        while (to + 1 < block->count &&
               block->list[to + 1].event - block->list[to].event <= kReadThrough)
            to++;
        read_rows_between(reading, block, from, to, rows);
        from = to + 1;
    }
    end_keyed_reading(reading);
    block->rows = rows; /* whole, or not at all */
    MemoryContextSwitchTo(before);
}

/* The row of one event, in current memory. */
LoggedRow
read_single_row(Oid schema, int64 event)
{
    const KeyedReading reading = begin_keyed_reading(relations_in(schema)->event_log);
    LoggedRow row = {};

    seek_range(reading, event, event);
    if (index_getnext_slot(reading.scan, ForwardScanDirection, reading.slot))
        row = read_logged_row(reading, nullptr);
    end_keyed_reading(reading);
    return row;
}

/* Reads the rows from the event on, up to the end of the run. */
void
read_run(SettledBlocks* blocks, int64 event)
{
    const MemoryContext before = MemoryContextSwitchTo(blocks->memory);
    const KeyedReading reading = begin_keyed_reading(relations_in(blocks->schema)->event_log);
    LoggedRun* run = blocks->run;
    bool isnull;

    blocks->run = nullptr; /* should what follows fail */
    if (run == nullptr)
        run = static_cast<LoggedRun*>(palloc0(sizeof(LoggedRun)));
    run->first = event;
    run->last = event + kIdsOfRun - 1;
    const LoggedRow earlier = run->rows[0];
    memset(run->rows, 0, sizeof run->rows);
    seek_range(reading, run->first, run->last);
    while (index_getnext_slot(reading.scan, ForwardScanDirection, reading.slot)) {
        const int64 id = DatumGetInt64(keyed_value(reading, event_log_column::kId, &isnull));
        run->rows[id - run->first] = read_logged_row(reading, &earlier);
    }
    end_keyed_reading(reading);
    blocks->run = run;
    MemoryContextSwitchTo(before);
}

/* The row of an event that is not settled: such events mostly lie beside each other. */
LoggedRow
find_in_run(SettledBlocks* blocks, int64 event)
{
    if (blocks->run == nullptr || event < blocks->run->first || event > blocks->run->last)
        read_run(blocks, event);
    return blocks->run->rows[event - blocks->run->first];
}

}  // namespace

const SettledEvent*
find_settled(SettledBlocks* blocks, int64 event)
{
    if (event <= 0)
        return nullptr;
    SettledBlock* const block = block_of(blocks, event);
    const int32 place = place_in(block, event);
    return place < 0 ? nullptr : &block->list[place];
}

LoggedRow
find_logged_row(SettledBlocks* blocks, int64 event, bool few)
{
    if (few || event <= 0)
        return read_single_row(blocks->schema, event);
    SettledBlock* const block = block_of(blocks, event);
    const int32 place = place_in(block, event);
    if (place < 0)
        return find_in_run(blocks, event);
    if (block->rows == nullptr)
        read_rows(blocks, block);
    return block->rows[place];
}

}  // namespace crm_capi
