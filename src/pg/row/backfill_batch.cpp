/*
 * backfill_batch.cpp - events that capi_backfill() has read from a table, held against the queue.
 *
 * An application may stamp the time of leads that stay where they are, and somebody may rename a
 * stage: neither is a change that the watch has missed. So the event of the lead that is latest in
 * the queue counts, too: if it has the stage at another time, or the time under another name, then
 * what the row shows was told already.
 *
 * Known is what has the same event_id at Meta: dataset, lead, stage and event time, or dataset,
 * lead and stage if the watch sends each stage once. What was parked when it was enqueued has never
 * been owed, and does not count: if the watch has been put right since, this is the gap.
 */
#include "pg/row/backfill_batch.hpp"

#include "pg/base/statement.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/queue/tombstone.hpp"
#include "pg/row/row_event.hpp"

namespace crm_capi {

namespace {

/* Without an index on leads each batch reads the log once, so it must not be small; ten megabytes
 * at the most. */
constexpr int kBatchSize = 20000;

/* What becomes of an event; kMissing = the queue does not know it, and nothing is done about it. */
enum class Action {
    kEnqueued,
    kMissing,
    kKnown,
    kKnownAtOtherTime,
    kKnownUnderOtherName,
    kSkipped,
    kForgotten
};

constexpr const char* kActionNames[] = {
    "enqueued", "would be enqueued", "known", "known at another time", "known under another name",
    "skipped",  "forgotten"};

namespace result_column {
enum {
    kDataset,
    kLeadId,
    kEventName,
    kEventTime,
    kAction,
    kReasonCode,
    kEventId,
    kKnownName,
    kKnownTime,
    kEnd
};
}

struct Finding {
    Action action;
    Reason reason;
    int64 id;         /* in the queue; 0 = none */
    text* known_name; /* of the event in the queue that says the same otherwise; else NULL */
    TimestampTz known_time;
};

/* Puts a row into the result. */
void
report(Backfill* backfill, const Watch* watch, const NewEvent& event, const Finding& finding)
{
    Datum values[result_column::kEnd] = {};
    bool nulls[result_column::kEnd] = {};
    NameData dataset;
    const auto set = [&](int column, bool present, Datum value) {
        values[column] = present ? value : static_cast<Datum>(0);
        nulls[column] = !present;
    };
    const std::string_view reason = Describe(finding.reason).code;

    namestrcpy(&dataset, GetForeignServer(watch->server)->servername);
    set(result_column::kDataset, true, NameGetDatum(&dataset));
    /* What stands for the CRM's own key is nobody's business but the queue's. */
    set(result_column::kLeadId, event.has_lead_id && event.lead_id > 0,
        Int64GetDatum(event.lead_id));
    set(result_column::kEventName, event.event_name != nullptr, PointerGetDatum(event.event_name));
    set(result_column::kEventTime, event.has_event_time, TimestampTzGetDatum(event.event_time));
    set(result_column::kAction, true,
        CStringGetTextDatum(kActionNames[static_cast<int>(finding.action)]));
    set(result_column::kReasonCode, finding.reason != Reason::kNone, text_datum(reason));
    set(result_column::kEventId, finding.id != 0, Int64GetDatum(finding.id));
    set(result_column::kKnownName, finding.known_name != nullptr,
        PointerGetDatum(finding.known_name));
    set(result_column::kKnownTime, finding.known_name != nullptr,
        TimestampTzGetDatum(finding.known_time));
    tuplestore_putvalues(backfill->results, backfill->columns, values, nulls);
}

/* In current memory; NULL stays NULL. */
Jsonb*
copy_json(const Jsonb* json)
{
    if (json == nullptr)
        return nullptr;
    auto* const copy = static_cast<Jsonb*>(palloc(VARSIZE(json)));
    memcpy(copy, json, VARSIZE(json));
    return copy;
}

/* Copies the event into the batch. */
void
keep_row(Backfill* backfill, const NewEvent& event)
{
    const MemoryContext before = MemoryContextSwitchTo(backfill->batch_memory);

    if (backfill->count == 0)
        backfill->events = static_cast<NewEvent*>(palloc(sizeof(NewEvent) * kBatchSize));
    NewEvent* const kept = &backfill->events[backfill->count++];
    *kept = event;
    kept->event_name = DatumGetTextPCopy(PointerGetDatum(event.event_name));
    kept->user_data = copy_json(event.user_data);
    kept->custom_data = copy_json(event.custom_data);
    kept->recheck = copy_json(event.recheck);
    kept->consent = copy_json(event.consent);
    kept->dropped = copy_json(event.dropped);
    MemoryContextSwitchTo(before);
}

/*
 * The queue
 */

/* One value of each event of the batch as an array, for the statement below. None of them is NULL.
 */
Datum
array_of(const Backfill* backfill, Oid type, Datum (*value)(const NewEvent& event))
{
    auto* const elements = static_cast<Datum*>(palloc(sizeof(Datum) * backfill->count));
    int16 length;
    bool by_value;
    char alignment;

    for (int i = 0; i < backfill->count; i++)
        elements[i] = value(backfill->events[i]);
    get_typlenbyvalalign(type, &length, &by_value, &alignment);
    return PointerGetDatum(
        construct_array(elements, backfill->count, type, length, by_value, alignment));
}

/* One row per event of the batch, in order of event time: its place in the batch, what the queue
 * has of it, whether the batch has it twice, and the latest event of its lead. Several numbers can
 * lead to one dataset. */
constexpr const char* kLookUp =
    "SELECT c.n - 1, min(e.id) FILTER (WHERE e.event_name = c.name AND e.event_time = c.time),"
    " bool_or(r.lead_id IS NOT NULL) OR c.is_repeated,"
    " (array_agg(e.id ORDER BY e.event_time DESC, e.id DESC))[1],"
    " (array_agg(e.event_name ORDER BY e.event_time DESC, e.id DESC))[1],"
    " (array_agg(e.event_time ORDER BY e.event_time DESC, e.id DESC))[1]"
    " FROM (SELECT u.*, row_number() OVER (PARTITION BY u.lead, u.name,"
    "  CASE WHEN $6 THEN NULL ELSE u.time END ORDER BY u.time, u.n) > 1 AS is_repeated"
    "  FROM unnest($1, $2, $3) WITH ORDINALITY AS u (lead, name, time, n)) c"
    " LEFT JOIN @.capi_event_log e ON e.lead_id = c.lead AND NOT e.parked AND e.dataset = ANY"
    "  (ARRAY(SELECT d.number FROM @.capi_dataset d WHERE d.server = $4 OR d.name = $5))"
    " LEFT JOIN @.capi_reached_stage r ON $6 AND r.lead_id = c.lead"
    "  AND r.event_name = c.name AND r.dataset_id = $7"
    " GROUP BY c.n, c.time, c.is_repeated ORDER BY c.time, c.n";

/* Whoever owns a table may know what the queue has of it, but not read the queue: the statement
 * runs as the queue's owner. */
void
look_up_rows(const Backfill* backfill, const Watch* watch)
{
    const ForeignServer* const server = GetForeignServer(watch->server);
    const char* const dataset_id = option_value(server->options, "dataset_id");
    NameData name;
    Parameters parameters = {};

    namestrcpy(&name, server->servername);
    add(&parameters, INT8ARRAYOID, array_of(backfill, INT8OID, [](const NewEvent& event) {
        return Int64GetDatum(event.lead_id);
    }));
    add(&parameters, TEXTARRAYOID, array_of(backfill, TEXTOID, [](const NewEvent& event) {
        return PointerGetDatum(event.event_name);
    }));
    add(&parameters, TIMESTAMPTZARRAYOID,
        array_of(backfill, TIMESTAMPTZOID,
                 [](const NewEvent& event) { return TimestampTzGetDatum(event.event_time); }));
    add(&parameters, OIDOID, ObjectIdGetDatum(watch->server));
    add(&parameters, NAMEOID, NameGetDatum(&name));
    add(&parameters, BOOLOID, BoolGetDatum(watch->first_only));
    add(&parameters, TEXTOID, CStringGetTextDatum(dataset_id ? dataset_id : ""));
    const ActingUser caller = become_queue_owner(backfill->schema);
    execute_once(backfill->schema, kLookUp, &parameters, SPI_OK_SELECT);
    become(caller);
}

/* What the latest event of the lead, in columns 4 to 6 of the row, says of an event that is not
 * known itself. */
Finding
compare_with_latest(uint64 row, const NewEvent& event)
{
    const HeapTuple tuple = SPI_tuptable->vals[row];
    const TupleDesc columns = SPI_tuptable->tupdesc;
    bool is_null;

    const int64 id = DatumGetInt64(SPI_getbinval(tuple, columns, 4, &is_null));
    if (is_null)
        return {Action::kMissing, Reason::kNone, 0, nullptr, 0};
    text* const name = DatumGetTextPP(SPI_getbinval(tuple, columns, 5, &is_null));
    const TimestampTz time = DatumGetTimestampTz(SPI_getbinval(tuple, columns, 6, &is_null));
    if (is_same_text(name, event.event_name))
        return {Action::kKnownAtOtherTime, Reason::kNone, id, name, time};
    if (time == event.event_time)
        return {Action::kKnownUnderOtherName, Reason::kNone, id, name, time};
    return {Action::kMissing, Reason::kNone, 0, nullptr, 0};
}

/* The place in the batch that a row of look_up_rows()'s result is about. */
int
place_of_row(uint64 row)
{
    bool is_null;

    return static_cast<int>(
        DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &is_null)));
}

