/*
 * event_lookup.cpp - what requests and settlements say of an event, for the views that list events.
 *
 * All functions that a query calls for an event share what one of them has found: it belongs to the
 * memory of the query, and goes with it.
 */
#include "pg/queue/event_lookup.hpp"

#include <algorithm>

#include "pg/base/statement.hpp"
#include "pg/base/table_reading.hpp"
#include "pg/catalog/relations.hpp"

namespace crm_capi {

namespace {

/* So many are looked up one by one; it takes about as long as reading the requests of a day. */
constexpr int kFew = 200;

/* Tells the snapshots of one transaction apart. The memory of a query can outlive it: PL/pgSQL
 * keeps what it calculates with for the whole transaction. */
struct SnapshotMark {
    TransactionId xmin;
    TransactionId xmax;
    CommandId command;
    SubTransactionId subtransaction;
    uint64 completions;
};

struct Datasets {
    DatasetWait* list; /* by number; NULL = not read */
    int count;
};

struct EventLookup {
    MemoryContext query; /* whose it is */
    MemoryContextCallback forget;
    EventLookup* next;
    Oid schema;
    SnapshotMark mark;
    int asked;             /* events that were looked up one by one */
    int asked_rows;        /* likewise, of the log */
    int64 event;           /* the latest that was asked for; 0 = none */
    Wanted wanted;         /* what was found about it */
    KnownOfEvent known;    /* of that event */
    IdRange alike;         /* of which `known` says the same, but for a settlement; may be empty */
    MemoryContext memory;  /* of what is below */
    AllRequests* requests; /* NULL = not read */
    SettledBlocks settlements;
    Datasets datasets;
    ReasonWords words;
};

EventLookup* lookups = nullptr; /* of queries that are under way */

/* MemoryContextCallback of the query's memory. */
void
forget(void* argument)
{
    EventLookup** place = &lookups;

    while (*place != nullptr && *place != argument)
        place = &(*place)->next;
    if (*place != nullptr)
        *place = (*place)->next;
}

/* In the memory of the query, which takes it off the list when it goes. */
EventLookup*
make_lookup(MemoryContext query, Oid schema)
{
    auto* const lookup =
        static_cast<EventLookup*>(MemoryContextAllocZero(query, sizeof(EventLookup)));

    lookup->query = query;
    lookup->schema = schema;
    lookup->memory =
        AllocSetContextCreate(query, "crm_capi states of events", ALLOCSET_DEFAULT_SIZES);
    lookup->forget.func = forget;
    lookup->forget.arg = lookup;
    MemoryContextRegisterResetCallback(query, &lookup->forget);
    lookup->next = lookups;
    lookups = lookup;
    return lookup;
}

/* Together with the transaction, whose memory holds it, this says which snapshot it was. */
SnapshotMark
mark_of(Snapshot snapshot)
{
    return {snapshot->xmin, snapshot->xmax, snapshot->curcid, GetCurrentSubTransactionId(),
            snapshot->snapXactCompletionCount};
}

/* Whether nothing can have become visible, or have gone, from the one to the other. */
bool
is_same_mark(const SnapshotMark& a, const SnapshotMark& b)
{
    return a.xmin == b.xmin && a.xmax == b.xmax && a.command == b.command &&
           a.subtransaction == b.subtransaction && a.completions == b.completions;
}

/* What was found under another snapshot is forgotten. */
void
heed_snapshot(EventLookup* lookup)
{
    const SnapshotMark mark = mark_of(GetActiveSnapshot());

    if (is_same_mark(mark, lookup->mark))
        return;
    MemoryContextReset(lookup->memory);
    lookup->mark = mark;
    lookup->asked = 0;
    lookup->asked_rows = 0;
    lookup->event = 0;
    lookup->alike = {0, -1};
    lookup->requests = nullptr;
    lookup->words = {lookup->memory, nullptr};
    lookup->settlements = {};
    lookup->settlements.schema = lookup->schema;
    lookup->settlements.memory = lookup->memory;
    lookup->settlements.words = &lookup->words;
    lookup->datasets = {nullptr, 0};
}

/* The one of the query that calls. */
EventLookup*
lookup_of(FunctionCallInfo fcinfo)
{
    FmgrInfo* const function = fcinfo->flinfo;
    auto* lookup = static_cast<EventLookup*>(function->fn_extra);

    if (lookup == nullptr) {
        for (lookup = lookups; lookup != nullptr && lookup->query != function->fn_mcxt;)
            lookup = lookup->next;
        if (lookup == nullptr)
            lookup = make_lookup(function->fn_mcxt, get_func_namespace(function->fn_oid));
        function->fn_extra = lookup;
    }
    heed_snapshot(lookup);
    return lookup;
}

/* How it ended, from the first row of the latest result: a reason code, a detail, a time and that
 * of the next attempt from this column on. Kept with the words. */
Ending
ending_result(int column, ReasonWords* words)
{
    const HeapTuple row = SPI_tuptable->vals[0];
    const TupleDesc columns = SPI_tuptable->tupdesc;
    const MemoryContext before = MemoryContextSwitchTo(words->memory);
    Ending ending = {};
    bool isnull;

    Datum value = SPI_getbinval(row, columns, column, &isnull);
    if (!isnull)
        ending.reason = find_reason_word(words, DatumGetTextPP(value));
    value = SPI_getbinval(row, columns, column + 1, &isnull);
    if (!isnull)
        ending.detail = DatumGetTextPCopy(value);
    value = SPI_getbinval(row, columns, column + 2, &isnull);
    if (!isnull)
        ending.at = DatumGetTimestampTz(value);
    value = SPI_getbinval(row, columns, column + 3, &isnull);
    if (!isnull)
        ending.next_attempt_at = DatumGetTimestampTz(value);
    MemoryContextSwitchTo(before);
    return ending;
}

/* The row that look_up_event() has found. */
KnownOfEvent
read_result(ReasonWords* words)
{
    KnownOfEvent known = {};
    const char* const latest = result_text(0, 4);

    known.latest_request = result_int8(0, 1);
    known.attempts = static_cast<int32>(result_int8(0, 2));
    known.facts.is_in_doubt = result_bool(0, 3);
    known.facts.latest = known.latest_request == 0        ? LatestRequest::kNone
                         : strcmp(latest, "sending") == 0 ? LatestRequest::kUnderWay
                                                          : LatestRequestFromOutcome(latest);
    known.facts.settled = SettledFromStatus(result_text(0, 5));
    known.request = ending_result(6, words);
    known.settlement = ending_result(10, words);
    return known;
}

/* By the indexes. The functions that call this have no SET clause, which would cost more than they
 * do, so names are made to mean what they say here. */
KnownOfEvent
look_up_event(Oid schema, int64 event, ReasonWords* words)
{
    static Statement statement = {
        "WITH tried AS MATERIALIZED (SELECT q.id, q.outcome, q.finished_at, q.reason_code, "
        "q.detail,"
        " q.next_attempt_at"
        " FROM @.capi_request_log q WHERE q.events::int8multirange @> $1)"
        " SELECT coalesce(l.id, 0),"
        " (SELECT count(*) FROM tried t WHERE t.outcome IS DISTINCT FROM 'held'),"
        " EXISTS (SELECT FROM tried t WHERE t.outcome = 'in_doubt'),"
        " CASE WHEN l.finished_at IS NULL THEN 'sending' ELSE coalesce(l.outcome, '') END,"
        " coalesce(s.status, ''), l.reason_code, l.detail, l.finished_at,"
        " l.next_attempt_at, s.reason_code, s.detail, s.settled_at, NULL::timestamptz"
        " FROM (SELECT) one"
        " LEFT JOIN (SELECT * FROM tried t ORDER BY t.id DESC LIMIT 1) l ON true"
        " LEFT JOIN @.capi_settlement s ON s.event = $1",
        nullptr, InvalidOid};
    Parameters parameters = {};
    const int settings = NewGUCNestLevel();

    add_number(&parameters, event, true);
    (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_SAVE, true, 0, false);
    const ActingUser caller = become_queue_owner(schema);
    SPI_connect();
    look_up(schema, &statement, &parameters);
    const KnownOfEvent known = read_result(words);
    SPI_finish();
    become(caller);
    AtEOXact_GUC(true, settings);
    return known;
}

/* From what was read of all requests. */
void
find_among_all(EventLookup* lookup, int64 event)
{
    KnownOfEvent* const known = &lookup->known;
    const EventRequests requests = lookup->requests->map->Find(event);

    *known = {};
    known->latest_request = requests.latest;
    known->attempts = requests.attempts;
    known->facts.is_in_doubt = requests.is_in_doubt;
    if (requests.latest != 0) {
        known->facts.latest = static_cast<LatestRequest>(requests.state);
        known->request = lookup->requests->endings[requests.place];
    }
    lookup->alike = requests.alike;
    lookup->wanted = Wanted::kRequests;
}

/* Whether the event was in the same requests as the one before it, which is what millions of rows
 * in the order of their ids have in common; `known` is then of this one. */
bool
is_like_last(EventLookup* lookup, int64 event)
{
    if (event < lookup->alike.first || event > lookup->alike.last)
        return false;
    if (lookup->known.facts.settled != Settled::kNot) {
        lookup->known.facts.settled = Settled::kNot;
        lookup->known.settlement = {};
    }
    lookup->wanted = Wanted::kRequests;
    return true;
}

/* Adds what the event's settlement says to what its requests say. */
void
add_settlement(EventLookup* lookup, int64 event)
{
    const SettledEvent* const settled = find_settled(&lookup->settlements, event);

    if (settled != nullptr) {
        lookup->known.facts.settled = settled->settled;
        lookup->known.settlement = settled->ending;
    }
    lookup->wanted = Wanted::kSettlementToo;
}

/* Whether the query does not ask for many. One that is planned in parallel does. */
bool
asks_for_few(int* asked)
{
    return !IsInParallelMode() && (*asked)++ < kFew;
}

/* One by one, with its settlement, as long as few were asked for; then its requests alone. */
void
look_for(EventLookup* lookup, int64 event)
{
    lookup->event = 0; /* should what follows fail */
    lookup->alike = {0, -1};
    if (lookup->requests == nullptr && asks_for_few(&lookup->asked)) {
        lookup->known = look_up_event(lookup->schema, event, &lookup->words);
        lookup->wanted = Wanted::kSettlementToo;
        return;
    }
    if (lookup->requests == nullptr) {
        const MemoryContext before = MemoryContextSwitchTo(lookup->memory);
        lookup->requests = read_all_requests(lookup->schema, &lookup->words);
        MemoryContextSwitchTo(before);
    }
    find_among_all(lookup, event);
}

/* The row of a dataset. */
DatasetWait
read_dataset(const TableReading& reading, ReasonWords* words)
{
    DatasetWait wait = {};
    bool isnull;
    const std::string_view health = text_of(reading, dataset_column::kHealth);

    wait.number = DatumGetInt32(slot_getattr(reading.slot, dataset_column::kNumber, &isnull));
    wait.is_waiting = health == "held" || health == "paused";
    const Datum code = slot_getattr(reading.slot, dataset_column::kReasonCode, &isnull);
    if (!isnull)
        wait.ending.reason = find_reason_word(words, DatumGetTextPP(code));
    const Datum detail = slot_getattr(reading.slot, dataset_column::kDetail, &isnull);
    if (!isnull)
        wait.ending.detail = DatumGetTextPCopy(detail);
    const Datum next = slot_getattr(reading.slot, dataset_column::kNextAttemptAt, &isnull);
    if (!isnull)
        wait.ending.next_attempt_at = DatumGetTimestampTz(next);
    return wait;
}

/* The order of the list. */
bool
has_smaller_number(const DatasetWait& a, const DatasetWait& b)
{
    return a.number < b.number;
}

/* Every dataset that events were enqueued for; in current memory. */
Datasets
read_waits(Oid schema, ReasonWords* words)
{
    int room = 16;
    Datasets all = {static_cast<DatasetWait*>(palloc(sizeof(DatasetWait) * room)), 0};
    TableReading reading = begin_reading(relations_in(schema)->dataset);

    while (next_row(&reading)) {
        if (all.count == room) {
            room *= 2;
            all.list = static_cast<DatasetWait*>(repalloc(all.list, sizeof(DatasetWait) * room));
        }
        all.list[all.count++] = read_dataset(reading, words);
    }
    end_reading(&reading);
    std::sort(all.list, all.list + all.count, has_smaller_number);
    return all;
}

}  // namespace

const KnownOfEvent&
known_of_event(FunctionCallInfo fcinfo, int64 event, Wanted wanted)
{
    EventLookup* const lookup = lookup_of(fcinfo);

    /* Several columns of a row ask for the same event. */
    if (lookup->event != event || event == 0) {
        if (!is_like_last(lookup, event))
            look_for(lookup, event);
        lookup->event = event;
    }
    if (lookup->wanted < wanted && !IsDelivered(lookup->known.facts))
        add_settlement(lookup, event);
    return lookup->known;
}

DatasetWait
wait_of_dataset(FunctionCallInfo fcinfo, int32 number)
{
    EventLookup* const lookup = lookup_of(fcinfo);

    if (lookup->datasets.list == nullptr) {
        const MemoryContext before = MemoryContextSwitchTo(lookup->memory);
        lookup->datasets = read_waits(lookup->schema, &lookup->words);
        MemoryContextSwitchTo(before);
    }
    const DatasetWait* const first = lookup->datasets.list;
    const DatasetWait* const end = first + lookup->datasets.count;
    const DatasetWait* const place =
        std::lower_bound(first, end, DatasetWait{number, false, {}}, has_smaller_number);
    return place != end && place->number == number ? *place : DatasetWait{};
}

LoggedRow
logged_row_of(FunctionCallInfo fcinfo, int64 event)
{
    EventLookup* const lookup = lookup_of(fcinfo);

    return find_logged_row(&lookup->settlements, event, asks_for_few(&lookup->asked_rows));
}

}  // namespace crm_capi
