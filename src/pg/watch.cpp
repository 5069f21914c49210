/*
 * watch.cpp - capi_watch(), capi_unwatch(): putting the trigger on a CRM table and taking it off.
 *
 * A watch is a trigger and nothing else: its arguments say all, so it shows in \d, it is dumped
 * with its table, and nothing has to be kept in step with it.
 */
#include "core/reason.hpp"
#include "pg/column_values.hpp"
#include "pg/dataset.hpp"
#include "pg/pg_prelude.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_watch);
PG_FUNCTION_INFO_V1(capi_unwatch);
PG_FUNCTION_INFO_V1(capi_trigger_arguments);
}

namespace crm_capi {

namespace {

enum Argument {
    kTarget,
    kLeadId,
    kStage,
    kDataset,
    kEventTime,
    kStageMap,
    kUnmapped,
    kLeadCreatedAt,
    kUserData,
    kCustomData,
    kCondition,
    kRepeat,
};

const char*
text_argument(FunctionCallInfo fcinfo, Argument argument)
{
    return PG_ARGISNULL(argument) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

void
report_missing(const char* name)
{
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument \"%s\" must not be null or empty", name),
                    errdetail("A watch needs a table, a lead id column and a stage column."),
                    errhint("Give a value for \"%s\".", name)));
}

const char*
require_text(FunctionCallInfo fcinfo, Argument argument, const char* name)
{
    const char* const value = text_argument(fcinfo, argument);

    if (value == nullptr || *value == '\0')
        report_missing(name);
    return value;
}

void
refuse_unsupported(const char* name)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("argument \"%s\" of capi_watch is not supported yet", name),
                    errdetail("This version watches plain columns only."),
                    errhint("Put the value into a column of the table.")));
}

void
refuse_unsupported_arguments(FunctionCallInfo fcinfo)
{
    if (!PG_ARGISNULL(kStageMap))
        refuse_unsupported("stage_map");
    if (PG_ARGISNULL(kUnmapped) || strcmp(text_argument(fcinfo, kUnmapped), "send") != 0)
        refuse_unsupported("unmapped");
    if (!PG_ARGISNULL(kUserData))
        refuse_unsupported("user_data");
    if (!PG_ARGISNULL(kCustomData))
        refuse_unsupported("custom_data");
    if (!PG_ARGISNULL(kCondition))
        refuse_unsupported("condition");
    if (PG_ARGISNULL(kRepeat) || strcmp(text_argument(fcinfo, kRepeat), "every") != 0)
        refuse_unsupported("repeat");
}

void
require_owner(Oid table)
{
    if (!owns_relation(table, GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(table)),
                       get_rel_name(table));
}

/* Only who owns the table decides what leaves it. Asked before the lock, so that nobody else makes
 * the CRM wait, and again under it. */
Relation
open_owned_table(Oid table, LOCKMODE lock)
{
    require_owner(table);
    const Relation relation = relation_open(table, lock);
    require_owner(table);
    return relation;
}

void
require_table(Relation table)
{
    if (table->rd_rel->relkind != RELKIND_RELATION &&
        table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
        table->rd_rel->relkind != RELKIND_FOREIGN_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" cannot be watched", RelationGetRelationName(table)),
                        errdetail("Row triggers need a table."),
                        errhint("Watch the table that holds the leads.")));
}

void
check_column(Relation table, const char* name)
{
    if (get_attnum(RelationGetRelid(table), name) <= 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" of relation \"%s\" does not exist", name,
                               RelationGetRelationName(table)),
                        errdetail("This version watches plain columns only."),
                        errhint("Give the name of a column of the table.")));
}

void
check_time_column(Relation table, const char* name)
{
    if (name == nullptr)
        return;
    check_column(table, name);
    ColumnReader reader;
    prepare_column(table, name, CurrentMemoryContext, &reader);
    if (!is_time_type(reader.type))
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("column \"%s\" of relation \"%s\" holds no time", name,
                        RelationGetRelationName(table)),
                 errdetail("Its type is %s.", format_type_be(reader.type)),
                 errhint("Use a column of type timestamptz, timestamp (taken as UTC), date, or "
                         "bigint (Unix seconds or milliseconds).")));
}

bool
has_trigger(Oid table, const char* name)
{
    return OidIsValid(get_trigger_oid(table, name, true));
}

/* The function that CREATE TRIGGER must name lies beside this one. */
const char*
trigger_function(FunctionCallInfo fcinfo)
{
    return quote_qualified_identifier(
        get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)), "capi_lead_stage_trigger");
}

const char*
qualified_name(Relation table)
{
    return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
                                      RelationGetRelationName(table));
}

void
run(const char* command)
{
    SPI_connect();
    if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
        elog(ERROR, "unexpected result of \"%s\"", command);
    SPI_finish();
}

