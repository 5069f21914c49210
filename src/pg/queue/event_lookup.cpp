/*
 * event_lookup.cpp - what requests and settlements say of an event, for the views that list events.
 *
 * All functions that a query calls for an event share what one of them has found: it belongs to the
 * memory of the query, and goes with it.
 */
#include "pg/queue/event_lookup.hpp"

#include "pg/base/statement.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/queue/all_events.hpp"

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

struct EventLookup {
    MemoryContext query; /* whose it is */
    MemoryContextCallback forget;
    EventLookup* next;
    Oid schema;
    SnapshotMark mark;
    int asked;            /* events that were looked up one by one */
    int64 event;          /* the latest that was asked for; 0 = none */
    Wanted wanted;        /* what was asked about it */
    KnownOfEvent known;   /* of that event */
    MemoryContext memory; /* of what is below */
    RequestMap* requests; /* NULL = not read */
    SettledEvents settlements;
    bool has_settlements;
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
    lookup->event = 0;
    lookup->requests = nullptr;
    lookup->has_settlements = false;
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

/* The row that look_up_event() has found. */
KnownOfEvent
read_result()
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
    return known;
}

/* By the indexes. The functions that call this have no SET clause, which would cost more than they
 * do, so names are made to mean what they say here. */
KnownOfEvent
look_up_event(Oid schema, int64 event)
{
    static Statement statement = {
        "SELECT coalesce(max(q.id), 0), count(*) FILTER (WHERE q.outcome IS DISTINCT FROM 'held'),"
        " coalesce(bool_or(q.outcome = 'in_doubt'), false),"
        " coalesce((array_agg(CASE WHEN q.finished_at IS NULL THEN 'sending' ELSE q.outcome END"
        " ORDER BY q.id DESC))[1], ''),"
        " coalesce((SELECT s.status FROM @.capi_settlement s WHERE s.event = $1), '')"
        " FROM @.capi_request_log q WHERE q.events @> $1",
        nullptr, InvalidOid};
    Parameters parameters = {};
    const int settings = NewGUCNestLevel();

    add_number(&parameters, event, true);
    (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_SAVE, true, 0, false);
    const ActingUser caller = become_queue_owner(schema);
    SPI_connect();
    look_up(schema, &statement, &parameters);
    const KnownOfEvent known = read_result();
    SPI_finish();
    become(caller);
    AtEOXact_GUC(true, settings);
    return known;
}

/* From what was read of all events. */
KnownOfEvent
find_among_all(EventLookup* lookup, int64 event, Wanted wanted)
{
    KnownOfEvent known = {};
    const EventRequests requests = lookup->requests->Find(event);

    if (wanted == Wanted::kSettlementToo && !lookup->has_settlements) {
        const MemoryContext before = MemoryContextSwitchTo(lookup->memory);
        lookup->settlements = read_all_settlements(lookup->schema);
        lookup->has_settlements = true;
        MemoryContextSwitchTo(before);
    }
    known.latest_request = requests.latest;
    known.attempts = requests.attempts;
    known.facts.is_in_doubt = requests.is_in_doubt;
    if (requests.latest != 0)
        known.facts.latest = static_cast<LatestRequest>(requests.state);
    if (wanted == Wanted::kSettlementToo)
        known.facts.settled = find_settled(&lookup->settlements, event);
    return known;
}

/* One by one as long as few were asked for. */
KnownOfEvent
look_for(EventLookup* lookup, int64 event, Wanted wanted)
{
    if (lookup->requests == nullptr && lookup->asked++ < kFew)
        return look_up_event(lookup->schema, event);
    if (lookup->requests == nullptr) {
        const MemoryContext before = MemoryContextSwitchTo(lookup->memory);
        lookup->requests = read_all_requests(lookup->schema);
        MemoryContextSwitchTo(before);
    }
    return find_among_all(lookup, event, wanted);
}

}  // namespace

KnownOfEvent
known_of_event(FunctionCallInfo fcinfo, int64 event, Wanted wanted)
{
    EventLookup* const lookup = lookup_of(fcinfo);

    /* Several columns of a row ask for the same event. */
    if (lookup->event == event && event != 0 && wanted <= lookup->wanted)
        return lookup->known;
    lookup->event = 0; /* should what follows fail */
    lookup->known = look_for(lookup, event, wanted);
    lookup->event = event;
    lookup->wanted = lookup->requests == nullptr ? Wanted::kSettlementToo : wanted;
    return lookup->known;
}

}  // namespace crm_capi