/* What the row of look_up_rows()'s result says of the event. */
Finding
read_finding(uint64 row, const NewEvent& event, bool is_first_only)
{
    const HeapTuple tuple = SPI_tuptable->vals[row];
    const TupleDesc columns = SPI_tuptable->tupdesc;
    bool isnull;
    bool is_new;

    const int64 id = DatumGetInt64(SPI_getbinval(tuple, columns, 2, &is_new));
    const bool is_known = !is_new || DatumGetBool(SPI_getbinval(tuple, columns, 3, &isnull));
    if (is_known)
        return {Action::kKnown, Reason::kNone, is_new ? 0 : id, nullptr, 0};
    if (is_first_only) /* the stages that the lead has reached have said all */
        return {Action::kMissing, Reason::kNone, 0, nullptr, 0};
    return compare_with_latest(row, event);
}

/* Enqueues the event if the queue does not know it and this is no dry run, and reports it. */
void
act_on(Backfill* backfill, const Watch* watch, NewEvent* event, Finding finding)
{
    if (backfill->resend && finding.known_name != nullptr)
        finding = {Action::kMissing, Reason::kNone, 0, finding.known_name, finding.known_time};
    if (finding.action == Action::kMissing && !backfill->dry_run) {
        finding.id = enqueue_for(watch, backfill->schema, event);
        finding.action = finding.id != 0 ? Action::kEnqueued : Action::kKnown;
    }
    report(backfill, watch, *event, finding);
}

}  // namespace

void
take_event(Backfill* backfill, const Watch* watch, const NewEvent& event)
{
    if (event.has_event_time && event.event_time < backfill->since)
        return;
    if (event.parked != Reason::kNone)
        report(backfill, watch, event, {Action::kSkipped, event.parked, 0, nullptr, 0});
    else if (is_forgotten(backfill->schema, event.lead_id))
        report(backfill, watch, event, {Action::kForgotten, Reason::kNone, 0, nullptr, 0});
    else
        keep_row(backfill, event);
}

bool
is_batch_full(const Backfill* backfill)
{
    return backfill->count == kBatchSize;
}

void
judge_batch(Backfill* backfill, const Watch* watch)
{
    if (backfill->count == 0)
        return;
    SPI_connect();
    look_up_rows(backfill, watch);
    for (uint64 row = 0; row < SPI_processed; row++) {
        CHECK_FOR_INTERRUPTS();
        NewEvent* const event = &backfill->events[place_of_row(row)];
        act_on(backfill, watch, event, read_finding(row, *event, watch->first_only));
    }
    SPI_finish();
    backfill->count = 0;
    MemoryContextReset(backfill->batch_memory);
    CommandCounterIncrement(); /* the next batch shall know this one */
}

}  // namespace crm_capi