/* The definition: trailing arguments that are not used are left out, so that \d stays readable. */
const char*
trigger_definition(FunctionCallInfo fcinfo, Relation table, const char* trigger_name,
                   const char* const* arguments, int count)
{
    StringInfoData sql;

    initStringInfo(&sql);
    while (count > 2 && arguments[count - 1] == nullptr)
        count--;
    appendStringInfo(&sql,
                     "CREATE TRIGGER %s AFTER INSERT OR UPDATE%s ON %s FOR EACH ROW EXECUTE "
                     "FUNCTION %s(",
                     quote_identifier(trigger_name),
                     table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? " OR DELETE" : "",
                     qualified_name(table), trigger_function(fcinfo));
    for (int i = 0; i < count; i++)
        appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
                         quote_literal_cstr(arguments[i] ? arguments[i] : ""));
    appendStringInfoChar(&sql, ')');
    return sql.data;
}

/* One watch per table and dataset. */
const char*
watch_name(Oid server)
{
    char* const name = psprintf("capi_watch_%s", GetForeignServer(server)->servername);

    truncate_identifier(name, static_cast<int>(strlen(name)), false);
    return name;
}

void
watch(FunctionCallInfo fcinfo, Relation table)
{
    const char* const dataset =
        PG_ARGISNULL(kDataset) ? nullptr : NameStr(*PG_GETARG_NAME(kDataset));
    const char* const lead_id = require_text(fcinfo, kLeadId, "lead_id");
    const char* const stage = require_text(fcinfo, kStage, "stage");
    const char* const event_time = text_argument(fcinfo, kEventTime);
    const char* const lead_created_at = text_argument(fcinfo, kLeadCreatedAt);

    refuse_unsupported_arguments(fcinfo);
    require_table(table);
    const Oid server = require_dataset(dataset);
    check_column(table, lead_id);
    check_column(table, stage);
    check_time_column(table, event_time);
    check_time_column(table, lead_created_at);

    const char* const name = watch_name(server);
    if (has_trigger(RelationGetRelid(table), name))
        ereport(ERROR,
                (errcode(ERRCODE_DUPLICATE_OBJECT),
                 errmsg("relation \"%s\" is already watched for dataset \"%s\"",
                        RelationGetRelationName(table), GetForeignServer(server)->servername),
                 errdetail("Trigger \"%s\" exists.", name), errhint("Use capi_unwatch() first.")));
    const char* const arguments[] = {lead_id, stage, GetForeignServer(server)->servername,
                                     event_time, lead_created_at};
    run(trigger_definition(fcinfo, table, name, arguments, lengthof(arguments)));
}

/* Names of the triggers on the table that call our function; a partition's inherited ones go with
 * their parent's. */
List*
our_triggers(Relation table, Oid function)
{
    List* names = NIL;
    const TriggerDesc* const triggers = table->trigdesc;

    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        const Trigger* const trigger = &triggers->triggers[i];
        if (trigger->tgfoid == function && !trigger->tgisclone)
            names = lappend(names, pstrdup(trigger->tgname));
    }
    return names;
}

void
unwatch(FunctionCallInfo fcinfo, Relation table)
{
    const char* const schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
    const Oid function = LookupFuncName(
        list_make2(makeString(pstrdup(schema)), makeString(pstrdup("capi_lead_stage_trigger"))), 0,
        nullptr, false);
    const char* const target = qualified_name(table);
    ListCell* cell;

    List* const names = our_triggers(table, function);
    if (names == NIL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("relation \"%s\" is not watched", RelationGetRelationName(table)),
                        errdetail("It has no trigger of crm_capi."),
                        errhint("The view capi_watches lists what is watched.")));
    relation_close(table, NoLock); /* DROP TRIGGER refuses a table that somebody has open */
    foreach (cell, names)
        run(psprintf("DROP TRIGGER %s ON %s",
                     quote_identifier(static_cast<const char*>(lfirst(cell))), target));
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_watch(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(kTarget))
        report_missing("target");
    const Relation table = open_owned_table(PG_GETARG_OID(kTarget), ShareRowExclusiveLock);
    watch(fcinfo, table);
    relation_close(table, NoLock);
    PG_RETURN_VOID();
}

extern "C" Datum
capi_unwatch(PG_FUNCTION_ARGS)
{
    unwatch(fcinfo, open_owned_table(PG_GETARG_OID(0), AccessExclusiveLock));
    PG_RETURN_VOID();
}

/* The view capi_watches reads triggers with this: SQL cannot split bytea at zero bytes. */
extern "C" Datum
capi_trigger_arguments(PG_FUNCTION_ARGS)
{
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, PG_GETARG_DATUM(0));
    const Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    ArrayBuildState* arguments = initArrayResult(TEXTOID, CurrentMemoryContext, false);

    if (HeapTupleIsValid(tuple)) {
        bool isnull;
        const int count = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple))->tgnargs;
        const Datum packed =
            heap_getattr(tuple, Anum_pg_trigger_tgargs, RelationGetDescr(catalog), &isnull);
        const char* argument = isnull ? "" : VARDATA_ANY(DatumGetByteaPP(packed));
        for (int i = 0; i < count; i++) {
            arguments = accumArrayResult(arguments, CStringGetTextDatum(argument), false, TEXTOID,
                                         CurrentMemoryContext);
            argument += strlen(argument) + 1;
        }
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    PG_RETURN_DATUM(makeArrayResult(arguments, CurrentMemoryContext));
}
