/*
 * unfinished_event.cpp - events of rows that a later UPDATE of the same transaction finishes.
 *
 * What is remembered belongs to a version of the row and is not undone by a rollback to a
 * savepoint. It need not be: the version is undone then, its event likewise, and the entry of the
 * version before, which is current again, was kept with the event that it had.
 */
#include "pg/row/unfinished_event.hpp"

#include <type_traits>

#include "pg/base/hash_table.hpp"
#include "pg/base/texts.hpp"
#include "pg/queue/take_back.hpp"
#include "pg/row/row_event.hpp"
#include "pg/row/row_values.hpp"

namespace crm_capi {

namespace {

/* Who changes more rows in one transaction loads in bulk, and does not come back to each of them.
 * About two megabytes. */
constexpr long kMostUnfinished = 10000;

/* Hash key, byte by byte: without padding, which a compiler need not copy. */
struct RowVersion {
    Oid watch; /* its topmost trigger: each watch of the table has an event of its own */
    Oid table;
    BlockNumber block;
    uint32 offset; /* 0 = the row has no place */
};
static_assert(std::has_unique_object_representations_v<RowVersion>);

struct Unfinished {
    RowVersion row;
    SubTransactionId written_in; /* the version of the row */
    UnfinishedEvent event;       /* of the row's present stage; reason kNone = not parked */
    bool has_time;
    TimestampTz time; /* of the event */
    EarlierEvents earlier;
};

HTAB* unfinished = nullptr;
LocalTransactionId unfinished_of = InvalidLocalTransactionId; /* the memory is gone with it */

/* In memory of the transaction, with which all of it goes. */
void
create_unfinished()
{
    unfinished = create_hash_table<RowVersion, Unfinished>("crm_capi unfinished events",
                                                           TopTransactionContext);
    unfinished_of = my_local_transaction_id();
}

/* Where the version of the row lies that the slot holds. */
RowVersion
version_of(const Watch* watch, const TupleTableSlot* slot)
{
    return {watch->root, slot->tts_tableOid, ItemPointerGetBlockNumberNoCheck(&slot->tts_tid),
            ItemPointerGetOffsetNumberNoCheck(&slot->tts_tid)};
}

/* Rows of foreign tables have no place. */
void
remember(const Watch* watch, const TupleTableSlot* slot, const Unfinished& what)
{
    const RowVersion version = version_of(watch, slot);

    if (!has_unfinished())
        create_unfinished();
    if (version.offset == InvalidOffsetNumber ||
        hash_get_num_entries(unfinished) >= kMostUnfinished)
        return;
    auto* const entry =
        static_cast<Unfinished*>(hash_search(unfinished, &version, HASH_ENTER, nullptr));
    *entry = what;
    entry->row = version;
    entry->written_in = GetCurrentSubTransactionId();
}

/* What is remembered of the row as it was before the change; false if nothing is. It is forgotten
 * unless a savepoint lies between the two versions that could bring the older one back. */
bool
recall(const Watch* watch, const Row& row, Unfinished* what)
{
    const RowVersion before = version_of(watch, row.before);
    const auto* const entry =
        static_cast<const Unfinished*>(hash_search(unfinished, &before, HASH_FIND, nullptr));

    if (entry == nullptr)
        return false;
    *what = *entry;
    if (what->written_in == GetCurrentSubTransactionId())
        (void)hash_search(unfinished, &before, HASH_REMOVE, nullptr);
    return true;
}

/* Notes which event the row has now, and with which time. */
void
set_event(Unfinished* what, const NewEvent& event, int64 id)
{
    what->event = {id, event.parked};
    what->has_time = event.has_event_time;
    what->time = event.event_time;
}

/* An expression may choose between columns, and so may change with another one than it was read
 * from. */
bool
may_time_come_late(Watch* watch, const Row& row, const NewEvent& event)
{
    const Source& time = watch->sources[kEventTimeRole];

    if (time.expression == nullptr && time.reader.number <= 0)
        return false;
    if (!event.has_event_time)
        return true;
    return row.before != nullptr &&
           (time.expression != nullptr || !may_differ(watch, row, kEventTimeRole));
}

/* Whether the row can put right what the event was parked for. Of a condition that raised an error
 * nobody knows whether it holds, and it is not asked again. */
bool
may_be_put_right(const Watch* watch, const NewEvent& event)
{
    const bool is_condition_open = event.parked == Reason::kExpressionFailed &&
                                   watch->sources[kConditionRole].expression != nullptr;

    return event.parked != Reason::kNone && watch->broken == Reason::kNone && !is_condition_open;
}

/* The event as it would be now, if that is worth enqueueing it anew. */
bool
is_finished(Watch* watch, const Row& row, const Unfinished& what, NewEvent* event)
{
    const bool is_parked = what.event.reason != Reason::kNone;

    if (!is_parked && !may_differ(watch, row, kEventTimeRole))
        return false;
    if (!read_event_again(watch, row.now, event))
        return false;
    if (is_parked && event->parked == Reason::kNone)
        return true;
    return event->has_event_time && !(what.has_time && what.time == event->event_time);
}

bool
is_same_lead(const NewEvent& a, const NewEvent& b)
{
    return a.has_lead_id && b.has_lead_id && a.lead_id == b.lead_id;
}

/* Whether the earlier event is of another lead than the row has now: one that was good must not
 * become somebody else's. */
bool
has_lost_its_lead(const UnfinishedEvent& earlier, const NewEvent& logged, const NewEvent& now)
{
    const bool had_none = !logged.has_lead_id || earlier.reason == Reason::kLeadIdNotANumber ||
                          earlier.reason == Reason::kLeadIdLength;

    return !had_none && !is_same_lead(logged, now);
}

void
keep(EarlierEvents* events, const UnfinishedEvent& event)
{
    if (events->count < static_cast<int>(lengthof(events->list)))
        events->list[events->count++] = event;
}

/* What becomes of an event of a stage that the row had before. If there is something that replaces
 * it, it is only taken back. */
void
finish_earlier(Watch* watch, const Row& row, Oid schema, const UnfinishedEvent& earlier,
               const NewEvent* replacement, EarlierEvents* kept)
{
    NewEvent logged = {};
    NewEvent event = {};

    if (!read_own_event(schema, earlier.id, &logged) || earlier.reason == Reason::kStageUnmapped)
        return;
    if (logged.event_name == nullptr) {
        (void)take_back(schema, earlier.id, logged); /* there was no stage yet */
        return;
    }
    if (!read_event_of_stage(watch, row.now, logged.event_name, &event) ||
        has_lost_its_lead(earlier, logged, event))
        return;
    const bool is_replaced = replacement != nullptr && is_about_the_same(event, *replacement);
    if (!is_replaced && event.parked != Reason::kNone) {
        keep(kept, earlier);
        return;
    }
    if (take_back(schema, earlier.id, logged) && !is_replaced)
        (void)enqueue_for(watch, schema, &event);
}

/* Whether the event has this lead and stage. The place of a row can be taken by another one after
 * TRUNCATE, and what is remembered is then not this row's. */
bool
is_about(Oid schema, const UnfinishedEvent& event, const NewEvent& expected)
{
    NewEvent logged = {};

    return read_own_event(schema, event.id, &logged) && is_about_the_same(logged, expected);
}

/* Those of stages before the present one. The others are returned. */
EarlierEvents
finish_all(Watch* watch, const Row& row, Oid schema, const EarlierEvents& earlier)
{
    EarlierEvents kept = {};

    for (int i = 0; i < earlier.count; i++)
        finish_earlier(watch, row, schema, earlier.list[i], nullptr, &kept);
    return kept;
}

}  // namespace

bool
has_unfinished()
{
    return unfinished != nullptr && unfinished_of == my_local_transaction_id();
}

void
remember_unfinished(Watch* watch, const Row& row, const NewEvent& event, int64 id,
                    const EarlierEvents& earlier)
{
    Unfinished what = {};

    if (earlier.count == 0 && !may_be_put_right(watch, event) &&
        !may_time_come_late(watch, row, event))
        return;
    set_event(&what, event, id);
    what.earlier = earlier;
    remember(watch, row.now, what);
}

void
finish_own_event(Watch* watch, const Row& row, Oid schema)
{
    Unfinished what;
    NewEvent event = {};

    if (!recall(watch, row, &what))
        return;
    if (is_finished(watch, row, what, &event) && is_about(schema, what.event, event)) {
        what.earlier = finish_all(watch, row, schema, what.earlier);
        if (take_back(schema, what.event.id, event))
            set_event(&what, event, enqueue_for(watch, schema, &event));
    }
    if (what.event.id != 0)
        remember(watch, row.now, what);
}

EarlierEvents
finish_earlier_events(Watch* watch, const Row& row, Oid schema, const NewEvent& due)
{
    Unfinished what;
    NewEvent before = {};

    if (!recall(watch, row, &what) || !read_lead_and_stage(watch, row.before, &before) ||
        !is_about(schema, what.event, before))
        return {};
    EarlierEvents kept = finish_all(watch, row, schema, what.earlier);
    if (what.event.reason != Reason::kNone)
        finish_earlier(watch, row, schema, what.event, &due, &kept);
    return kept;
}

}  // namespace crm_capi
