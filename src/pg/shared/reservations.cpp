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

struct Reservation {
    pg_atomic_uint32 database; /* 0 = free */
    pg_atomic_uint32 pid;      /* of the backend that made it */
};

struct Reservations {
    Reservation rows[kMostReservations];
};

Reservations* shared = nullptr;

}  // namespace

Size
reservations_size()
{
    return sizeof(Reservations);
}

void
place_reservations(void* memory, bool is_new)
{
    shared = static_cast<Reservations*>(memory);
    if (!is_new)
        return;
    for (Reservation& reservation : shared->rows) {
        pg_atomic_init_u32(&reservation.database, 0);
        pg_atomic_init_u32(&reservation.pid, 0);
    }
}

bool
ask_to_leave(Oid database)
{
    for (Reservation& reservation : shared->rows) {
        uint32 free = 0;
        if (!pg_atomic_compare_exchange_u32(&reservation.database, &free, database))
            continue;
        pg_atomic_write_u32(&reservation.pid, static_cast<uint32>(MyProcPid));
        ask_shippers_to_stop(database);
        return true;
    }
    return false;
}

void
let_return()
{
    bool any = false;

    for (Reservation& reservation : shared->rows) {
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
    for (Reservation& reservation : shared->rows) {
        if (pg_atomic_read_u32(&reservation.database) != database)
            continue;
        const auto pid = static_cast<int>(pg_atomic_read_u32(&reservation.pid));
        if (pid == 0 || BackendPidGetProc(pid) != nullptr)
            return true;
        pg_atomic_write_u32(&reservation.database, 0); /* its backend died */
    }
    return false;
}

}  // namespace crm_capi
