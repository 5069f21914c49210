/*
 * send_lead_event.cpp - capi_send_lead_event(): one event, checked and enqueued by hand.
 *
 * What a trigger would park is an error here: the caller is there to put it right.
 */
#include <optional>

#include "core/event/consent.hpp"
#include "core/event/payload.hpp"
#include "core/event/validation.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/json.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/phone_country.hpp"
#include "pg/functions/unsendable.hpp"
#include "pg/queue/consent.hpp"
#include "pg/queue/event_log.hpp"
#include "pg/queue/identities.hpp"
#include "pg/watch/column_values.hpp"
#include "pg/watch/watch_arguments.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_send_lead_event);
}

namespace crm_capi {

namespace {

namespace event_argument {
enum {
    kLeadId,
    kEventName,
    kEventTime,
    kDataset,
    kUserData,
    kCustomData,
    kLeadCreatedAt,
    kOptOut,
    kProcessingOptions,
    kProcessingCountry,
    kProcessingState,
};
}

/* An ERROR unless Meta would take the time: not too old, not in the future, not before the lead. */
void
check_event_time(TimestampTz time, std::optional<UnixMicros> lead_created_at)
{
    const TimestampTz now = GetCurrentTimestamp();

    if (TIMESTAMP_NOT_FINITE(time))
        report_unsendable(Reason::kEventTimeUnreadable, "The event time is infinite.");
    const Reason reason =
        JudgeEventTime(to_unix_micros(time), to_unix_micros(now), lead_created_at);
    if (reason != Reason::kNone) {
        const char* const event_time = pstrdup(timestamptz_to_str(time));
        report_unsendable(reason, psprintf("The event time is %s; now it is %s.", event_time,
                                           timestamptz_to_str(now)));
    }
}

/* None if it was not given; an ERROR if it is infinite. */
std::optional<UnixMicros>
lead_created_at(FunctionCallInfo fcinfo)
{
    if (PG_ARGISNULL(event_argument::kLeadCreatedAt))
        return std::nullopt;
    const TimestampTz time = PG_GETARG_TIMESTAMPTZ(event_argument::kLeadCreatedAt);
    if (TIMESTAMP_NOT_FINITE(time))
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                        errmsg("argument \"lead_created_at\" must be finite"),
                        errdetail("The event time is compared with it."),
                        errhint("Leave the argument out if the time is not known.")));
    return to_unix_micros(time);
}

/* A value that is there and cannot be used is for the caller to put right; a blank one or a
 * placeholder says that there is none, and was dropped. */
void
report_unusable(const char* key, const char* cause)
{
    ereport(
        ERROR,
        (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
         errmsg("key \"%s\" of argument \"user_data\" holds a value that cannot be used", key),
         errdetail("%s", cause),
         errhint("See what capi_normalize('%s', value) makes of it, or leave the key out.", key)));
}

/* custom_data stays as it was given, digit by digit: a number must not pass through a double. Only
 * members that are null are dropped, because they say nothing. */
Jsonb*
check_custom_data(Jsonb* given)
{
    JsonbValue member;

    if (VARSIZE(given) > kLargestCustomData)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("argument \"custom_data\" is too large"),
                        errdetail("It takes %d bytes; at most %d are allowed.",
                                  static_cast<int>(VARSIZE(given)), kLargestCustomData),
                        errhint("Leave out what Meta does not need.")));
    if (!JB_ROOT_IS_OBJECT(given))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("argument \"custom_data\" must be a JSON object"),
                        errdetail("Its members are sent as members of custom_data."),
                        errhint("Use jsonb_build_object().")));
    for (const char* const fixed : kFixedCustomData) {
        if (find_member(&given->root, fixed, &member))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("key \"%s\" of argument \"custom_data\" cannot be set", fixed),
                            errdetail("It is written from the dataset's options."),
                            errhint("Leave the key out.")));
    }
    Jsonb* const stripped = DatumGetJsonbP(strip_json_nulls(JsonbPGetDatum(given)));
    return JB_ROOT_COUNT(stripped) > 0 ? stripped : nullptr;
}

