/*
 * recheck.cpp - what counts once more just before an event is sent: the condition of watches with
 * recheck => true, and that no other event has the stage, of watches with repeat => 'first'.
 *
 * The row is read and the condition evaluated with the rights of the table's owner, in a
 * subtransaction: whatever goes wrong there is a reason to park the event, and none to stop the
 * shipper.
 */
#include "pg/base/clock.hpp"
#include "pg/shipper/recheck.hpp"

#include <utility>

#include "pg/base/guard.hpp"
#include "pg/queue/log_reader.hpp"
#include "pg/watch/owner_rights.hpp"
#include "pg/queue/reached_stage.hpp"
#include "pg/row/row_reference.hpp"
#include "pg/row/row_values.hpp"
#include "pg/watch/watch_cache.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
}

namespace crm_capi {

namespace {

/* kNone = the event may go. */
struct Recheck {
    Reason reason;
    const char* detail;
};

constexpr Recheck kMayGo = {Reason::kNone, nullptr};
constexpr Recheck kRowNotHere = {Reason::kConditionFalse, nullptr};

/* Why it cannot be told whether the event may go: it is parked. */
Recheck
unknown(const char* detail)
{
    return {Reason::kConditionUnknown, detail};
}

struct Fetch {
    Relation table;
    Jsonb* reference;
    MemoryContext memory;
    HeapTuple row;
};

/* Work for try_as_owner(). The row is to outlive the subtransaction, so it is put into the memory
 * of the caller. */
void
fetch(void* argument)
{
    auto* const work = static_cast<Fetch*>(argument);
    const MemoryContext before = MemoryContextSwitchTo(work->memory);

    work->row = fetch_referenced_row(work->table, work->reference);
    MemoryContextSwitchTo(before);
}

/* Whether the row fulfils the condition of the watch as it is now; NULL is false, as in WHERE. An
 * error of the condition makes the event unknown and is not raised. */
Recheck
evaluate_condition(Watch* watch, Relation table, HeapTuple tuple)
{
    constexpr Role kRole[] = {kConditionRole};
    const Source& condition = watch->sources[kConditionRole];
    RowValues values;

    if (condition.reader.number <= 0 && condition.expression == nullptr)
        return kMayGo; /* watched anew since, without a condition */
    TupleTableSlot* const slot =
        MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
    clear(&values);
    ExecStoreHeapTuple(tuple, slot, false);
    read_values(watch, Row{slot, nullptr}, kRole, lengthof(kRole), &values);
    const bool holds = !values.nulls[kConditionRole] && DatumGetBool(values.values[kConditionRole]);
    ExecDropSingleTupleTableSlot(slot);
    if (values.reason != Reason::kNone)
        return unknown(values.detail);
    return holds ? kMayGo : Recheck{Reason::kConditionFalse, nullptr};
}

/* kRowNotHere if this table has no such row. The watch is asked for again once the row is read:
 * that runs functions of the owner's choice, and the cache promises nothing beyond them. */
Recheck
check_in_table(Relation table, const Trigger* trigger, Jsonb* reference)
{
    Fetch work = {table, reference, CurrentMemoryContext, nullptr};
    Failure failure;
    Watch* const watch = watch_of(table, trigger);

    if (watch->broken != Reason::kNone)
        return unknown(
            psprintf("watch of relation \"%s\" does not work", RelationGetRelationName(table)));
    if (!try_as_owner(watch->owner, Surroundings::kPinned, fetch, &work, &failure))
        return unknown(
            psprintf("row could not be read: SQLSTATE %s", unpack_sql_state(failure.sqlstate)));
    return work.row == nullptr ? kRowNotHere
                               : evaluate_condition(watch_of(table, trigger), table, work.row);
}

/* The watch's trigger on this table, which may be a partition; NULL if it has none. */
const Trigger*
trigger_on(Relation table, Oid root)
{
    const TriggerDesc* const triggers = CopyTriggerDesc(table->trigdesc);

    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        if (root_trigger(&triggers->triggers[i]) == root)
            return &triggers->triggers[i];
    }
    return nullptr;
}

/* The same, of a table that may hold no rows of its own, or be dropped since it was listed. */
Recheck
check_in_partition(Oid oid, Oid trigger_oid, Jsonb* reference)
{
    const Relation table = try_relation_open(oid, AccessShareLock);
    Recheck check = kRowNotHere;

    if (table == nullptr)
        return check;
    if (table->rd_rel->relkind == RELKIND_RELATION) {
        const Trigger* const trigger = trigger_on(table, trigger_oid);
        check = trigger != nullptr ? check_in_table(table, trigger, reference)
                                   : unknown("its table is not watched any more");
    }
    relation_close(table, NoLock);
    return check;
}

/* The row may have moved to another partition. */
Recheck
check_condition(Jsonb* reference)
{
    ReferencedWatch watch;
    ListCell* cell;

    if (!find_referenced_watch(reference, &watch))
        return unknown("its table is not watched any more");
    const List* const tables = get_rel_relkind(watch.table) == RELKIND_PARTITIONED_TABLE
                                   ? find_all_inheritors(watch.table, AccessShareLock, nullptr)
                                   : list_make1_oid(watch.table);
    foreach (cell, tables) {
        const Recheck check = check_in_partition(lfirst_oid(cell), watch.trigger, reference);
        if (check.reason != Reason::kConditionFalse)
            return check;
    }
    return kRowNotHere;
}

/* The stage first: it takes a look at the log only, not at the CRM's row. */
Recheck
check_event(Oid schema, const LoggedEvent& event)
{
    if (is_first_only(event.recheck) && is_reached_by_another(schema, event))
        return {Reason::kStageReached, nullptr};
    return is_row_reference(event.recheck) ? check_condition(event.recheck) : kMayGo;
}

/* An event that ends here. */
struct Ended {
    int64 event;
    int32 dataset;
    Recheck check;
};

/* False if the event may go. One that is not in the log any more was forgotten meanwhile. */
bool
ends_here(Oid schema, int64 id, Ended* ended)
{
    LogReader* const reader = open_log_at(schema, IdRange{id, id});
    LoggedEvent event;
    const bool found = next_event(reader, Columns::kAll, &event);

    close_log(reader);
    if (!found || event.recheck == nullptr)
        return false;
    *ended = {id, event.dataset, check_event(schema, event)};
    return ended->check.reason != Reason::kNone;
}

/* In current memory; NULL if *count is 0. */
int64*
events_to_check(Shipper* shipper, int* count)
{
    int64* ids = nullptr;

    call_cpp("collect the events to check", [&] {
        shipper->results.rechecks.clear();
        shipper->dispatcher.AppendRechecks(now_micros(), &shipper->results.rechecks);
    });
    *count = static_cast<int>(shipper->results.rechecks.size());
    if (*count > 0) {
        ids = static_cast<int64*>(palloc(sizeof(int64) * shipper->results.rechecks.size()));
        memcpy(ids, shipper->results.rechecks.data(),
               sizeof(int64) * shipper->results.rechecks.size());
    }
    return ids;
}

/* Parked if it could not be told, so that an operator may decide; else cancelled. */
EndedEvent
MakeEnded(const Ended& from)
{
    EndedEvent ended{};
    ended.event = from.event;
    ended.dataset = from.dataset;
    ended.status = from.check.reason == Reason::kConditionUnknown ? "parked" : "cancelled";
    ended.reason = from.check.reason;
    if (from.check.detail != nullptr)
        ended.detail = from.check.detail;
    return ended;
}

}  // namespace

void
recheck_events(Shipper* shipper)
{
    int count;
    int ended_count = 0;
    const int64* const ids = events_to_check(shipper, &count);

    if (count == 0)
        return;
    auto* const ended = static_cast<Ended*>(palloc(sizeof(Ended) * count));
    for (int i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (ends_here(shipper->extension.schema, ids[i], &ended[ended_count]))
            ended_count++;
    }
    call_cpp("end events that are not to be sent", [&] {
        std::vector<EndedEvent> events;
        for (int i = 0; i < ended_count; i++)
            events.push_back(MakeEnded(ended[i]));
        shipper->dispatcher.EndUnsent(std::move(events));
    });
}

}  // namespace crm_capi
