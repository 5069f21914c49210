/*
 * watch.cpp - capi_watch(), capi_unwatch(): putting the trigger on a CRM table and taking it off.
 *
 * A watch is a trigger and nothing else: its arguments say all, so it shows in \d, it is dumped
 * with its table, and nothing has to be kept in step with it.
 */
#include "core/event/reason.hpp"
#include "pg/base/owned_table.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/base/trigger_row.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/watch/handmade_watch.hpp"
#include "pg/watch/watch_approval.hpp"
#include "pg/watch/watch_arguments.hpp"
#include "pg/watch/watch_definition.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_watch);
PG_FUNCTION_INFO_V1(capi_unwatch);
}

namespace crm_capi {

namespace {

constexpr int kTargetArgument = 0;
constexpr int kDatasetOfWatch = 3;
constexpr int kDatasetOfUnwatch = 1;

/* NULL if it was not given. */
const char*
name_argument(FunctionCallInfo fcinfo, int argument)
{
    return PG_ARGISNULL(argument) ? nullptr : NameStr(*PG_GETARG_NAME(argument));
}

/* An ERROR for a view and whatever else has no row triggers that fire AFTER. */
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

/* What an event writes into our tables would be an event, too. */
void
refuse_own_table(Relation table)
{
    const Oid extension = getExtensionOfObject(RelationRelationId, RelationGetRelid(table));

    if (OidIsValid(extension) && extension == get_extension_oid("crm_capi", true))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" cannot be watched", RelationGetRelationName(table)),
                        errdetail("It is a table of the extension crm_capi itself."),
                        errhint("Watch the table that holds the leads.")));
}
/* Runs a utility statement with the rights of the current user. */
void
run(const char* command)
{
    SPI_connect();
    if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
        elog(ERROR, "unexpected result of \"%s\"", command);
    SPI_finish();
}

/* The function that CREATE TRIGGER must name lies beside this one. */
const char*
trigger_definition(Oid schema, Relation table, const char* trigger_name, bool is_plain,
                   const TriggerArguments& arguments)
{
    StringInfoData sql;

    initStringInfo(&sql);
    appendStringInfo(
        &sql, "CREATE TRIGGER %s AFTER INSERT OR UPDATE%s ON %s FOR EACH ROW EXECUTE FUNCTION %s(",
        quote_identifier(trigger_name),
        table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? " OR DELETE" : "",
        qualified_name(table),
        quote_qualified_identifier(get_namespace_name(schema),
                                   is_plain ? "capi_lead_stage_trigger" : "capi_watch_trigger"));
    for (int i = 0; i < arguments.count; i++)
        appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", quote_literal_cstr(arguments.values[i]));
    appendStringInfoChar(&sql, ')');
    return sql.data;
}

/* Whether the name is taken. */
bool
has_trigger(Oid table, const char* name)
{
    return OidIsValid(get_trigger_oid(table, name, true));
}

/* Names of datasets can be so long that the names of their triggers would be the same. */
const char*
choose_trigger_name(Oid table, const char* dataset)
{
    char* name = psprintf("capi_watch_%s", dataset);

    truncate_identifier(name, static_cast<int>(strlen(name)), false);
    for (int number = 2; has_trigger(table, name); number++) {
        constexpr int kRoomForNumber = 12;
        const int length =
            pg_mbcliplen(name, static_cast<int>(strlen(name)), NAMEDATALEN - 1 - kRoomForNumber);
        name = psprintf("%.*s_%d", length, name, number);
    }
    return name;
}

/* Whether the trigger is a watch for the dataset, which NULL leaves open. A watch that names none
 * is one for the only dataset. */
bool
is_watch_for(const Trigger* trigger, Oid schema, const char* dataset)
{
    WatchDefinition definition;

    if (!is_watch(trigger, schema))
        return false;
    if (dataset == nullptr)
        return true;
    if (!read_definition(trigger, &definition))
        return false;
    return definition.dataset != nullptr ? strcmp(definition.dataset, dataset) == 0
                                         : find_dataset(nullptr) == find_dataset(dataset);
}

