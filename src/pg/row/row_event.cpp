/*
 * row_event.cpp - from a row of a watched table to the event that it makes due.
 */
#include "pg/row/row_event.hpp"
#include "pg/base/clock.hpp"

#include "core/event/validation.hpp"
#include "pg/base/json.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/queue/identities.hpp"
#include "pg/queue/reached_stage.hpp"
#include "pg/queue/repeated_event.hpp"
#include "pg/queue/tombstone.hpp"
#include "pg/row/row_data.hpp"
#include "pg/row/row_reference.hpp"
#include "pg/row/row_stage.hpp"
#include "pg/row/row_values.hpp"
#include "pg/watch/guarded_types.hpp"

namespace crm_capi {

namespace {

constexpr Role kDeciding[] = {kLeadIdRole, kConditionRole, kStageRole};
constexpr Role kCompared[] = {kLeadIdRole, kStageRole};
constexpr Role kTimes[] = {kEventTimeRole, kLeadCreatedAtRole};

/* Whether the watch takes the role from the row at all. */
bool
is_used(const Watch* watch, Role role)
{
    return watch->sources[role].reader.number > 0 || watch->sources[role].expression != nullptr;
}

/* If it cannot be told what the stage is, nobody can tell whether it changed, and silence could
 * hide a change: each update is due then, to be parked. */
bool
is_quiet(Watch* watch, const Row& row)
{
    return row.before != nullptr && watch->sources[kStageRole].reader.number >= 0 &&
           !may_differ(watch, row, kStageRole) && !may_differ(watch, row, kLeadIdRole);
}

/* An error while it was read does not let the row pass unseen. */
bool
fulfils_condition(const Watch* watch, const RowValues& values)
{
    return !is_used(watch, kConditionRole) || values.reason != Reason::kNone ||
           (!values.nulls[kConditionRole] && DatumGetBool(values.values[kConditionRole]));
}

/*
 * Lead id
 */

/* What no lead id of Meta looks like is the CRM's own key of the lead, if the watch says by
 * user_data who the lead is; a uuid is one in any case. */
bool
is_own_key(const Watch* watch, Reason reason)
{
    return reason == Reason::kLeadIdNotANumber &&
           (watch->user_data.count > 0 || watch->sources[kLeadIdRole].reader.type == UUIDOID);
}

/* False if the row has none. */
bool
read_lead(Watch* watch, const RowValues& values, NewEvent* event)
{
    ColumnReader* const reader = &watch->sources[kLeadIdRole].reader;
    const Datum value = values.values[kLeadIdRole];
    bool absent = false;
    const char* detail = nullptr;

    if (!is_used(watch, kLeadIdRole))
        return true;
    if (values.nulls[kLeadIdRole])
        return values.reason != Reason::kNone;
    const Reason reason = read_lead_id(reader, value, &absent, &event->lead_id, &detail);
    if (absent)
        return false;
    if (is_own_key(watch, reason)) {
        event->lead_id = lane_of(text_form(reader, value).text);
        event->has_lead_id = true;
        return true;
    }
    event->has_lead_id =
        reason == Reason::kNone || (event->lead_id > 0 && event->lead_id <= kLargestQuotableNumber);
    park(event, reason, detail);
    return true;
}

/*
 * Stage
 */

/* Whether may_differ() has said all about the two. */
bool
is_told_by_columns(const Watch* watch)
{
    return watch->stage_map == nullptr && watch->sources[kStageRole].expression == nullptr &&
           watch->sources[kLeadIdRole].expression == nullptr;
}

/* A row that was never read before counts as changed, and so does one that cannot be read. */
bool
has_changed(Watch* watch, const Row& row, const RowValues& now, const Stage& stage)
{
    RowValues before;

    if (row.before == nullptr || !is_used(watch, kStageRole) || is_told_by_columns(watch))
        return true;
    clear(&before);
    read_values(watch, {row.before, nullptr}, kCompared, lengthof(kCompared), &before);
    return before.reason != Reason::kNone || !is_same(watch, kLeadIdRole, now, before) ||
           !is_same_stage(stage, stage_of(watch, before));
}

/* False if it is not to be sent. */
bool
set_stage(const Watch* watch, const Stage& stage, NewEvent* event)
{
    const bool is_unmapped =
        watch->stage_map != nullptr && !stage.is_mapped && stage.reason == Reason::kNone;

    if (is_unmapped && watch->unmapped == Unmapped::kSkip && event->parked == Reason::kNone)
        return false;
    event->event_name = stage.name;
    park(event, stage.reason, stage.detail);
    const Reason reason = judge_stage(event->event_name);
    park(event, reason, nullptr);
    if (reason == Reason::kStageTooLong || reason == Reason::kStageEncoding)
        event->event_name = nullptr; /* could not be shown or sent; the CRM's table still has it */
    if (is_unmapped && watch->unmapped == Unmapped::kPark)
        park(event, Reason::kStageUnmapped, nullptr);
    return true;
}

/*
 * Times
 */

/* When the stage was reached, and whether that can be sent. Without an event time in the watch, it
 * is when the change was captured. */
void
read_times(Watch* watch, const Row& row, TimestampTz captured_at, NewEvent* event)
{
    const UnixMicros now = to_unix_micros(GetCurrentTimestamp());
    UnixMicros time = to_unix_micros(captured_at);
    UnixMicros created_at = 0;
    RowValues values;

    clear(&values);
    read_values(watch, row, kTimes, lengthof(kTimes), &values);
    park(event, values.reason, values.detail);
    if (is_used(watch, kEventTimeRole)) {
        const Reason reason =
            read_time(&watch->sources[kEventTimeRole].reader, values.values[kEventTimeRole],
                      values.nulls[kEventTimeRole], &time);
        park(event, reason, nullptr);
        if (reason != Reason::kNone)
            return;
    }
    event->has_event_time = true;
    event->event_time = from_unix_micros(time);
    const bool has_creation =
        !values.nulls[kLeadCreatedAtRole] &&
        read_time(&watch->sources[kLeadCreatedAtRole].reader, values.values[kLeadCreatedAtRole],
                  false, &created_at) == Reason::kNone;
    park(event,
         JudgeEventTime(time, now,
                        has_creation ? std::optional<UnixMicros>(created_at) : std::nullopt),
         nullptr);
}

/*
 * The rest
 */

/* What is looked at once more before the event is sent; of a parked event, by which row it can be
 * judged again. */
void
set_recheck(const Watch* watch, const Row& row, NewEvent* event)
{
    if (event->parked != Reason::kNone) {
        /* No watch can be mended so that Meta takes it; an import of old rows shall not pay for it.
         */
        if (event->parked != Reason::kEventTimeTooOld)
            event->recheck = impersonal_reference_to_row(watch, row.now);
        return;
    }
    if (!watch->recheck) {
        event->recheck = watch->first_mark;
        return;
    }
    event->recheck = reference_to_row(watch, row.now);
    if (event->recheck == nullptr)
        park(event, Reason::kConditionUnknown, "its table has no primary key");
}

/* What the row says about its lead, and what keeps it from saying so. False if it has none. */
bool
begin_event(Watch* watch, const RowValues& values, NewEvent* event)
{
    park(event, watch->broken, watch->broken_by);
    if (!read_lead(watch, values, event))
        return false;
    park(event, values.reason, values.detail);
    return true;
}

/* The rest of the event. False if its stage is to be skipped. */
bool
finish_event(Watch* watch, const Row& row, const Stage& stage, TimestampTz captured_at,
             NewEvent* event)
{
    if (!set_stage(watch, stage, event))
        return false;
    read_times(watch, row, captured_at, event);
    if (event->parked == Reason::kNone)
        read_data(watch, row, event);
    set_recheck(watch, row, event);
    return true;
}

}  // namespace

bool
read_event(Watch* watch, const Row& row, NewEvent* event)
{
    RowValues values;

    if (is_quiet(watch, row))
        return false;
    clear(&values);
    read_values(watch, row, kDeciding, lengthof(kDeciding), &values);
    if (!begin_event(watch, values, event) || !fulfils_condition(watch, values))
        return false;
    const Stage stage = stage_of(watch, values);
    if (values.reason == Reason::kNone && !has_changed(watch, row, values, stage))
        return false;
    return finish_event(watch, row, stage, GetCurrentTimestamp(), event);
}

bool
read_event_again(Watch* watch, TupleTableSlot* now, NewEvent* event)
{
    const Row row = {now, nullptr};
    RowValues values;

    clear(&values);
    read_values(watch, row, kCompared, lengthof(kCompared), &values);
    return begin_event(watch, values, event) &&
           finish_event(watch, row, stage_of(watch, values), GetCurrentTimestamp(), event);
}

Judged
read_parked_event(Watch* watch, TupleTableSlot* now, const CapturedStage& captured, NewEvent* event)
{
    const Row row = {now, nullptr};
    RowValues values;

    clear(&values);
    read_values(watch, row, kDeciding, lengthof(kDeciding), &values);
    if (!begin_event(watch, values, event))
        return Judged::kWithoutEvent;
    if (!fulfils_condition(watch, values))
        return Judged::kConditionFalse;
    const Stage stage =
        captured.name != nullptr ? stage_of_parked(watch, captured.name) : stage_of(watch, values);
    return finish_event(watch, row, stage, captured.at, event) ? Judged::kEvent
                                                               : Judged::kWithoutEvent;
}

bool
read_event_of_stage(Watch* watch, TupleTableSlot* now, text* name, NewEvent* event)
{
    static constexpr Role kLead[] = {kLeadIdRole};
    const Row row = {now, nullptr};
    RowValues values;

    clear(&values);
    read_values(watch, row, kLead, lengthof(kLead), &values);
    return begin_event(watch, values, event) &&
           finish_event(watch, row, {name, true, Reason::kNone, nullptr}, GetCurrentTimestamp(),
                        event);
}

bool
read_lead_and_stage(Watch* watch, TupleTableSlot* slot, NewEvent* event)
{
    RowValues values;

    clear(&values);
    read_values(watch, {slot, nullptr}, kCompared, lengthof(kCompared), &values);
    return begin_event(watch, values, event) && set_stage(watch, stage_of(watch, values), event);
}

int64
enqueue_for(const Watch* watch, Oid schema, NewEvent* event)
{
    /* Parked events reach nothing. */
    const bool reaches_once =
        watch->first_only && event->has_lead_id && event->parked == Reason::kNone;

    /* The moment of the change is another one for each. */
    const bool has_time = is_used(watch, kEventTimeRole);

    if (event->has_lead_id && is_forgotten(schema, event->lead_id))
        return 0;
    if (reaches_once && is_stage_reached(schema, watch->server, *event))
        return 0;
    if (const int64 same = has_time ? find_repeated(schema, watch->server, *event) : 0; same != 0)
        return same;
    if (OidIsValid(watch->server))
        event->dataset = dataset_number(schema, watch->server);
    event->watch = watch->root;
    const int64 id = enqueue(schema, *event);
    if (reaches_once)
        note_reached_stage(schema, watch->server, *event, id);
    else if (has_time)
        note_enqueued(watch->server, *event, id);
    return id;
}

}  // namespace crm_capi
