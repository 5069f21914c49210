/*
 * send_lead_event.cpp - capi_send_lead_event(): one event, checked and enqueued by hand.
 *
 * What a trigger would park is an error here: the caller is there to put it right.
 */
#include <optional>
#include <string>
#include <string_view>

#include "core/identity.hpp"
#include "core/validation.hpp"
#include "pg/column_values.hpp"
#include "pg/dataset.hpp"
#include "pg/event_log.hpp"
#include "pg/guard.hpp"
#include "pg/pg_prelude.hpp"
#include "pg/refusal.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_send_lead_event);
}

namespace crm_capi {

namespace {

enum Argument {
    kLeadId,
    kEventName,
    kEventTime,
    kDataset,
    kUserData,
    kCustomData,
    kLeadCreatedAt,
};

void
require_argument(FunctionCallInfo fcinfo, Argument argument, const char* name)
{
    if (PG_ARGISNULL(argument))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("argument \"%s\" must not be null", name),
                        errdetail("An event cannot be sent without it."),
                        errhint("Give a value for \"%s\".", name)));
}

void
check_event_time(TimestampTz time, std::optional<UnixMicros> lead_created_at)
{
    const TimestampTz now = GetCurrentTimestamp();

    if (TIMESTAMP_NOT_FINITE(time))
        raise(Reason::kEventTimeUnreadable, "The event time is infinite.");
    const Reason reason =
        JudgeEventTime(to_unix_micros(time), to_unix_micros(now), lead_created_at);
    if (reason != Reason::kNone) {
        const char* const event_time = pstrdup(timestamptz_to_str(time));
        raise(reason,
              psprintf("The event time is %s; now it is %s.", event_time, timestamptz_to_str(now)));
    }
}

std::optional<UnixMicros>
lead_created_at(FunctionCallInfo fcinfo)
{
    if (PG_ARGISNULL(kLeadCreatedAt))
        return std::nullopt;
    const TimestampTz time = PG_GETARG_TIMESTAMPTZ(kLeadCreatedAt);
    if (TIMESTAMP_NOT_FINITE(time))
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                        errmsg("argument \"lead_created_at\" must be finite"),
                        errdetail("The event time is compared with it."),
                        errhint("Leave the argument out if the time is not known.")));
    return to_unix_micros(time);
}

void
report_fault(MemberFault fault, const char* argument, const char* key)
{
    switch (fault) {
        case MemberFault::kNone:
            return;
        case MemberFault::kNotAnObject:
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("argument \"%s\" must be a JSON object", argument),
                            errdetail("Its members are sent as members of %s.", argument),
                            errhint("Use jsonb_build_object().")));
            break;
        case MemberFault::kUnknownKey:
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("key \"%s\" of argument \"%s\" is not known", key, argument),
                            errdetail("The Conversions API has no such identity."),
                            errhint("The keys are listed in the README, section \"Identities\".")));
            break;
        case MemberFault::kFixedKey:
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("key \"%s\" of argument \"%s\" cannot be set", key, argument),
                            errdetail("It is written from the lead id or the dataset's options."),
                            errhint("Leave the key out.")));
            break;
        case MemberFault::kNotHashed:
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("key \"%s\" of argument \"%s\" is not hashed", key, argument),
                     errdetail("It must be a SHA-256 in 64 hexadecimal digits; plain personal data "
                               "is not stored."),
                     errhint("Use encode(sha256(convert_to(lower(btrim(value)), 'UTF8')), "
                             "'hex').")));
            break;
        case MemberFault::kWrongType:
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("key \"%s\" of argument \"%s\" is not a text", key, argument),
                     errdetail("An identity is a text; a hashed one may be a list of texts."),
                     errhint("Convert the value to text.")));
            break;
    }
}

/* Meta publishes no limit. A thousand events of this size make a request that a shipper can hold in
 * memory; one of many megabytes would not, for all its batch mates. */
