/*
 * judge_again.cpp - events that were parked when they were enqueued, judged by the watch as it is
 * now.
 */
#include "pg/row/judge_again.hpp"

#include "pg/base/statement.hpp"
#include "pg/queue/tombstone.hpp"
#include "pg/row/row_reference.hpp"
#include "pg/watch/owner_rights.hpp"
#include "pg/watch/watch_cache.hpp"

namespace crm_capi {

namespace {

constexpr SecondJudgement kUnchanged = {Ending::kUnchanged, Reason::kNone, nullptr, 0};

SecondJudgement
parked_for(Reason reason, const char* detail)
{
    return {Ending::kParked, reason, detail, 0};
}

SecondJudgement
cancelled_for(Reason reason)
{
    return {Ending::kCancelled, reason, nullptr, 0};
}

/* What the queue has of a lead's stage: numbers of events, 0 = none. */
struct KnownStage {
    int64 same_time; /* at the time of the parked event */
    int64 later;     /* enqueued after it */
};

KnownStage
look_for_stage(Oid schema, const ParkedEvent& parked, const NewEvent& event)
{
    static Statement statement = {
        "SELECT coalesce(min(e.id) FILTER (WHERE e.event_time = $3), 0),"
        " coalesce(min(e.id) FILTER (WHERE e.id > $4), 0) FROM @.capi_event_log e"
        " WHERE e.lead_id = $1 AND e.event_name = $2 AND NOT e.parked",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_number(&parameters, event.lead_id, true);
    add(&parameters, TEXTOID, PointerGetDatum(event.event_name));
    add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(event.event_time));
    add_number(&parameters, parked.id, true);
    execute(schema, &statement, &parameters, SPI_OK_SELECT);
    const KnownStage known = {result_int8(0, 1), result_int8(0, 2)};
    SPI_freetuptable(SPI_tuptable);
    return known;
}

/* Whether the watch takes the time from the row: then a backfill may have brought the event. */
bool
reads_time(const Watch* watch)
{
    const Source& time = watch->sources[kEventTimeRole];

    return time.reader.number > 0 || time.expression != nullptr;
}

/* Enqueues the event unless the queue has it. Who puts the lead id of a row right makes its stage
 * due anew: that event stands for the parked one. */
SecondJudgement
enqueue_again(Oid schema, const Watch* watch, const ParkedEvent& parked, NewEvent* event)
{
    const bool is_stage_known = parked.captured.name != nullptr;
    const bool is_lead_mended = event->has_lead_id && event->lead_id != parked.lead_id;
    int64 id = 0;

    if (!is_stage_known && !parked.is_latest)
        return parked_for(Reason::kRowGone, "a later change has overwritten its stage");
    if (event->has_lead_id && is_forgotten(schema, event->lead_id))
        return cancelled_for(Reason::kCancelled);
    if (event->has_lead_id && (!is_stage_known || is_lead_mended || reads_time(watch))) {
        const KnownStage known = look_for_stage(schema, parked, *event);
        if (!is_stage_known && known.later != 0)
            return parked_for(Reason::kRowGone, "a later event has the stage of its row");
        id = known.same_time == 0 && is_lead_mended ? known.later : known.same_time;
    }
    if (id == 0)
        id = enqueue_for(watch, schema, event);
    if (id == 0)
        return cancelled_for(Reason::kStageReached);
    return {Ending::kOwed, Reason::kJudgedAgain, nullptr, id};
}

/* The watch is asked for anew once the row is read: that runs functions of the owner's choice. */
SecondJudgement
judge_row(Oid schema, Relation table, const Trigger* trigger, const ParkedEvent& parked,
          HeapTuple row)
{
    Watch* const watch = watch_of(table, trigger);
    TupleTableSlot* const slot =
        MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
    NewEvent event = {};

    ExecStoreHeapTuple(row, slot, false);
    const Judged judged = read_parked_event(watch, slot, parked.captured, &event);
    SecondJudgement result = kUnchanged;
    if (judged == Judged::kConditionFalse)
        result = cancelled_for(Reason::kConditionFalse);
    else if (judged == Judged::kEvent && event.parked != Reason::kNone)
        result = parked_for(event.parked, event.detail);
    else if (judged == Judged::kEvent)
        result = enqueue_again(schema, watch, parked, &event);
    ExecDropSingleTupleTableSlot(slot);
    return result;
}

/* False if the row is not in this table, which may be a partition or be dropped since it was
 * listed.
 */
bool
judge_in_table(Oid schema, Oid oid, const ReferencedWatch& place, const ParkedEvent& parked,
               SecondJudgement* judgement)
{
    const Relation table = try_relation_open(oid, AccessShareLock);
    bool is_here = false;

    if (table == nullptr)
        return false;
    const Trigger* const trigger =
        table->rd_rel->relkind == RELKIND_RELATION ? trigger_on(table, place.trigger) : nullptr;
    if (trigger != nullptr && trigger->tgenabled != TRIGGER_DISABLED) {
        HeapTuple row;
        Failure failure;
        is_here =
            !fetch_referenced_row(table, table->rd_rel->relowner, parked.reference, &row, &failure);
        if (is_here)
            *judgement = parked_for(Reason::kRowGone, psprintf("row could not be read: SQLSTATE %s",
                                                               unpack_sql_state(failure.sqlstate)));
        else if (row != nullptr) {
            is_here = true;
            *judgement = judge_row(schema, table, trigger, parked, row);
        }
    }
    relation_close(table, NoLock);
    return is_here;
}

}  // namespace

SecondJudgement
judge_again(Oid schema, const ParkedEvent& parked)
{
    SecondJudgement judgement = kUnchanged;
    ReferencedWatch place;
    ListCell* cell;

    if (!find_present_watch(parked.reference, schema, &place))
        return kUnchanged;
    foreach (cell, tables_with_rows_of(place.table)) {
        if (judge_in_table(schema, lfirst_oid(cell), place, parked, &judgement))
            return judgement;
    }
    return parked_for(Reason::kRowGone, nullptr);
}

}  // namespace crm_capi
