/*
 * all_events.cpp - every request, read once for a query that asks for many events.
 */
#include "pg/queue/all_events.hpp"

#include "pg/base/event_ids.hpp"
#include "pg/base/owned.hpp"
#include "pg/base/table_reading.hpp"
#include "pg/catalog/relations.hpp"

namespace crm_capi {

namespace {

/* What the views tell of a request that has not delivered its events; of others they tell the time
 * alone. Details may be long: they are kept for those requests only. */
Ending
read_ending(const TableReading& reading, bool has_delivered, ReasonWords* words)
{
    Ending ending = {};
    bool isnull;

    const Datum finished = slot_getattr(reading.slot, request_log_column::kFinishedAt, &isnull);
    if (!isnull)
        ending.at = DatumGetTimestampTz(finished);
    const Datum next = slot_getattr(reading.slot, request_log_column::kNextAttemptAt, &isnull);
    if (!isnull)
        ending.next_attempt_at = DatumGetTimestampTz(next);
    const Datum code = slot_getattr(reading.slot, request_log_column::kReasonCode, &isnull);
    if (isnull || has_delivered)
        return ending;
    ending.reason = find_reason_word(words, DatumGetTextPP(code));
    const Datum detail = slot_getattr(reading.slot, request_log_column::kDetail, &isnull);
    if (!isnull) {
        const MemoryContext before = MemoryContextSwitchTo(words->memory);
        ending.detail = DatumGetTextPCopy(detail);
        MemoryContextSwitchTo(before);
    }
    return ending;
}

/* Appends to the endings, which lie in the memory of the requests. */
void
add_ending(AllRequests* all, const Ending& ending)
{
    if (all->count == all->room) {
        all->room *= 2;
        all->endings = static_cast<Ending*>(
            repalloc_huge(all->endings, sizeof(Ending) * static_cast<Size>(all->room)));
    }
    all->endings[all->count++] = ending;
}

/* The row of a request. */
void
add_request(const TableReading& reading, AllRequests* all, ReasonWords* words)
{
    bool isnull;
    bool is_under_way;
    IdRange* ranges;
    const int64 id = DatumGetInt64(slot_getattr(reading.slot, request_log_column::kId, &isnull));
    (void)slot_getattr(reading.slot, request_log_column::kFinishedAt, &is_under_way);
    const std::string_view outcome = text_of(reading, request_log_column::kOutcome);
    const Datum events = slot_getattr(reading.slot, request_log_column::kEvents, &isnull);
    const int count = read_event_ids(events, &ranges);
    const LatestRequest state =
        is_under_way ? LatestRequest::kUnderWay : LatestRequestFromOutcome(outcome);
    const bool has_delivered =
        state == LatestRequest::kDelivered || state == LatestRequest::kDryRun;

    if (words != nullptr)
        add_ending(all, read_ending(reading, has_delivered, words));
    call_cpp("note a request", [&] {
        all->map->AddRequest(
            {id, outcome != "held", outcome == "in_doubt", static_cast<int>(state)});
        for (int i = 0; i < count; i++)
            all->map->AddRange(ranges[i]);
    });
}

}  // namespace

AllRequests*
read_all_requests(Oid schema, ReasonWords* words)
{
    constexpr int64 kFirstRoom = 1024;
    auto* const all = static_cast<AllRequests*>(palloc0(sizeof(AllRequests)));

    all->map = make_owned<RequestMap>();
    all->room = kFirstRoom;
    all->endings = static_cast<Ending*>(palloc(sizeof(Ending) * kFirstRoom));
    TableReading reading = begin_reading(relations_in(schema)->request_log);
    while (next_row(&reading)) {
        const MemoryContext before = MemoryContextSwitchTo(reading.row_memory);
        add_request(reading, all, words);
        MemoryContextSwitchTo(before);
    }
    end_reading(&reading);
    call_cpp("put requests together", [&] { all->map->Finish(); });
    return all;
}

}  // namespace crm_capi
