/*
 * event_functions.cpp - what the views that list events ask for each of them: its state, its
 * attempts, why it is not delivered, and what of it stands in the log.
 *
 * They are called for millions of rows, so none of them has a SET clause, and what one of them has
 * found once serves all of them.
 */
#include "pg/base/texts.hpp"
#include "pg/functions/view_rights.hpp"
#include "pg/queue/event_lookup.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_event_status);
PG_FUNCTION_INFO_V1(capi_event_attempts);
PG_FUNCTION_INFO_V1(capi_event_reason_code);
PG_FUNCTION_INFO_V1(capi_event_reason);
PG_FUNCTION_INFO_V1(capi_event_settled_at);
PG_FUNCTION_INFO_V1(capi_event_next_attempt_at);
PG_FUNCTION_INFO_V1(capi_is_delivered);
PG_FUNCTION_INFO_V1(capi_latest_request);
PG_FUNCTION_INFO_V1(capi_logged_name);
PG_FUNCTION_INFO_V1(capi_logged_time);
PG_FUNCTION_INFO_V1(capi_logged_enqueued_at);
PG_FUNCTION_INFO_V1(capi_given_lead_id);
}

namespace crm_capi {

namespace {

/* The right to know something of events is asked for once in a query, when fn_extra is still empty.
 */
void
require_right(FunctionCallInfo fcinfo)
{
    static const char* const views[] = {"capi_events", "capi_undelivered"};

    if (fcinfo->flinfo->fn_extra == nullptr)
        require_right_to_read(get_func_namespace(fcinfo->flinfo->fn_oid), views, lengthof(views),
                              "states of events",
                              "They need the SELECT privilege on capi_events or capi_undelivered.");
}

/* What is known of the event in the first argument. */
const KnownOfEvent&
known_of_argument(FunctionCallInfo fcinfo, Wanted wanted)
{
    require_right(fcinfo);
    return known_of_event(fcinfo, PG_GETARG_INT64(0), wanted);
}

/* What the dataset in the second argument, which may be NULL, does to an event that is owed. */
DatasetWait
wait_of_argument(FunctionCallInfo fcinfo, const EventFacts& facts)
{
    if (PG_ARGISNULL(1) || !DependsOnDataset(facts))
        return {};
    return wait_of_dataset(fcinfo, PG_GETARG_INT32(1));
}

/* The reason that the views show, with its detail: of what was settled from there, of what waits
 * for its dataset from that, and of what goes again from its latest request, unless an operator has
 * decided that it does. */
Ending
ending_of_argument(FunctionCallInfo fcinfo)
{
    const KnownOfEvent& known = known_of_argument(fcinfo, Wanted::kSettlementToo);
    const EventFacts& facts = known.facts;

    if (IsSettledAsFinal(facts))
        return known.settlement;
    if (IsDelivered(facts) || facts.latest == LatestRequest::kUnderWay)
        return {};
    const DatasetWait wait = wait_of_argument(fcinfo, facts);
    if (wait.is_waiting)
        return wait.ending;
    return facts.settled == Settled::kNot ? known.request : Ending{};
}

/* A state of EventStatus() as a value, made once for the process. */
Datum
status_datum(std::string_view status)
{
    static struct {
        const char* word; /* they are constants */
        text* made;
    } kept[16];
    size_t i = 0;

    while (i < lengthof(kept) && kept[i].made != nullptr && kept[i].word != status.data())
        i++;
    if (i == lengthof(kept))
        return text_datum(status);
    if (kept[i].made == nullptr) {
        const MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
        kept[i] = {status.data(), make_text(status)};
        MemoryContextSwitchTo(before);
    }
    return PointerGetDatum(kept[i].made);
}

/* The row of the log of the event in the first argument. */
LoggedRow
logged_row_of_argument(FunctionCallInfo fcinfo)
{
    require_right(fcinfo);
    return logged_row_of(fcinfo, PG_GETARG_INT64(0));
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

/* The number of the dataset may be NULL, the event may not. */
extern "C" Datum
capi_event_status(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const EventFacts& facts = known_of_argument(fcinfo, Wanted::kSettlementToo).facts;
    PG_RETURN_DATUM(status_datum(EventStatus(facts, wait_of_argument(fcinfo, facts).is_waiting)));
}

extern "C" Datum
capi_event_attempts(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(known_of_argument(fcinfo, Wanted::kRequests).attempts);
}

/* Arguments as above. */
extern "C" Datum
capi_event_reason_code(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const Ending ending = ending_of_argument(fcinfo);
    if (ending.reason == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(ending.reason->code);
}

/* Arguments as above. */
extern "C" Datum
capi_event_reason(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const Ending ending = ending_of_argument(fcinfo);
    text* const words = reason_for_people(ending.reason, ending.detail);
    if (words == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(words);
}

/* NULL unless it was tried, is tried again, or waits for its dataset, and a pause is what it waits
 * for: of its own latest request, or of the dataset. */
extern "C" Datum
capi_event_next_attempt_at(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    const KnownOfEvent& known = known_of_argument(fcinfo, Wanted::kSettlementToo);
    const EventFacts& facts = known.facts;
    if (!facts.is_in_doubt && !DependsOnDataset(facts))
        PG_RETURN_NULL();
    const DatasetWait wait = wait_of_dataset(fcinfo, PG_GETARG_INT32(1));
    const std::string_view status = EventStatus(facts, wait.is_waiting);
    const TimestampTz next = Max(known.request.next_attempt_at, wait.ending.next_attempt_at);
    if (next == 0 || (status != "retry" && status != "in_doubt" && status != "held"))
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(next);
}

/* When it became final; NULL for an event that is owed. */
extern "C" Datum
capi_event_settled_at(PG_FUNCTION_ARGS)
{
    const KnownOfEvent& known = known_of_argument(fcinfo, Wanted::kSettlementToo);

    if (IsDelivered(known.facts))
        PG_RETURN_TIMESTAMPTZ(known.request.at);
    if (!IsSettledAsFinal(known.facts))
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(known.settlement.at);
}

extern "C" Datum
capi_is_delivered(PG_FUNCTION_ARGS)
{
    PG_RETURN_BOOL(IsDelivered(known_of_argument(fcinfo, Wanted::kRequests).facts));
}

extern "C" Datum
capi_latest_request(PG_FUNCTION_ARGS)
{
    const int64 request = known_of_argument(fcinfo, Wanted::kRequests).latest_request;

    if (request == 0)
        PG_RETURN_NULL();
    PG_RETURN_INT64(request);
}

extern "C" Datum
capi_logged_name(PG_FUNCTION_ARGS)
{
    const LoggedRow row = logged_row_of_argument(fcinfo);

    if (row.name == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(row.name);
}

extern "C" Datum
capi_logged_time(PG_FUNCTION_ARGS)
{
    const LoggedRow row = logged_row_of_argument(fcinfo);

    if (!row.has_time)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(row.event_time);
}

extern "C" Datum
capi_logged_enqueued_at(PG_FUNCTION_ARGS)
{
    const LoggedRow row = logged_row_of_argument(fcinfo);

    if (!row.is_found)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(row.enqueued_at);
}

/* Ids that Meta gave are positive (src/pg/row/row_event.cpp). */
extern "C" Datum
capi_given_lead_id(PG_FUNCTION_ARGS)
{
    if (PG_GETARG_INT64(0) <= 0)
        PG_RETURN_NULL();
    PG_RETURN_INT64(PG_GETARG_INT64(0));
}
