/*
 * read_functions.cpp - what people read the queue with: capi_payload(), capi_reasons(),
 * capi_reason(), capi_shipper_pid(), capi_stall(), and capi_wake() for the install script.
 */
#include "core/event/payload.hpp"
#include "core/event/reason.hpp"
#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/json.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/base/results.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/dataset_settings.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/queue/log_reader.hpp"
#include "pg/queue/reason_words.hpp"
#include "pg/shared/slots.hpp"
#include "pg/shared/turn_clock.hpp"
#include "pg/shared/wakeup.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_payload);
PG_FUNCTION_INFO_V1(capi_reasons);
PG_FUNCTION_INFO_V1(capi_reason);
PG_FUNCTION_INFO_V1(capi_shipper_pid);
PG_FUNCTION_INFO_V1(capi_stall);
PG_FUNCTION_INFO_V1(capi_wake);
}

namespace crm_capi {

namespace {

/* The server behind a dataset number of the log, or InvalidOid. */
Oid
server_of_number(Oid schema, int32 number)
{
    const Relation table = table_open(relations_in(schema)->dataset, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, dataset_column::kNumber, BTEqualStrategyNumber, F_INT4EQ,
                Int32GetDatum(number));
    const SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    Oid server = InvalidOid;
    if (HeapTupleIsValid(tuple)) {
        bool isnull;
        const Name name = DatumGetName(
            heap_getattr(tuple, dataset_column::kName, RelationGetDescr(table), &isnull));
        server = DatumGetObjectId(
            heap_getattr(tuple, dataset_column::kServer, RelationGetDescr(table), &isnull));
        /* In a restored database the OID may be another's; the name is what it was. */
        if (!SearchSysCacheExists1(FOREIGNSERVEROID, ObjectIdGetDatum(server)) ||
            strcmp(GetForeignServer(server)->servername, NameStr(*name)) != 0)
            server = get_foreign_server_oid(NameStr(*name), true);
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return server;
}

/* The event object alone, without the request around it. */
const char*
event_json(const DatasetSettings& settings, const LoggedEvent& event)
{
    char* json = nullptr;

    call_cpp("build the payload of the event", [&] {
        const DatasetConfig config = MakeConfig(settings);
        std::string out;
        AppendEvent(config.constants, MakeEvent(event), &out);
        json = CopyToPalloc(out);
    });
    return from_utf8(json);
}

/* An ERROR about an event that is there, and is not sent. */
void
report_no_payload(int64 id, int sqlstate, const char* detail, const char* hint)
{
    ereport(ERROR, (errcode(sqlstate), errmsg("event " INT64_FORMAT " has no payload", id),
                    errdetail("%s", detail), errhint("%s", hint)));
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_payload(PG_FUNCTION_ARGS)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    const int64 id = PG_GETARG_INT64(0);
    LoggedEvent event;
    LogReader* const reader = open_log_at(schema, IdRange{id, id});
    const bool found = next_event(reader, Columns::kAll, &event);

    close_log(reader);
    if (!found)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("event " INT64_FORMAT " does not exist", id),
                        errdetail("The log has no event of this id."),
                        errhint("The view capi_events lists the events.")));
    if (event.parked)
        report_no_payload(id, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "It was parked when it was enqueued, and is never sent.",
                          "See its reason in the view capi_events.");
    if (event.unreadable != Reason::kNone)
        report_no_payload(
            id, ERRCODE_DATA_CORRUPTED,
            event.detail != nullptr ? psprintf("Its %s.", event.detail)
                                    : "Its row holds what can never be sent.",
            "The shipper parks such an event; see its reason in the view capi_events.");
    const Oid server = server_of_number(schema, event.dataset);
    if (!OidIsValid(server))
        report_no_payload(id, ERRCODE_UNDEFINED_OBJECT, "Its dataset does not exist any more.",
                          "Create the server again under its old name.");
    const char* const json = event_json(read_dataset_settings(server, Credentials::kSkip), event);
    PG_RETURN_JSONB_P(parse_json(json));
}

extern "C" Datum
capi_reasons(PG_FUNCTION_ARGS)
{
    TupleDesc columns;
    int count;
    const ReasonText* const table = ReasonTable(&count);
    Tuplestorestate* const results = begin_results(fcinfo, &columns);

    for (int row = 1; row < count; row++) { /* row 0 is kNone: no reason */
        Datum values[] = {text_datum(table[row].code), text_datum(table[row].text),
                          text_datum(table[row].hint)};
        bool nulls[] = {false, false, false};
        tuplestore_putvalues(results, columns, values, nulls);
    }
    PG_RETURN_NULL();
}

/* Views call it for each of their rows, and codes are few: what was made once is kept. */
extern "C" Datum
capi_reason(PG_FUNCTION_ARGS)
{
    FmgrInfo* const function = fcinfo->flinfo;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    if (function->fn_extra == nullptr) {
        auto* const words = static_cast<ReasonWords*>(
            MemoryContextAllocZero(function->fn_mcxt, sizeof(ReasonWords)));
        words->memory = function->fn_mcxt;
        function->fn_extra = words;
    }
    text* const made = reason_for_people(
        find_reason_word(static_cast<ReasonWords*>(function->fn_extra), PG_GETARG_TEXT_PP(0)),
        PG_ARGISNULL(1) ? nullptr : PG_GETARG_TEXT_PP(1));
    if (made == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(made);
}

extern "C" Datum capi_shipper_pid([[maybe_unused]] PG_FUNCTION_ARGS)
{
    const int pid = shipper_pid(MyDatabaseId);

    if (pid == 0)
        PG_RETURN_NULL();
    PG_RETURN_INT32(pid);
}

/* One row, of NULLs if the shipper gets on. */
extern "C" Datum
capi_stall(PG_FUNCTION_ARGS)
{
    Stall stall;
    Datum values[2] = {};
    bool nulls[] = {true, true};

    if (find_stall(slot_of(MyDatabaseId), &stall)) {
        values[0] = TimestampTzGetDatum(stall.since);
        values[1] = CStringGetTextDatum(stall.waits_for);
        nulls[0] = nulls[1] = false;
    }
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result_columns(fcinfo), values, nulls)));
}

extern "C" Datum capi_wake([[maybe_unused]] PG_FUNCTION_ARGS)
{
    announce_on_commit();
    PG_RETURN_VOID();
}
