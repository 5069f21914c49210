/*
 * send_test_event.cpp - capi_send_test_event(): one event, now, in the caller's session.
 *
 * It has nothing to do with the queue: nothing is written, and what Meta answers is returned. USAGE
 * on the dataset is the right to send; the credentials are read for the caller, who may not read
 * them.
 */
#include <string>

#include "core/answer/trial_event.hpp"
#include "core/dispatch/dataset_config.hpp"
#include "core/event/digest.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/json.hpp"
#include "pg/base/owned.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/base/statement.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/dataset_settings.hpp"
#include "pg/catalog/options.hpp"
#include "pg/catalog/origin.hpp"
#include "pg/functions/session_requests.hpp"
#include "pg/functions/unsendable.hpp"
#include "pg/queue/event_log.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_send_test_event);
}

namespace crm_capi {

namespace {

namespace test_argument {
enum { kLeadId, kTestEventCode, kDataset, kEventName };
}

/* What is asked for, in UTF-8. */
struct TestEvent {
    int64 lead_id;
    const char* code;
    const char* name;
    UnixMicros time;
};

/* An ERROR that says which argument is wrong. The event happens now. */
TestEvent
read_arguments(FunctionCallInfo fcinfo)
{
    TestEvent event;

    require_argument(fcinfo, test_argument::kLeadId, "lead_id");
    require_argument(fcinfo, test_argument::kTestEventCode, "test_event_code");
    require_argument(fcinfo, test_argument::kEventName, "event_name");
    check_lead_id(PG_GETARG_INT64(test_argument::kLeadId));
    check_event_name(PG_GETARG_TEXT_PP(test_argument::kEventName));
    const char* const code = text_to_cstring(PG_GETARG_TEXT_PP(test_argument::kTestEventCode));
    if (!is_test_event_code(code))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("argument \"test_event_code\" is not a test event code"),
                        errdetail("It must be a code of 1 to 100 characters."),
                        errhint("Events Manager shows the code on the page of the test events.")));
    event.lead_id = PG_GETARG_INT64(test_argument::kLeadId);
    event.code = to_utf8(code);
    event.name = to_utf8(text_to_cstring(PG_GETARG_TEXT_PP(test_argument::kEventName)));
    event.time = now_micros();
    return event;
}

/* How the dataset is set, with its credentials. Its mode does not matter: trying a dataset before
 * it goes live is what test events are for. */
DatasetSettings
read_settings(Oid schema, Oid server)
{
    DatasetSettings settings = read_dataset_settings(server, Credentials::kRead);

    if (settings.hold == Reason::kNone && settings.access_token == nullptr)
        settings.hold = Reason::kTokenMissing; /* a dry run needs none */
    const Hold place = place_hold(server, is_registered_elsewhere(schema, server));
    if (place.reason != Reason::kNone) {
        settings.hold = place.reason;
        settings.hold_detail = psprintf("This is %s: %s.", this_place(), place.detail);
    }
    if (settings.hold != Reason::kNone) {
        const ReasonText& why = Describe(settings.hold);
        const char* const detail = settings.hold_detail;
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot send to dataset \"%s\": %.*s", settings.name,
                               static_cast<int>(why.text.size()), why.text.data()),
                        detail ? errdetail_internal("%s", detail) : 0,
                        errhint("%.*s", static_cast<int>(why.hint.size()), why.hint.data())));
    }
    return settings;
}

/* What is needed after the answer has come. Owned by a memory context. */
struct TestState {
    DatasetConfig config;
    std::string event_id;
    SessionRequests requests;
};

/* C++ regime. */
void
Prepare(const DatasetSettings& settings, const TestEvent& asked, TestState* state)
{
    Event event;

    state->config = MakeConfig(settings);
    state->config.constants.test_event_code = asked.code;
    event.lead_id = asked.lead_id;
    event.texts = EventTexts({asked.name});
    event.event_time = asked.time;
    state->event_id = EventId(state->config.constants.dataset_id, event);
    state->requests.list.emplace_back();
    state->requests.list.front().request = BuildRequest(state->config, {event});
}

/* What Meta has answered, cleaned of secrets, in current memory and in UTF-8. */
const char*
answer_json(const TestState* state)
{
    const char* json = nullptr;

    call_cpp("describe the answer", [&] {
        const Secrets secrets = {state->config.access_token, state->config.app_secret};
        json = CopyToPalloc(DescribeTrialEvent(state->requests.list.front().answer, secrets,
                                               state->event_id,
                                               state->config.constants.test_event_code));
    });
    return json;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_send_test_event(PG_FUNCTION_ARGS)
{
    const TestEvent event = read_arguments(fcinfo);
    const Oid server = require_dataset(PG_ARGISNULL(test_argument::kDataset)
                                           ? nullptr
                                           : NameStr(*PG_GETARG_NAME(test_argument::kDataset)));
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);

    refuse_forgotten(schema, event.lead_id);
    const DatasetSettings settings = read_settings(schema, server);
    /* A context of its own, so that the connection ends here and not with the query. */
    const MemoryContext room =
        AllocSetContextCreate(CurrentMemoryContext, "crm_capi test event", ALLOCSET_SMALL_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(room);
    auto* const state = make_owned<TestState>();

    call_cpp("build the test event", [&] { Prepare(settings, event, state); });
    run_session_requests(&state->requests, "CrmCapiTestEvent");
    MemoryContextSwitchTo(before);
    const char* const json = answer_json(state);
    MemoryContextDelete(room);
    /* Where the database cannot hold what Meta says, it is lost rather than the answer. */
    PG_RETURN_JSONB_P(parse_json(TextDatumGetCString(database_text(json))));
}
