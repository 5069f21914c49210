/*
 * backfill.cpp - capi_backfill(): what a watch would have sent of a table as it is now, and the
 * queue does not know.
 *
 * Rows are read as the trigger reads a row that is new to it, by the same code. The scan goes below
 * row-level security, as the trigger does: policies decide who sees a row, not what the owner's
 * watch covers.
 *
 * Nothing is enqueued twice. What was committed before the rows were read is in the log when it is
 * asked, because it is asked later; a change that is committed afterwards has a stage or time of
 * its own. Two backfills wait for each other.
 */
#include "pg/base/owned_table.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/base/results.hpp"
#include "pg/base/trigger_row.hpp"
#include "pg/row/backfill_batch.hpp"
#include "pg/row/row_event.hpp"
#include "pg/watch/watch_cache.hpp"
#include "pg/watch/watch_definition.hpp"

extern "C" {
#include "access/tableam.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"

PG_FUNCTION_INFO_V1(capi_backfill);
}

namespace crm_capi {

namespace {

enum Argument { kTarget, kSince, kDryRun, kResend };

/*
 * Arguments and rights
 */

/* An ERROR if one of them is null. The function is not STRICT, because then it would return nothing
 * and not say why. */
void
require_arguments(FunctionCallInfo fcinfo)
{
    static const char* const names[] = {"target", "since", "dry_run", "resend"};

    for (int i = kTarget; i <= kResend; i++) {
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("argument \"%s\" must not be null", names[i]),
                            errhint(i == kTarget ? "Name the table."
                                                 : "Leave the argument out to get its default.")));
    }
}

/* From when on stages are of interest; an ERROR unless that is in the past. */
TimestampTz
start_of_window(FunctionCallInfo fcinfo)
{
    const TimestampTz now = GetCurrentTimestamp();
    const TimestampTz start = DatumGetTimestampTz(DirectFunctionCall2(
        timestamptz_mi_interval, TimestampTzGetDatum(now), PG_GETARG_DATUM(kSince)));

    if (start >= now)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("argument \"since\" must be greater than zero"),
                        errdetail("It says how far back stages are looked for."),
                        errhint("Meta takes events of the last seven days.")));
    return start;
}

/* One backfill at a time; DROP FUNCTION waits as well. With an older snapshot this one could not
 * see what the last one has enqueued. */
void
wait_for_other_backfills(Oid function)
{
    if (IsolationUsesXactSnapshot())
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_STATE),
                        errmsg("capi_backfill cannot enqueue in a transaction of this isolation "
                               "level"),
                        errdetail("It has to see what others have enqueued meanwhile."),
                        errhint("Use READ COMMITTED.")));
    LockDatabaseObject(ProcedureRelationId, function, 0, ExclusiveLock);
}

/* An ERROR if the watch could not send anything, the caller may not send for it, or the rows do not
 * say when they reached their stage. */
void
require_working_watch(Relation table, const Watch* watch)
{
    const char* const name = RelationGetRelationName(table);

    if (watch->broken != Reason::kNone) {
        const ReasonText& reason = Describe(watch->broken);
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("watch of relation \"%s\" does not work", name),
                        errdetail("%s: %s", reason.text.data(), watch->broken_by),
                        errhint("%s", reason.hint.data())));
    }
    if (server_usage(watch->server, GetUserId()) != ACLCHECK_OK)
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER,
                       GetForeignServer(watch->server)->servername);
    const Source& time = watch->sources[kEventTimeRole];
    if (time.reader.number <= 0 && time.expression == nullptr)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("watch of relation \"%s\" has no event time", name),
                 errdetail("When a row reached its stage cannot be told from the row."),
                 errhint("Use capi_unwatch(), and capi_watch() with an event_time: a column that "
                         "holds when the stage was reached.")));
}

/*
 * Reading
 */

/* Takes the event that the row makes due, if any. What reading it takes is freed. */
void
read_row(Backfill* backfill, Watch* watch, TupleTableSlot* slot, MemoryContext memory)
{
    const MemoryContext before = MemoryContextSwitchTo(memory);
    NewEvent event = {};

    if (read_event(watch, Row{slot, nullptr}, &event))
        take_event(backfill, watch, event);
    MemoryContextSwitchTo(before);
    MemoryContextReset(memory);
}

