/*
 * event_functions.cpp - what the views that list events ask for each of them: capi_event_status(),
 * capi_event_attempts(), capi_latest_request() and capi_given_lead_id().
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
PG_FUNCTION_INFO_V1(capi_latest_request);
PG_FUNCTION_INFO_V1(capi_given_lead_id);
}

namespace crm_capi {

namespace {

/* What is known of the event in the first argument. The right to know it is asked for once in a
 * query, when fn_extra is still empty. */
KnownOfEvent
known_of_argument(FunctionCallInfo fcinfo, Wanted wanted)
{
    static const char* const views[] = {"capi_events", "capi_undelivered"};

    if (fcinfo->flinfo->fn_extra == nullptr)
        require_right_to_read(get_func_namespace(fcinfo->flinfo->fn_oid), views, lengthof(views),
                              "states of events",
                              "They need the SELECT privilege on capi_events or capi_undelivered.");
    return known_of_event(fcinfo, PG_GETARG_INT64(0), wanted);
}

/* Whether the events of a dataset of this health wait for it. */
bool
is_waiting(const text* health)
{
    return text_view(health) == "held" || text_view(health) == "paused";
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

/* The dataset's health may be NULL, the event may not. */
extern "C" Datum
capi_event_status(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const bool waits = !PG_ARGISNULL(1) && is_waiting(PG_GETARG_TEXT_PP(1));
    PG_RETURN_TEXT_P(
        make_text(EventStatus(known_of_argument(fcinfo, Wanted::kSettlementToo).facts, waits)));
}

extern "C" Datum
capi_event_attempts(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(known_of_argument(fcinfo, Wanted::kRequests).attempts);
}

extern "C" Datum
capi_latest_request(PG_FUNCTION_ARGS)
{
    const int64 request = known_of_argument(fcinfo, Wanted::kRequests).latest_request;

    if (request == 0)
        PG_RETURN_NULL();
    PG_RETURN_INT64(request);
}

/* Ids that Meta gave are positive (src/pg/row/row_event.cpp). */
extern "C" Datum
capi_given_lead_id(PG_FUNCTION_ARGS)
{
    if (PG_GETARG_INT64(0) <= 0)
        PG_RETURN_NULL();
    PG_RETURN_INT64(PG_GETARG_INT64(0));
}
