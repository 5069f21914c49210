/*
 * slots.cpp - who serves which database, and how to wake them.
 */
#include "pg/shared/slots.hpp"

#include "pg/base/no_writers.hpp"
#include "pg/base/settings.hpp"
#include "pg/shared/participants.hpp"

namespace crm_capi {

namespace {

/* A commit reads the slot of its database, and nothing is written to that cache line while the
 * shipper runs: what a shipper writes each time that it falls asleep has a line of its own. */
struct alignas(PG_CACHE_LINE_SIZE) Slot {
    pg_atomic_uint32 database;      /* 0 = free */
    pg_atomic_uint32 proc;          /* proc number + 1; 0 = not running */
    pg_atomic_uint32 is_leaving;    /* boolean */
    pg_atomic_uint32 stop;          /* StopRequest */
    pg_atomic_uint32 in_good_order; /* boolean */
    /* The next transaction id when the shipper fell asleep; 0 = it is awake. */
    alignas(PG_CACHE_LINE_SIZE) pg_atomic_uint64 dozing_since;
    pg_atomic_uint64 serving_since;
    pg_atomic_uint64 resting_since;
};

struct Slots {
    pg_atomic_uint32 launcher_proc;     /* proc number + 1; 0 = not running */
    pg_atomic_uint32 databases_changed; /* boolean */
    pg_atomic_uint32 are_wanted;        /* boolean */
    Slot slots[FLEXIBLE_ARRAY_MEMBER];
};

Slots* all_slots = nullptr;
int my_slot = -1;

/* The process may just have gone and its number may belong to another one: that one then wakes for
 * nothing, which every process of the server must be able to bear. */
void
wake_proc(pg_atomic_uint32* proc)
{
    const uint32 number = pg_atomic_read_u32(proc);

    if (number != 0)
        SetLatch(latch_of_proc(static_cast<int>(number) - 1));
}

bool
runs_for(Slot* slot, Oid database)
{
    return pg_atomic_read_u32(&slot->database) == database && pg_atomic_read_u32(&slot->proc) != 0;
}

/* The slot whose shipper serves a database, or NULL. However many slots there are, a commit looks
 * at one. */
Slot*
find_running(Oid database)
{
    const int participant = participant_of(database);
    const int lent = participant >= 0 ? slot_lent_to(participant) : -1;

    if (participant >= 0)
        return lent >= 0 && runs_for(&all_slots->slots[lent], database) ? &all_slots->slots[lent]
                                                                        : nullptr;
    for (int i = 0; all_slots && i < setting_max_shippers; i++) {
        if (runs_for(&all_slots->slots[i], database))
            return &all_slots->slots[i];
    }
    return nullptr;
}

/* At process exit. Who dozes counts on the launcher. */
void
leave_as_launcher(int, Datum)
{
    pg_atomic_write_u32(&all_slots->launcher_proc, 0);
    pg_memory_barrier(); /* who begins to doze now is seen here, or sees that nobody looks for it */
    for (int i = 0; i < setting_max_shippers; i++) {
        if (pg_atomic_read_u64(&all_slots->slots[i].dozing_since) != 0)
            wake_proc(&all_slots->slots[i].proc);
    }
}

/* At process exit. The launcher sees to the slot. */
void
leave_as_shipper(int, Datum)
{
    pg_atomic_write_u32(&all_slots->slots[my_slot].proc, 0);
    wake_launcher();
}

}  // namespace

Size
slots_size()
{
    return add_size(offsetof(Slots, slots), mul_size(sizeof(Slot), setting_max_shippers));
}

void
place_slots(void* memory, bool is_new)
{
    all_slots = static_cast<Slots*>(memory);
    if (!is_new)
        return;
    pg_atomic_init_u32(&all_slots->launcher_proc, 0);
    pg_atomic_init_u32(&all_slots->databases_changed, 0);
    pg_atomic_init_u32(&all_slots->are_wanted, 0);
    for (int i = 0; i < setting_max_shippers; i++) {
        pg_atomic_init_u32(&all_slots->slots[i].database, 0);
        pg_atomic_init_u32(&all_slots->slots[i].proc, 0);
        pg_atomic_init_u32(&all_slots->slots[i].is_leaving, 0);
        pg_atomic_init_u32(&all_slots->slots[i].stop, 0);
        pg_atomic_init_u32(&all_slots->slots[i].in_good_order, 0);
        pg_atomic_init_u64(&all_slots->slots[i].dozing_since, 0);
        pg_atomic_init_u64(&all_slots->slots[i].serving_since, 0);
        pg_atomic_init_u64(&all_slots->slots[i].resting_since, 0);
    }
}

int
slot_count()
{
    return setting_max_shippers;
}

/* What this session has committed is visible. Either the shipper is not leaving yet: then it will
 * look once more when it does. Or the mark is there for the next one. */
void
tell_of_database(Oid database, uint32 marks)
{
    Slot* const slot = find_running(database);
    const int participant = participant_of(database);
    const bool is_served = slot && pg_atomic_read_u32(&slot->is_leaving) == 0;

    if (is_served && participant >= 0 && (marks & kMarkSettings) != 0)
        (void)mark_participant(participant, kMarkSettings);
    if (is_served)
        wake_proc(&slot->proc);
    else if (participant >= 0 && mark_participant(participant, marks))
        wake_launcher();
}

/* The launcher looks into each database that it comes to know of. */
void
tell_of_new_database(Oid database)
{
    if (all_slots && participant_of(database) < 0)
        tell_of_databases();
    else
        tell_of_database(database, kMarkSettings);
}

void
tell_of_databases()
{
    if (all_slots == nullptr)
        return;
    pg_atomic_write_u32(&all_slots->databases_changed, 1);
    pg_memory_barrier();
    wake_launcher();
}

bool
databases_have_changed()
{
    return pg_atomic_exchange_u32(&all_slots->databases_changed, 0) != 0;
}

void
wake_launcher()
{
    if (all_slots)
        wake_proc(&all_slots->launcher_proc);
}

int
slot_of(Oid database)
{
    const Slot* const slot = find_running(database);

    return slot ? static_cast<int>(slot - all_slots->slots) : -1;
}

int
shipper_pid(Oid database)
{
    const Slot* const slot = find_running(database);
    const uint32 number = slot ? pg_atomic_read_u32(const_cast<pg_atomic_uint32*>(&slot->proc)) : 0;

    return number == 0 ? 0 : ProcGlobal->allProcs[number - 1].pid;
}

uint32
wait_event_of(int slot)
{
    const uint32 number = pg_atomic_read_u32(&all_slots->slots[slot].proc);

    return number == 0 ? 0 : ProcGlobal->allProcs[number - 1].wait_event_info;
}

bool
launcher_runs()
{
    return all_slots != nullptr && pg_atomic_read_u32(&all_slots->launcher_proc) != 0;
}

void
enter_as_launcher()
{
    before_shmem_exit(leave_as_launcher, 0);
    pg_atomic_write_u32(&all_slots->launcher_proc, static_cast<uint32>(my_proc_number()) + 1);
}

SlotView
view_slot(int number)
{
    Slot* const slot = &all_slots->slots[number];
    SlotView view;

    view.database = pg_atomic_read_u32(&slot->database);
    view.in_good_order = pg_atomic_read_u32(&slot->in_good_order) != 0;
    view.asked = static_cast<StopRequest>(pg_atomic_read_u32(&slot->stop));
    view.serving_since = static_cast<TimestampTz>(pg_atomic_read_u64(&slot->serving_since));
    view.resting_since = static_cast<TimestampTz>(pg_atomic_read_u64(&slot->resting_since));
    if (view.database == InvalidOid)
        view.state = kSlotFree;
    else
        view.state = pg_atomic_read_u32(&slot->proc) != 0 ? kSlotRunning : kSlotTaken;
    return view;
}

void
take_slot(int number, Oid database)
{
    Slot* const slot = &all_slots->slots[number];

    pg_atomic_write_u32(&slot->is_leaving, 0);
    pg_atomic_write_u32(&slot->stop, kStay);
    pg_atomic_write_u32(&slot->in_good_order, 0);
    pg_atomic_write_u64(&slot->serving_since, 0);
    pg_atomic_write_u64(&slot->resting_since, 0);
    pg_atomic_write_u32(&slot->database, database);
    set_slot(participant_of(database), number);
}

void
free_slot(int number)
{
    set_slot(participant_of(pg_atomic_read_u32(&all_slots->slots[number].database)), -1);
    pg_atomic_write_u32(&all_slots->slots[number].database, 0);
}

void
want_slots(bool wanted)
{
    pg_atomic_write_u32(&all_slots->are_wanted, wanted ? 1 : 0);
    pg_memory_barrier(); /* who rests already is seen by the launcher, or sees this */
}

/* Who is to leave is not asked to yield any more. */
void
ask_to_stop(int number, StopRequest how)
{
    Slot* const slot = &all_slots->slots[number];
    uint32 asked = pg_atomic_read_u32(&slot->stop);

    while (asked < how && !pg_atomic_compare_exchange_u32(&slot->stop, &asked, how)) {
    }
    if (asked < how)
        wake_proc(&slot->proc);
}

void
ask_shippers_to_leave(Oid database)
{
    for (int i = 0; i < setting_max_shippers; i++) {
        if (pg_atomic_read_u32(&all_slots->slots[i].database) == database)
            ask_to_stop(i, kLeave);
    }
}

void
wake_dozing_shippers()
{
    for (int i = 0; i < setting_max_shippers; i++) {
        const uint64 since = pg_atomic_read_u64(&all_slots->slots[i].dozing_since);
        if (since != 0 && !still_no_writers(since))
            wake_proc(&all_slots->slots[i].proc);
    }
}

bool
enter_as_shipper(int number, Oid database)
{
    Slot* const slot = &all_slots->slots[number];
    uint32 nobody = 0;

    /* One that a former launcher has started may come late, into a slot that is lent again. */
    if (pg_atomic_read_u32(&slot->database) != database ||
        !pg_atomic_compare_exchange_u32(&slot->proc, &nobody,
                                        static_cast<uint32>(my_proc_number()) + 1))
        return false;
    my_slot = number;
    end_doze(number); /* an earlier shipper may have ended in its sleep */
    before_shmem_exit(leave_as_shipper, 0);
    pg_memory_barrier();
    /* A launcher that was restarted may not know of a shipper that its predecessor started. */
    for (int i = 0; i < setting_max_shippers; i++) {
        Slot* const other = &all_slots->slots[i];
        if (i != number && pg_atomic_read_u32(&other->database) == database &&
            pg_atomic_read_u32(&other->proc) != 0)
            return false;
    }
    return true;
}

StopRequest
stop_request(int number)
{
    return static_cast<StopRequest>(pg_atomic_read_u32(&all_slots->slots[number].stop));
}

void
note_serving(int number)
{
    pg_atomic_write_u64(&all_slots->slots[number].serving_since,
                        static_cast<uint64>(GetCurrentTimestamp()));
    pg_memory_barrier();
    if (pg_atomic_read_u32(&all_slots->are_wanted) != 0)
        wake_launcher();
}

void
note_resting(int number, bool is_resting)
{
    pg_atomic_uint64* const since = &all_slots->slots[number].resting_since;

    if (is_resting == (pg_atomic_read_u64(since) != 0))
        return;
    pg_atomic_write_u64(since, is_resting ? static_cast<uint64>(GetCurrentTimestamp()) : 0);
    pg_memory_barrier();
    if (is_resting && pg_atomic_read_u32(&all_slots->are_wanted) != 0)
        wake_launcher();
}

void
note_leaving(int number)
{
    pg_atomic_write_u32(&all_slots->slots[number].is_leaving, 1);
    pg_memory_barrier();
}

void
begin_doze(int number, uint64 since)
{
    pg_atomic_write_u64(&all_slots->slots[number].dozing_since, since);
    pg_memory_barrier(); /* a launcher that ends now either sees this, or is seen to have ended */
}

void
end_doze(int number)
{
    pg_atomic_write_u64(&all_slots->slots[number].dozing_since, 0);
}

void
report_good_order(int number)
{
    pg_atomic_write_u32(&all_slots->slots[number].in_good_order, 1);
}

}  // namespace crm_capi