/* Without a lead id, the identities alone have to say who it is. */
void
check_identities(FunctionCallInfo fcinfo, Oid server, NewEvent* event)
{
    IdentityReading reading = {};

    if (!PG_ARGISNULL(event_argument::kUserData))
        reading = read_identities(PG_GETARG_JSONB_P(event_argument::kUserData),
                                  default_country_of(server));
    if (reading.unusable)
        report_unusable(reading.unusable, reading.cause);
    const Reason reason = identify(event, &reading);
    if (reason != Reason::kNone)
        report_unsendable(reason, reading.detail ? psprintf("The key is \"%s\".", reading.detail)
                                                 : "Nothing was enqueued.");
}

/* Adds a member to a JSON object that is being written. */
void
add_member(StringInfo json, int member, const char* value)
{
    appendStringInfo(json, "%s\"%s\": %s", json->len > 1 ? ", " : "",
                     kConsentMembers[member].name.data(), value);
}

/* NULL if nothing is said; an ERROR for what Meta does not know. */
Jsonb*
check_consent(FunctionCallInfo fcinfo)
{
    StringInfoData json;

    if ((!PG_ARGISNULL(event_argument::kProcessingCountry) ||
         !PG_ARGISNULL(event_argument::kProcessingState)) &&
        PG_ARGISNULL(event_argument::kProcessingOptions))
        report_lonely_place();
    initStringInfo(&json);
    appendStringInfoChar(&json, '{');
    if (!PG_ARGISNULL(event_argument::kOptOut))
        add_member(&json, 0, PG_GETARG_BOOL(event_argument::kOptOut) ? "true" : "false");
    if (!PG_ARGISNULL(event_argument::kProcessingOptions))
        add_member(&json, 1, print_json(PG_GETARG_JSONB_P(event_argument::kProcessingOptions)));
    for (int i = event_argument::kProcessingCountry; i <= event_argument::kProcessingState; i++) {
        if (!PG_ARGISNULL(i))
            add_member(&json, i - event_argument::kOptOut, psprintf("%d", PG_GETARG_INT32(i)));
    }
    appendStringInfoChar(&json, '}');
    const ConsentWords words = read_consent(json.data);
    if (words.fault != nullptr)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", words.fault),
                        errdetail("Meta knows no other value, and would refuse the event."),
                        errhint("Leave the argument out if the lead has said nothing about it.")));
    return words.consent;
}

/* The event that the call describes, or an ERROR that says which argument is wrong. The dataset and
 * the tombstones are the caller's to look at. */
NewEvent
check_arguments(FunctionCallInfo fcinfo, Oid server)
{
    NewEvent event = {};

    require_argument(fcinfo, event_argument::kEventName, "event_name");
    require_argument(fcinfo, event_argument::kEventTime, "event_time");
    event.has_lead_id = !PG_ARGISNULL(event_argument::kLeadId);
    if (event.has_lead_id) {
        event.lead_id = PG_GETARG_INT64(event_argument::kLeadId);
        check_lead_id(event.lead_id);
    }
    event.event_name = PG_GETARG_TEXT_PP(event_argument::kEventName);
    check_event_name(event.event_name);
    event.has_event_time = true;
    event.event_time = PG_GETARG_TIMESTAMPTZ(event_argument::kEventTime);
    check_event_time(event.event_time, lead_created_at(fcinfo));
    check_identities(fcinfo, server, &event);
    if (!PG_ARGISNULL(event_argument::kCustomData))
        event.custom_data = check_custom_data(PG_GETARG_JSONB_P(event_argument::kCustomData));
    event.consent = check_consent(fcinfo);
    return event;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_send_lead_event(PG_FUNCTION_ARGS)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    const char* const name = PG_ARGISNULL(event_argument::kDataset)
                                 ? nullptr
                                 : NameStr(*PG_GETARG_NAME(event_argument::kDataset));
    const Oid server = require_dataset(name);

    NewEvent event = check_arguments(fcinfo, server);
    refuse_forgotten(schema, event.lead_id);
    event.dataset = dataset_number(schema, server);
    PG_RETURN_INT64(enqueue(schema, event));
}
