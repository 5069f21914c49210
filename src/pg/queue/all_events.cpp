/*
 * all_events.cpp - what requests and settlements say of all events, read once for a query that asks
 * for many of them.
 */
#include "pg/queue/all_events.hpp"

#include <algorithm>

#include "pg/base/multirange.hpp"
#include "pg/base/owned.hpp"
#include "pg/base/table_reading.hpp"
#include "pg/catalog/relations.hpp"

namespace crm_capi {

namespace {

/* The row of a request. */
void
add_request(const TableReading& reading, RequestMap* map)
{
    bool isnull;
    bool is_under_way;
    IdRange* ranges;
    const int64 id = DatumGetInt64(slot_getattr(reading.slot, request_log_column::kId, &isnull));
    (void)slot_getattr(reading.slot, request_log_column::kFinishedAt, &is_under_way);
    const std::string_view outcome = text_of(reading, request_log_column::kOutcome);
    const Datum events = slot_getattr(reading.slot, request_log_column::kEvents, &isnull);
    const int count = read_ranges(events, &ranges);
    const LatestRequest state =
        is_under_way ? LatestRequest::kUnderWay : LatestRequestFromOutcome(outcome);

    call_cpp("note a request", [&] {
        map->AddRequest({id, outcome != "held", outcome == "in_doubt", static_cast<int>(state)});
        for (int i = 0; i < count; i++)
            map->AddRange(ranges[i]);
    });
}

/* The order of the list. */
bool
is_earlier(const SettledEvent& a, const SettledEvent& b)
{
    return a.event < b.event;
}

}  // namespace

RequestMap*
read_all_requests(Oid schema)
{
    auto* const map = make_owned<RequestMap>();
    TableReading reading = begin_reading(relations_in(schema)->request_log);

    while (next_row(&reading)) {
        const MemoryContext before = MemoryContextSwitchTo(reading.row_memory);
        add_request(reading, map);
        MemoryContextSwitchTo(before);
    }
    end_reading(&reading);
    call_cpp("put requests together", [&] { map->Finish(); });
    return map;
}

SettledEvents
read_all_settlements(Oid schema)
{
    int64 room = 1024;
    SettledEvents all = {static_cast<SettledEvent*>(palloc(sizeof(SettledEvent) * room)), 0, 0};
    TableReading reading = begin_reading(relations_in(schema)->settlement);
    bool isnull;

    while (next_row(&reading)) {
        if (all.count == room) {
            room *= 2;
            all.list = static_cast<SettledEvent*>(
                repalloc_huge(all.list, sizeof(SettledEvent) * static_cast<Size>(room)));
        }
        const MemoryContext before = MemoryContextSwitchTo(reading.row_memory);
        all.list[all.count++] = {
            DatumGetInt64(slot_getattr(reading.slot, settlement_column::kEvent, &isnull)),
            SettledFromStatus(text_of(reading, settlement_column::kStatus))};
        MemoryContextSwitchTo(before);
    }
    end_reading(&reading);
    if (!std::is_sorted(all.list, all.list + all.count, is_earlier))
        std::sort(all.list, all.list + all.count, is_earlier);
    return all;
}

/* Events are mostly asked for in their order: the next one is where the last one was, or beside it.
 */
Settled
find_settled(SettledEvents* settlements, int64 event)
{
    SettledEvent* const end = settlements->list + settlements->count;
    SettledEvent* place = settlements->list + settlements->last_found;
    const auto lies_here = [&] {
        return (place == end || place->event >= event) &&
               (place == settlements->list || place[-1].event < event);
    };

    if (!lies_here() && (place == end || (++place, !lies_here())))
        place = std::lower_bound(settlements->list, end, SettledEvent{event, Settled::kNot},
                                 is_earlier);
    settlements->last_found = place - settlements->list;
    return place != end && place->event == event ? place->settled : Settled::kNot;
}

}  // namespace crm_capi
