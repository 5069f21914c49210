/*
 * shared_state.cpp - what launcher, shippers and backends share.
 */
#include "pg/shared/shared_state.hpp"

#include "pg/base/no_writers.hpp"
#include "pg/base/settings.hpp"

namespace crm_capi {

namespace {

/* A commit reads the slot of its database, and nothing is written to that cache line while the
 * shipper runs: what a shipper writes each time that it falls asleep has a line of its own. */
struct alignas(PG_CACHE_LINE_SIZE) Slot {
    pg_atomic_uint32 database;          /* 0 = free */
    pg_atomic_uint32 proc;              /* proc number + 1; 0 = not running */
    pg_atomic_uint32 extension_missing; /* boolean */
    pg_atomic_uint32 heeded;            /* count of announcements when it was found missing */
    pg_atomic_uint32 stop;              /* boolean */
    pg_atomic_uint32 in_good_order;     /* boolean */
    /* The next transaction id when the shipper fell asleep; 0 = it is awake. */
    alignas(PG_CACHE_LINE_SIZE) pg_atomic_uint64 dozing_since;
};

/* Databases that shippers must stay away from. More than these at one moment are not provided for:
 * the next statement waits and fails as it would without us. */
constexpr int kMostReservations = 8;

struct Reservation {
    pg_atomic_uint32 database; /* 0 = free */
    pg_atomic_uint32 pid;      /* of the backend that made it */
};

struct SharedState {
    pg_atomic_uint32 launcher_proc; /* proc number + 1; 0 = not running */
    pg_atomic_uint32 announcements;
    pg_atomic_uint32 announced_database; /* the latest */
    Reservation reservations[kMostReservations];
    Slot slots[FLEXIBLE_ARRAY_MEMBER];
};

SharedState* shared = nullptr;
FigureBoard* boards = nullptr; /* one for each slot, behind the slots */
shmem_startup_hook_type previous_startup_hook = nullptr;
int my_slot = -1;

Size
slots_size()
{
    return add_size(offsetof(SharedState, slots), mul_size(sizeof(Slot), setting_max_shippers));
}

Size
shared_size()
{
    return add_size(slots_size(), mul_size(sizeof(FigureBoard), setting_max_shippers)) +
           PG_CACHE_LINE_SIZE;
}

void
create_shared_state()
{
    bool found;

    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    void* const memory = ShmemInitStruct("crm_capi", shared_size(), &found);
    shared = reinterpret_cast<SharedState*>(CACHELINEALIGN(memory));
    boards = reinterpret_cast<FigureBoard*>(reinterpret_cast<char*>(shared) + slots_size());
    if (!found) {
        pg_atomic_init_u32(&shared->launcher_proc, 0);
        pg_atomic_init_u32(&shared->announcements, 0);
        pg_atomic_init_u32(&shared->announced_database, 0);
        for (Reservation& reservation : shared->reservations) {
            pg_atomic_init_u32(&reservation.database, 0);
            pg_atomic_init_u32(&reservation.pid, 0);
        }
        for (int i = 0; i < setting_max_shippers; i++) {
            pg_atomic_init_u32(&shared->slots[i].database, 0);
            pg_atomic_init_u32(&shared->slots[i].proc, 0);
            pg_atomic_init_u32(&shared->slots[i].extension_missing, 0);
            pg_atomic_init_u32(&shared->slots[i].heeded, 0);
            pg_atomic_init_u32(&shared->slots[i].stop, 0);
            pg_atomic_init_u32(&shared->slots[i].in_good_order, 0);
            pg_atomic_init_u64(&shared->slots[i].dozing_since, 0);
            pg_atomic_init_u32(&boards[i].version, 0);
            boards[i].count = -1;
        }
    }
    LWLockRelease(AddinShmemInitLock);
}

void
wake_proc(pg_atomic_uint32* proc)
{
    const uint32 number = pg_atomic_read_u32(proc);

    /* The process may just have gone and its number may belong to another one: that one then wakes
     * for nothing, which every process of the server must be able to bear. */
    if (number != 0)
        SetLatch(latch_of_proc(static_cast<int>(number) - 1));
}

Slot*
find_running(Oid database)
{
    for (int i = 0; shared && i < setting_max_shippers; i++) {
        Slot* const slot = &shared->slots[i];
        if (pg_atomic_read_u32(&slot->database) == database && pg_atomic_read_u32(&slot->proc) != 0)
            return slot;
    }
    return nullptr;
}

void
leave_as_launcher(int, Datum)
{
    pg_atomic_write_u32(&shared->launcher_proc, 0);
    pg_memory_barrier(); /* who begins to doze now is seen here, or sees that nobody looks for it */
    for (int i = 0; i < setting_max_shippers; i++) {
        if (pg_atomic_read_u64(&shared->slots[i].dozing_since) != 0)
            wake_proc(&shared->slots[i].proc);
    }
}

void
leave_as_shipper(int, Datum)
{
    pg_atomic_write_u32(&shared->slots[my_slot].proc, 0);
    wake_launcher();
}

}  // namespace

void
request_shared_state()
{
    request_shared_memory([] { RequestAddinShmemSpace(shared_size()); });
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = create_shared_state;
}

int
slot_count()
{
    return setting_max_shippers;
}

void
wake_shipper(Oid database)
{
    if (Slot* const slot = find_running(database))
        wake_proc(&slot->proc);
}

void
wake_launcher()
{
    if (shared)
        wake_proc(&shared->launcher_proc);
}

FigureBoard*
figure_board(Oid database)
{
    const Slot* const slot = find_running(database);

    return slot ? &boards[slot - shared->slots] : nullptr;
}

int
shipper_pid(Oid database)
{
    const Slot* const slot = find_running(database);
    const uint32 number = slot ? pg_atomic_read_u32(const_cast<pg_atomic_uint32*>(&slot->proc)) : 0;

    return number == 0 ? 0 : ProcGlobal->allProcs[number - 1].pid;
}

bool
has_shared_state()
{
    return shared != nullptr;
}

bool
launcher_runs()
{
    return shared != nullptr && pg_atomic_read_u32(&shared->launcher_proc) != 0;
}

void
enter_as_launcher()
{
    before_shmem_exit(leave_as_launcher, 0);
    pg_atomic_write_u32(&shared->launcher_proc, static_cast<uint32>(my_proc_number()) + 1);
}

/* The count is written after the database and read before it: who sees the count sees this database
 * or a later one, and a later one has a count of its own. */
Announcements
announcements()
{
    Announcements made;

    made.count = pg_atomic_read_u32(&shared->announcements);
    pg_read_barrier();
    made.latest = pg_atomic_read_u32(&shared->announced_database);
    return made;
}

void
announce(Oid database)
{
    if (shared == nullptr)
        return;
    pg_atomic_write_u32(&shared->announced_database, database);
    pg_write_barrier();
    pg_atomic_fetch_add_u32(&shared->announcements, 1);
    wake_launcher();
}

bool
ask_to_leave(Oid database)
{
    for (Reservation& reservation : shared->reservations) {
        uint32 free = 0;
        if (!pg_atomic_compare_exchange_u32(&reservation.database, &free, database))
            continue;
        pg_atomic_write_u32(&reservation.pid, static_cast<uint32>(MyProcPid));
        for (int i = 0; i < setting_max_shippers; i++) {
            if (pg_atomic_read_u32(&shared->slots[i].database) == database)
                ask_to_stop(i);
        }
        return true;
    }
    return false;
}

void
let_return()
{
    bool any = false;

    for (Reservation& reservation : shared->reservations) {
        if (pg_atomic_read_u32(&reservation.pid) == static_cast<uint32>(MyProcPid)) {
            pg_atomic_write_u32(&reservation.pid, 0);
            pg_atomic_write_u32(&reservation.database, 0);
            any = true;
        }
    }
    if (any)
        wake_launcher();
}

bool
must_stay_away(Oid database)
{
    for (Reservation& reservation : shared->reservations) {
        if (pg_atomic_read_u32(&reservation.database) != database)
            continue;
        const auto pid = static_cast<int>(pg_atomic_read_u32(&reservation.pid));
        if (pid == 0 || BackendPidGetProc(pid) != nullptr)
            return true;
        pg_atomic_write_u32(&reservation.database, 0); /* its backend died */
    }
    return false;
}

SlotView
view_slot(int number)
{
    Slot* const slot = &shared->slots[number];
    SlotView view;

    view.database = pg_atomic_read_u32(&slot->database);
    view.extension_missing = pg_atomic_read_u32(&slot->extension_missing) != 0 &&
                             pg_atomic_read_u32(&slot->heeded) == announcements().count;
    view.in_good_order = pg_atomic_read_u32(&slot->in_good_order) != 0;
    if (view.database == InvalidOid)
        view.state = kSlotFree;
    else
        view.state = pg_atomic_read_u32(&slot->proc) != 0 ? kSlotRunning : kSlotTaken;
    return view;
}

void
take_slot(int number, Oid database)
{
    Slot* const slot = &shared->slots[number];

    pg_atomic_write_u32(&slot->extension_missing, 0);
    pg_atomic_write_u32(&slot->stop, 0);
    pg_atomic_write_u32(&slot->in_good_order, 0);
    pg_atomic_write_u32(&slot->database, database);
}

void
free_slot(int number)
{
    pg_atomic_write_u32(&shared->slots[number].database, 0);
}

void
ask_to_stop(int number)
{
    pg_atomic_write_u32(&shared->slots[number].stop, 1);
    wake_proc(&shared->slots[number].proc);
}

void
wake_dozing_shippers()
{
    for (int i = 0; i < setting_max_shippers; i++) {
        const uint64 since = pg_atomic_read_u64(&shared->slots[i].dozing_since);
        if (since != 0 && !still_no_writers(since))
            wake_proc(&shared->slots[i].proc);
    }
}

bool
enter_as_shipper(int number, Oid database)
{
    Slot* const slot = &shared->slots[number];

    if (pg_atomic_read_u32(&slot->database) != database)
        return false;
    my_slot = number;
    end_doze(number);          /* an earlier shipper may have ended in its sleep */
    boards[number].count = -1; /* what an earlier shipper has left */
    before_shmem_exit(leave_as_shipper, 0);
    pg_atomic_write_u32(&slot->proc, static_cast<uint32>(my_proc_number()) + 1);
    pg_memory_barrier();
    /* A launcher that was restarted may not know of a shipper that its predecessor started. */
    for (int i = 0; i < setting_max_shippers; i++) {
        Slot* const other = &shared->slots[i];
        if (i != number && pg_atomic_read_u32(&other->database) == database &&
            pg_atomic_read_u32(&other->proc) != 0)
            return false;
    }
    return true;
}

bool
asked_to_stop(int number)
{
    return pg_atomic_read_u32(&shared->slots[number].stop) != 0;
}

void
begin_doze(int number, uint64 since)
{
    pg_atomic_write_u64(&shared->slots[number].dozing_since, since);
    pg_memory_barrier(); /* a launcher that ends now either sees this, or is seen to have ended */
}

void
end_doze(int number)
{
    pg_atomic_write_u64(&shared->slots[number].dozing_since, 0);
}

void
report_good_order(int number)
{
    pg_atomic_write_u32(&shared->slots[number].in_good_order, 1);
}

void
report_extension_missing(int number, uint32 heeded)
{
    pg_atomic_write_u32(&shared->slots[number].heeded, heeded);
    pg_atomic_write_u32(&shared->slots[number].extension_missing, 1);
}

}  // namespace crm_capi
