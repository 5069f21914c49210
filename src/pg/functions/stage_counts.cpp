/*
 * stage_counts.cpp - capi_stage_counts(), which the view capi_stage_coverage shows: the whole log
 * in one pass.
 *
 * As SQL it would sort all events by stage and lead, which takes three times as long.
 */
#include "core/event/stage_tally.hpp"
#include "pg/base/owned.hpp"
#include "pg/base/results.hpp"
#include "pg/base/table_reading.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/functions/view_rights.hpp"
#include "pg/queue/all_events.hpp"

extern "C" {
#include "utils/date.h"

PG_FUNCTION_INFO_V1(capi_stage_counts);
}

namespace crm_capi {

namespace {

namespace count_column {
enum {
    kDataset,
    kEventName,
    kDay,
    kLeads,
    kEvents,
    kDelivered,
    kLeadsDelivered,
    kFirstAt,
    kLastAt,
    kColumns
};
}

/* The numbers of a dataset in the log lead to one name; several can lead to the same one. */
struct NamedDataset {
    int32 number;
    NameData name;
};

struct Datasets {
    int count;
    int room;
    NamedDataset* list;
};

Datasets
read_dataset_names(Oid schema)
{
    Datasets datasets = {0, 16, static_cast<NamedDataset*>(palloc(sizeof(NamedDataset) * 16))};
    TableReading reading = begin_reading(relations_in(schema)->dataset);
    bool isnull;

    while (next_row(&reading)) {
        if (datasets.count == datasets.room) {
            datasets.room *= 2;
            datasets.list = static_cast<NamedDataset*>(
                repalloc(datasets.list, sizeof(NamedDataset) * datasets.room));
        }
        NamedDataset* const dataset = &datasets.list[datasets.count++];
        dataset->number =
            DatumGetInt32(slot_getattr(reading.slot, dataset_column::kNumber, &isnull));
        dataset->name = *DatumGetName(slot_getattr(reading.slot, dataset_column::kName, &isnull));
    }
    end_reading(&reading);
    return datasets;
}

/* The first place in the list that has the name which the number leads to; -1 for a number that is
 * not there. */
int
place_of_name(const Datasets& datasets, int32 number)
{
    for (int i = 0; i < datasets.count; i++) {
        if (datasets.list[i].number != number)
            continue;
        for (int first = 0; first < i; first++) {
            if (namestrcmp(&datasets.list[first].name, NameStr(datasets.list[i].name)) == 0)
                return first;
        }
        return i;
    }
    return -1;
}

/* An integer of the row, if it is not NULL. */
std::optional<int64_t>
number_in(const TableReading& reading, int column)
{
    bool isnull;
    const Datum value = slot_getattr(reading.slot, column, &isnull);

    return isnull ? std::nullopt : std::optional<int64_t>(DatumGetInt64(value));
}

/* The event in the row of the log. Events without a dataset come to place -1, and so does a number
 * that is not registered. */
StageEvent
read_stage_event(const TableReading& reading, const Datasets& datasets, const RequestMap& requests)
{
    static_assert(std::is_trivially_destructible_v<StageEvent>, "an error may jump over it");
    StageEvent event = {};
    bool isnull;
    const Datum dataset = slot_getattr(reading.slot, event_log_column::kDataset, &isnull);
    event.dataset = isnull ? -1 : place_of_name(datasets, DatumGetInt32(dataset));
    const Datum name = slot_getattr(reading.slot, event_log_column::kEventName, &isnull);
    if (!isnull)
        event.stage = text_view(DatumGetTextPP(name));
    event.time = number_in(reading, event_log_column::kEventTime);
    if (event.time && TIMESTAMP_NOT_FINITE(*event.time))
        event.time = std::nullopt; /* nobody enqueues it, and it lies on no day */
    event.lead = number_in(reading, event_log_column::kLeadId);
    event.is_delivered = requests.Find(*number_in(reading, event_log_column::kId)).state ==
                         static_cast<int>(LatestRequest::kDelivered);
    return event;
}

/* One pass over the log. */
void
count_events(Oid schema, const Datasets& datasets, StageTally* tally)
{
    const RequestMap* const requests = read_all_requests(schema, nullptr)->map;
    TableReading reading = begin_reading(relations_in(schema)->event_log);

    while (next_row(&reading)) {
        const MemoryContext before = MemoryContextSwitchTo(reading.row_memory);
        const StageEvent event = read_stage_event(reading, datasets, *requests);
        MemoryContextSwitchTo(before);
        call_cpp("count an event", [&] { tally->Add(event); });
    }
    end_reading(&reading);
}

/* A row of the result. */
void
put_day(const StageDay& day, const Datasets& datasets, Tuplestorestate* results, TupleDesc columns)
{
    Datum values[count_column::kColumns] = {};
    bool nulls[count_column::kColumns] = {};

    nulls[count_column::kDataset] = day.dataset < 0;
    if (day.dataset >= 0)
        values[count_column::kDataset] = NameGetDatum(&datasets.list[day.dataset].name);
    nulls[count_column::kEventName] = !day.stage;
    if (day.stage)
        values[count_column::kEventName] = text_datum(*day.stage);
    nulls[count_column::kDay] = nulls[count_column::kFirstAt] = nulls[count_column::kLastAt] =
        !day.day;
    if (day.day)
        values[count_column::kDay] = DateADTGetDatum(static_cast<DateADT>(*day.day));
    values[count_column::kLeads] = Int64GetDatum(day.leads);
    values[count_column::kEvents] = Int64GetDatum(day.events);
    values[count_column::kDelivered] = Int64GetDatum(day.delivered);
    values[count_column::kLeadsDelivered] = Int64GetDatum(day.leads_delivered);
    values[count_column::kFirstAt] = TimestampTzGetDatum(day.first_at);
    values[count_column::kLastAt] = TimestampTzGetDatum(day.last_at);
    tuplestore_putvalues(results, columns, values, nulls);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_stage_counts(PG_FUNCTION_ARGS)
{
    static const char* const views[] = {"capi_stage_coverage"};
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    TupleDesc columns;

    require_right_to_read(schema, views, lengthof(views), "stages",
                          "They need the SELECT privilege on capi_stage_coverage.");
    Tuplestorestate* const results = begin_results(fcinfo, &columns);
    const Datasets datasets = read_dataset_names(schema);
    auto* const tally = make_owned<StageTally>();
    auto* const days = make_owned<std::vector<StageDay>>();
    count_events(schema, datasets, tally);
    call_cpp("count leads", [&] { *days = tally->Finish(); });
    for (const StageDay& day : *days)
        put_day(day, datasets, results, columns);
    PG_RETURN_NULL();
}