/* The watch is asked for anew wherever something may have changed it. */
void
read_table(Backfill* backfill, Relation table, const Trigger* trigger)
{
    const MemoryContext row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "crm_capi row", ALLOCSET_DEFAULT_SIZES);
    const Snapshot snapshot = RegisterSnapshot(GetActiveSnapshot());
    TupleTableSlot* const slot = table_slot_create(table, nullptr);
    const TableScanDesc scan = begin_table_scan(table, snapshot);

    require_working_watch(table, watch_of(table, trigger));
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        read_row(backfill, watch_of(table, trigger), slot, row_memory);
        if (is_batch_full(backfill))
            judge_batch(backfill, watch_of(table, trigger));
    }
    judge_batch(backfill, watch_of(table, trigger));
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    UnregisterSnapshot(snapshot);
    MemoryContextDelete(row_memory);
}

/* Whether the trigger is a watch, and one that fires. */
bool
works_for(const Backfill* backfill, const Trigger* trigger)
{
    return is_watch(trigger, backfill->schema) && trigger->tgenabled != TRIGGER_DISABLED;
}

/* Reads the table once for each watch on it. */
void
read_watches(Backfill* backfill, Relation table)
{
    const TriggerDesc* const triggers = triggers_of(table);

    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        if (works_for(backfill, &triggers->triggers[i]))
            read_table(backfill, table, &triggers->triggers[i]);
    }
}

/* An ERROR unless the caller owns the table and it is watched. */
void
lock_watched_table(const Backfill* backfill, Oid target)
{
    bool is_watched = false;

    const Relation table = open_owned_table(target, AccessShareLock);
    const TriggerDesc* const triggers = triggers_of(table);
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
        is_watched = is_watched || works_for(backfill, &triggers->triggers[i]);
    if (!is_watched)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("relation \"%s\" is not watched", RelationGetRelationName(table)),
                        errdetail("It has no trigger of crm_capi, or only disabled ones."),
                        errhint("The view capi_watches lists what is watched.")));
    relation_close(table, NoLock);
}

/* An ERROR: its rows are elsewhere, and reading them could take any time. */
void
report_foreign_table(Oid table)
{
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE),
             errmsg("rows of foreign table \"%s\" cannot be backfilled", get_rel_name(table)),
             errhint("Backfill where the rows are stored.")));
}

/* A partitioned table's rows, and the triggers that fire for them, are those of its partitions. */
List*
tables_with_rows(Oid target)
{
    if (get_rel_relkind(target) != RELKIND_PARTITIONED_TABLE)
        return list_make1_oid(target);
    return find_all_inheritors(target, AccessShareLock, nullptr);
}

/* Reads the table, or each of its partitions. */
void
read_all(Backfill* backfill, Oid target)
{
    ListCell* cell;

    foreach (cell, tables_with_rows(target)) {
        const Oid oid = lfirst_oid(cell);
        const char kind = get_rel_relkind(oid);
        if (kind == RELKIND_PARTITIONED_TABLE)
            continue;
        if (kind == RELKIND_FOREIGN_TABLE)
            report_foreign_table(oid);
        const Relation table = relation_open(oid, NoLock);
        read_watches(backfill, table);
        relation_close(table, NoLock);
    }
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_backfill(PG_FUNCTION_ARGS)
{
    Backfill backfill = {};

    require_arguments(fcinfo);
    const Oid target = PG_GETARG_OID(kTarget);
    backfill.schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    backfill.dry_run = PG_GETARG_BOOL(kDryRun);
    backfill.resend = PG_GETARG_BOOL(kResend);
    backfill.since = start_of_window(fcinfo);
    lock_watched_table(&backfill, target);
    backfill.results = begin_results(fcinfo, &backfill.columns);
    if (!backfill.dry_run)
        wait_for_other_backfills(fcinfo->flinfo->fn_oid);
    backfill.batch_memory =
        AllocSetContextCreate(CurrentMemoryContext, "crm_capi backfill", ALLOCSET_DEFAULT_SIZES);
    read_all(&backfill, target);
    return static_cast<Datum>(0);
}