constexpr int kLargestArgument = 16 * 1024;

void
check_size(const Jsonb* given, const char* argument)
{
    if (VARSIZE(given) > kLargestArgument)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("argument \"%s\" is too large", argument),
                        errdetail("It takes %d bytes; at most %d are allowed.",
                                  static_cast<int>(VARSIZE(given)), kLargestArgument),
                        errhint("Leave out what Meta does not need.")));
}

/* The checked form of user_data; NULL if nothing is left of it. */
Jsonb*
check_user_data(Jsonb* given)
{
    check_size(given, "user_data");
    const char* const printed =
        JsonbToCString(nullptr, &given->root, static_cast<int>(VARSIZE(given)));
    const char* const utf8 = pg_server_to_any(printed, static_cast<int>(strlen(printed)), PG_UTF8);
    MemberFault fault = MemberFault::kNone;
    const char* key = "";
    const char* json = nullptr;

    call_cpp("check the members of user_data", [&] {
        const CheckedMembers checked = CheckUserData(utf8);
        fault = checked.fault;
        key = CopyToPalloc(checked.key);
        json = checked.json.empty() ? nullptr : CopyToPalloc(checked.json);
    });
    report_fault(fault, "user_data", key);
    if (json == nullptr)
        return nullptr;
    const char* const text = pg_any_to_server(json, static_cast<int>(strlen(json)), PG_UTF8);
    return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

bool
has_key(Jsonb* object, const char* name)
{
    JsonbValue key;

    key.type = jbvString;
    key.val.string.val = const_cast<char*>(name);
    key.val.string.len = static_cast<int>(strlen(name));
    return findJsonbValueFromContainer(&object->root, JB_FOBJECT, &key) != nullptr;
}

/* custom_data stays as it was given, digit by digit: a number must not pass through a double. Only
 * members that are null are dropped, because they say nothing. */
Jsonb*
check_custom_data(Jsonb* given)
{
    check_size(given, "custom_data");
    if (!JB_ROOT_IS_OBJECT(given))
        report_fault(MemberFault::kNotAnObject, "custom_data", "");
    for (const char* const fixed : {"event_source", "lead_event_source"}) {
        if (has_key(given, fixed))
            report_fault(MemberFault::kFixedKey, "custom_data", fixed);
    }
    Jsonb* const stripped = DatumGetJsonbP(strip_json_nulls(JsonbPGetDatum(given)));
    return JB_ROOT_COUNT(stripped) > 0 ? stripped : nullptr;
}

NewEvent
check_arguments(FunctionCallInfo fcinfo)
{
    NewEvent event = {};

    require_argument(fcinfo, kLeadId, "lead_id");
    require_argument(fcinfo, kEventName, "event_name");
    require_argument(fcinfo, kEventTime, "event_time");
    event.has_lead_id = true;
    event.lead_id = PG_GETARG_INT64(kLeadId);
    check_lead_id(event.lead_id);
    event.event_name = PG_GETARG_TEXT_PP(kEventName);
    check_event_name(event.event_name);
    event.has_event_time = true;
    event.event_time = PG_GETARG_TIMESTAMPTZ(kEventTime);
    check_event_time(event.event_time, lead_created_at(fcinfo));
    if (!PG_ARGISNULL(kUserData))
        event.user_data = check_user_data(PG_GETARG_JSONB_P(kUserData));
    if (!PG_ARGISNULL(kCustomData))
        event.custom_data = check_custom_data(PG_GETARG_JSONB_P(kCustomData));
    return event;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_send_lead_event(PG_FUNCTION_ARGS)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    const char* const name = PG_ARGISNULL(kDataset) ? nullptr : NameStr(*PG_GETARG_NAME(kDataset));
    const Oid server = require_dataset(name);

    NewEvent event = check_arguments(fcinfo);
    event.dataset = dataset_number(schema, server);
    PG_RETURN_INT64(enqueue(schema, event));
}
