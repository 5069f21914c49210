/*
 * condition_check.cpp - the condition of a watch, checked once more for one event.
 *
 * Runs in a process of its own (rechecker.cpp), never in the shipper: all of it is somebody else's
 * code.
 */
#include "pg/shipper/condition_check.hpp"

#include "pg/queue/log_reader.hpp"
#include "pg/row/row_reference.hpp"
#include "pg/row/row_values.hpp"
#include "pg/watch/owner_rights.hpp"
#include "pg/watch/watch_cache.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
}

namespace crm_capi {

namespace {

/* A finding without a word. */
ConditionFinding
find(Finding finding)
{
    ConditionFinding found = {};

    found.finding = finding;
    return found;
}

/* It cannot be told whether the event may go, and will not be before somebody does something. */
ConditionFinding
unknown(const char* detail)
{
    ConditionFinding found = find(Finding::kUnknown);

    strlcpy(found.detail, detail, sizeof found.detail);
    return found;
}

/* Errors that come of the moment, not of the row or of what the condition says. */
bool
is_passing(int sqlstate)
{
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case ERRCODE_TO_CATEGORY(ERRCODE_CONNECTION_EXCEPTION):
        case ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK):
        case ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES):
        case ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION):
            return true;
        default:
            return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE ||
                   sqlstate == ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
    }
}

/* Code of one owner only runs in a session, so that nothing that it leaves there meets another's.
 */
bool
may_run_code_of(Oid owner)
{
    static Oid session_owner = InvalidOid;

    if (!OidIsValid(session_owner))
        session_owner = owner;
    return owner == session_owner;
}

/* Whether the row fulfils the condition of the watch as it is now; NULL is false, as in WHERE. */
ConditionFinding
evaluate_condition(Watch* watch, Relation table, HeapTuple tuple)
{
    constexpr Role kRole[] = {kConditionRole};
    const Source& condition = watch->sources[kConditionRole];
    RowValues values;

    if (condition.reader.number <= 0 && condition.expression == nullptr)
        return find(Finding::kHolds); /* watched anew since, without a condition */
    TupleTableSlot* const slot =
        MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
    clear(&values);
    ExecStoreHeapTuple(tuple, slot, false);
    read_values(watch, Row{slot, nullptr}, kRole, lengthof(kRole), &values);
    const bool holds = !values.nulls[kConditionRole] && DatumGetBool(values.values[kConditionRole]);
    ExecDropSingleTupleTableSlot(slot);
    if (values.sqlstate != 0)
        return describe_error(0, values.sqlstate);
    return find(holds ? Finding::kHolds : Finding::kFails);
}

/* kFails if this table has no such row. The watch is asked for again once the row is read: that
 * runs functions of the owner's choice, and the cache promises nothing beyond them. */
ConditionFinding
check_in_table(Relation table, const Trigger* trigger, Jsonb* reference)
{
    HeapTuple row;
    Failure failure;
    Watch* const watch = watch_of(table, trigger);

    if (watch->broken != Reason::kNone)
        return unknown(
            psprintf("watch of relation \"%s\" does not work", RelationGetRelationName(table)));
    if (!fetch_referenced_row(table, watch->owner, reference, &row, &failure)) {
        ConditionFinding found = describe_error(0, failure.sqlstate);
        /* the message may quote the row */
        snprintf(found.detail, sizeof found.detail, "row could not be read: SQLSTATE %s",
                 unpack_sql_state(failure.sqlstate));
        return found;
    }
    return row == nullptr ? find(Finding::kFails)
                          : evaluate_condition(watch_of(table, trigger), table, row);
}

/* The same, of a table that may hold no rows of its own, or be dropped since it was listed. One
 * that somebody has locked for himself is not waited for. */
ConditionFinding
check_in_partition(Oid oid, Oid trigger_oid, Jsonb* reference)
{
    ConditionFinding found = find(Finding::kFails);

    if (!ConditionalLockRelationOid(oid, AccessShareLock))
        return describe_error(0, ERRCODE_LOCK_NOT_AVAILABLE);
    const Relation table = try_relation_open(oid, NoLock);
    if (table == nullptr)
        return found;
    if (!may_run_code_of(table->rd_rel->relowner)) {
        found = find(Finding::kOtherOwner);
    } else if (table->rd_rel->relkind == RELKIND_RELATION) {
        const Trigger* const trigger = trigger_on(table, trigger_oid);
        found = trigger != nullptr ? check_in_table(table, trigger, reference)
                                   : unknown("its table is not watched any more");
    }
    relation_close(table, NoLock);
    return found;
}

/* The row may have moved to another partition. */
ConditionFinding
check_reference(Jsonb* reference)
{
    ReferencedWatch watch;
    ListCell* cell;

    if (!find_referenced_watch(reference, &watch))
        return unknown("its table is not watched any more");
    const List* const tables = get_rel_relkind(watch.table) == RELKIND_PARTITIONED_TABLE
                                   ? find_all_inheritors(watch.table, NoLock, nullptr)
                                   : list_make1_oid(watch.table);
    foreach (cell, tables) {
        const ConditionFinding found =
            check_in_partition(lfirst_oid(cell), watch.trigger, reference);
        if (found.finding != Finding::kFails)
            return found;
    }
    return find(Finding::kFails);
}

}  // namespace

ConditionFinding
describe_error(int64 event, int sqlstate)
{
    ConditionFinding found = find(is_passing(sqlstate) ? Finding::kLater : Finding::kUnknown);

    found.event = event;
    found.sqlstate = sqlstate;
    snprintf(found.detail, sizeof found.detail, "argument \"condition\": SQLSTATE %s",
             unpack_sql_state(sqlstate));
    return found;
}

/* An event that is not in the log any more was forgotten meanwhile: whatever is found, the shipper
 * does not owe it. */
ConditionFinding
check_condition(Oid schema, int64 event)
{
    LogReader* const reader = open_log_at(schema, IdRange{event, event});
    LoggedEvent row;
    const bool found = next_event(reader, Columns::kAll, &row);

    close_log(reader);
    ConditionFinding result = found && row.unreadable == Reason::kNone && *row.condition_of != '\0'
                                  ? check_reference(row.recheck)
                                  : find(Finding::kHolds);
    result.event = event;
    return result;
}

}  // namespace crm_capi