/* Names of the watches of the table; a partition's inherited ones go with their parent's. */
List*
find_watches(Relation table, Oid schema, const char* dataset)
{
    List* names = NIL;
    const TriggerDesc* const triggers = triggers_of(table);

    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        const Trigger* const trigger = &triggers->triggers[i];
        if (!trigger->tgisclone && is_watch_for(trigger, schema, dataset))
            names = lappend(names, pstrdup(trigger->tgname));
    }
    return names;
}

/* Two watches would send each change twice. */
void
refuse_second_watch(Relation table, Oid schema, const char* dataset)
{
    List* const names = find_watches(table, schema, dataset);

    if (names != NIL)
        ereport(ERROR,
                (errcode(ERRCODE_DUPLICATE_OBJECT),
                 errmsg("relation \"%s\" is already watched for dataset \"%s\"",
                        RelationGetRelationName(table), dataset),
                 errdetail("Trigger \"%s\" exists.", static_cast<const char*>(linitial(names))),
                 errhint("Use capi_unwatch() first.")));
}

/* What capi_watch() does when it has the table under its lock. */
void
watch(FunctionCallInfo fcinfo, Relation table)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);

    require_table(table);
    refuse_own_table(table);
    const Oid server = require_dataset(name_argument(fcinfo, kDatasetOfWatch));
    WatchDefinition definition = read_watch_arguments(fcinfo, table);
    definition.dataset = GetForeignServer(server)->servername;
    refuse_second_watch(table, schema, definition.dataset);
    const TriggerArguments arguments = write_definition(definition);
    if (!definition.is_plain)
        approve(schema, table->rd_rel->relowner, arguments.values, arguments.count);
    const char* const name = choose_trigger_name(RelationGetRelid(table), definition.dataset);
    run(trigger_definition(schema, table, name, definition.is_plain, arguments));
    /* A migration that swaps tables by renaming them leaves the watch with the old one: the doctor
     * compares the name. */
    run(psprintf("COMMENT ON TRIGGER %s ON %s IS %s", quote_identifier(name), qualified_name(table),
                 quote_literal_cstr(psprintf("capi_watch of %s", qualified_name(table)))));
    forget_unused_approvals(schema);
}

/* What capi_unwatch() does. Closes the table, and keeps its lock. */
void
unwatch(FunctionCallInfo fcinfo, Relation table)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    const char* const dataset = name_argument(fcinfo, kDatasetOfUnwatch);
    const char* const target = qualified_name(table);
    ListCell* cell;

    List* const names = find_watches(table, schema, dataset);
    if (names == NIL)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 dataset ? errmsg("relation \"%s\" is not watched for dataset \"%s\"",
                                  RelationGetRelationName(table), dataset)
                         : errmsg("relation \"%s\" is not watched", RelationGetRelationName(table)),
                 errdetail("It has no such trigger of crm_capi."),
                 errhint("The view capi_watches lists what is watched.")));
    relation_close(table, NoLock); /* DROP TRIGGER refuses a table that somebody has open */
    foreach (cell, names)
        run(psprintf("DROP TRIGGER %s ON %s",
                     quote_identifier(static_cast<const char*>(lfirst(cell))), target));
    forget_unused_approvals(schema);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

/* Only who owns the table decides what leaves it. */
extern "C" Datum
capi_watch(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(kTargetArgument))
        report_missing_argument("target");
    const Relation table = open_owned_table(PG_GETARG_OID(kTargetArgument), ShareRowExclusiveLock);
    watch(fcinfo, table);
    relation_close(table, NoLock);
    PG_RETURN_VOID();
}

extern "C" Datum
capi_unwatch(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(kTargetArgument))
        PG_RETURN_NULL();
    unwatch(fcinfo, open_owned_table(PG_GETARG_OID(kTargetArgument), AccessExclusiveLock));
    PG_RETURN_VOID();
}
