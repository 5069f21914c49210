/*
 * late_time.cpp - stages whose time is written by a later UPDATE of the same transaction.
 *
 * What is remembered belongs to a version of the row and is not undone by a rollback to a
 * savepoint. It need not be: the version is undone then, its event likewise, and the entry of the
 * version before, which is current again, was kept with the event that it had.
 */
#include "pg/row/late_time.hpp"

#include <type_traits>

#include "pg/base/hash_table.hpp"
#include "pg/queue/take_back.hpp"
#include "pg/row/row_event.hpp"
#include "pg/row/row_values.hpp"

namespace crm_capi {

namespace {

/* Who changes more rows in one transaction loads in bulk, and does not come back to each of them.
 * About a megabyte. */
constexpr long kMostLateTimes = 10000;

/* Hash key, byte by byte: without padding, which a compiler need not copy. */
struct RowVersion {
    Oid watch; /* its topmost trigger: each watch of the table has an event of its own */
    Oid table;
    BlockNumber block;
    uint32 offset; /* 0 = the row has no place */
};
static_assert(std::has_unique_object_representations_v<RowVersion>);

struct LateTime {
    RowVersion row;
    SubTransactionId written_in; /* the version of the row */
    int64 event;
    bool has_time;
    TimestampTz time; /* of the event */
};

HTAB* late_times = nullptr;
LocalTransactionId late_times_of = InvalidLocalTransactionId; /* the memory is gone with it */

/* In memory of the transaction, with which all of it goes. */
void
create_late_times()
{
    late_times =
        create_hash_table<RowVersion, LateTime>("crm_capi late times", TopTransactionContext);
    late_times_of = my_local_transaction_id();
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
remember(const Watch* watch, const TupleTableSlot* slot, const LateTime& late)
{
    const RowVersion version = version_of(watch, slot);

    if (!awaits_late_times())
        create_late_times();
    if (version.offset == InvalidOffsetNumber || hash_get_num_entries(late_times) >= kMostLateTimes)
        return;
    auto* const entry =
        static_cast<LateTime*>(hash_search(late_times, &version, HASH_ENTER, nullptr));
    *entry = late;
    entry->row = version;
    entry->written_in = GetCurrentSubTransactionId();
}

/* Notes which event the row has now, and with which time. */
void
set_event(LateTime* late, const NewEvent& event, int64 id)
{
    late->event = id;
    late->has_time = event.has_event_time;
    late->time = event.event_time;
}

/* An expression may choose between columns, and so may change with another one than it was read
 * from. */
bool
may_come_late(Watch* watch, const Row& row, const NewEvent& event)
{
    const Source& time = watch->sources[kEventTimeRole];

    if (time.expression == nullptr && time.reader.number <= 0)
        return false;
    if (!event.has_event_time)
        return true;
    return row.before != nullptr &&
           (time.expression != nullptr || !may_differ(watch, row, kEventTimeRole));
}

/* The event as it would be now, if its time has come. */
bool
read_new_time(Watch* watch, const Row& row, const LateTime& late, NewEvent* event)
{
    return may_differ(watch, row, kEventTimeRole) && read_event_again(watch, row.now, event) &&
           event->has_event_time && !(late.has_time && late.time == event->event_time);
}

}  // namespace

bool
awaits_late_times()
{
    return late_times != nullptr && late_times_of == my_local_transaction_id();
}

void
remember_late_time(Watch* watch, const Row& row, const NewEvent& event, int64 id)
{
    LateTime late = {};

    if (!may_come_late(watch, row, event))
        return;
    set_event(&late, event, id);
    remember(watch, row.now, late);
}

void
follow_late_time(Watch* watch, const Row& row, Oid schema)
{
    const RowVersion before = version_of(watch, row.before);
    const auto* const entry =
        static_cast<const LateTime*>(hash_search(late_times, &before, HASH_FIND, nullptr));
    NewEvent event = {};

    if (entry == nullptr)
        return;
    LateTime late = *entry;
    if (read_new_time(watch, row, late, &event) && take_back(schema, late.event, event))
        set_event(&late, event, enqueue_for(watch, schema, &event));
    /* No savepoint lies between the two versions that could bring the older one back. */
    if (late.written_in == GetCurrentSubTransactionId())
        (void)hash_search(late_times, &before, HASH_REMOVE, nullptr);
    if (late.event != 0)
        remember(watch, row.now, late);
}

}  // namespace crm_capi
