/*
 * row_event.cpp - from a row of a watched table to the event that it makes due.
 */
#include "pg/row_event.hpp"

#include "core/validation.hpp"
#include "pg/dataset.hpp"
#include "pg/tombstone.hpp"

namespace crm_capi {

namespace {

Datum
value_of(TupleTableSlot* slot, const ColumnReader& column, bool* isnull)
{
    if (column.number <= 0) {
        *isnull = true;
        return static_cast<Datum>(0);
    }
    return slot_getattr(slot, column.number, isnull);
}

bool
is_unchanged(const Row& row, ColumnReader* column)
{
    bool now_is_null;
    bool before_is_null;
    const Datum now = value_of(row.now, *column, &now_is_null);
    const Datum before = value_of(row.before, *column, &before_is_null);

    return same_value(column, now, now_is_null, before, before_is_null);
}

/* The first reason found is kept: one is enough to park an event. */
void
park(NewEvent* event, Reason reason, const char* detail)
{
    if (event->parked == Reason::kNone && reason != Reason::kNone) {
        event->parked = reason;
        event->detail = detail;
    }
}

void
read_event_time(Watch* watch, const Row& row, NewEvent* event)
{
    const UnixMicros now = to_unix_micros(GetCurrentTimestamp());
    UnixMicros time = now;
    UnixMicros created_at = 0;
    bool isnull;
    bool created_is_null = true;
    Datum value;

    if (watch->event_time.number > 0) {
        value = value_of(row.now, watch->event_time, &isnull);
        const Reason reason = read_time(&watch->event_time, value, isnull, &time);
        park(event, reason, nullptr);
        if (reason != Reason::kNone)
            return;
    }
    event->has_event_time = true;
    event->event_time = from_unix_micros(time);
    value = value_of(row.now, watch->lead_created_at, &created_is_null);
    if (!created_is_null &&
        read_time(&watch->lead_created_at, value, false, &created_at) != Reason::kNone)
        created_is_null = true;
    park(event,
         JudgeEventTime(time, now,
                        created_is_null ? std::nullopt : std::optional<UnixMicros>(created_at)),
         nullptr);
}

}  // namespace

/* If the stage's column is gone nobody can tell whether it changed, and silence could hide a
 * change: each update is due then, to be parked. */
bool
is_event_due(Watch* watch, const Row& row)
{
    return row.before == nullptr || watch->stage.number < 0 || !is_unchanged(row, &watch->stage) ||
           !is_unchanged(row, &watch->lead_id);
}

bool
read_event(Watch* watch, const Row& row, NewEvent* event)
{
    bool isnull;
    bool absent = false;
    const char* detail = nullptr;
    Datum value = value_of(row.now, watch->lead_id, &isnull);

    park(event, watch->broken, watch->broken_by);
    if (watch->lead_id.number > 0) {
        if (isnull)
            return false;
        const Reason reason =
            read_lead_id(&watch->lead_id, value, &absent, &event->lead_id, &detail);
        if (absent)
            return false;
        event->has_lead_id = reason == Reason::kNone ||
                             (event->lead_id > 0 && event->lead_id <= kLargestHarmlessNumber);
        park(event, reason, detail);
    }
    value = value_of(row.now, watch->stage, &isnull);
    event->event_name = read_stage(&watch->stage, value, isnull);
    const Reason reason = judge_stage(event->event_name);
    park(event, reason, nullptr);
    if (reason == Reason::kStageTooLong || reason == Reason::kStageEncoding)
        event->event_name = nullptr; /* could not be shown or sent; the CRM's table still has it */
    read_event_time(watch, row, event);
    return true;
}

void
enqueue_for(const Watch* watch, Oid schema, NewEvent* event)
{
    if (event->has_lead_id && is_forgotten(schema, event->lead_id))
        return;
    if (OidIsValid(watch->server))
        event->dataset = dataset_number(schema, watch->server);
    enqueue(schema, *event);
}

}  // namespace crm_capi
