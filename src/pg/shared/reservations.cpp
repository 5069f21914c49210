/*
 * reservations.cpp - a backend needs a database to itself.
 */
#include "pg/shared/reservations.hpp"

#include "pg/shared/slots.hpp"

namespace crm_capi {

namespace {

/* More than these at one moment are not provided for: the next statement waits and fails as it
 * would without us. */
constexpr int kMostReservations = 8;

/* Database and process id in one number, so that neither is ever seen with another one's: 0 = free.
 * A backend gives back what it has reserved when its transaction ends, or when it ends itself;
 * one that is killed takes the shared memory with it. */
struct Reservations {
    pg_atomic_uint64 rows[kMostReservations];
};

Reservations* all_reservations = nullptr;

/* What this process writes down to reserve a database. */
uint64
mine(Oid database)
{
    return static_cast<uint64>(database) << 32 | static_cast<uint32>(MyProcPid);
}

Oid
database_of(uint64 row)
{
    return static_cast<Oid>(row >> 32);
}

bool
is_mine(uint64 row)
{
    return row != 0 && static_cast<uint32>(row) == static_cast<uint32>(MyProcPid);
}

/* However the process ends, but by a crash. */
void
at_exit(int, Datum)
{
    let_return();
}

}  // namespace

Size
reservations_size()
{
    return sizeof(Reservations);
}

void
place_reservations(void* memory, bool is_new)
{
    all_reservations = static_cast<Reservations*>(memory);
    if (!is_new)
        return;
    for (pg_atomic_uint64& row : all_reservations->rows)
        pg_atomic_init_u64(&row, 0);
}

bool
ask_to_leave(Oid database)
{
    static bool registered = false;

    if (!registered) {
        before_shmem_exit(at_exit, 0);
        registered = true;
    }
    for (pg_atomic_uint64& row : all_reservations->rows) {
        uint64 free = 0;
        if (!pg_atomic_compare_exchange_u64(&row, &free, mine(database)))
            continue;
        ask_shippers_to_leave(database);
        return true;
    }
    return false;
}

void
let_return()
{
    bool any = false;

    for (pg_atomic_uint64& row : all_reservations->rows) {
        if (is_mine(pg_atomic_read_u64(&row))) {
            pg_atomic_write_u64(&row, 0);
            any = true;
        }
    }
    if (any)
        tell_of_databases();
}

bool
must_stay_away(Oid database)
{
    for (pg_atomic_uint64& row : all_reservations->rows) {
        if (database_of(pg_atomic_read_u64(&row)) == database)
            return true;
    }
    return false;
}

}  // namespace crm_capi
