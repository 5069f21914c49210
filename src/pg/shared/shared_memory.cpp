/*
 * shared_memory.cpp - the piece of shared memory in which launcher, shippers and backends meet.
 */
#include "pg/shared/shared_memory.hpp"

#include "pg/base/pg_prelude.hpp"
#include "pg/shared/condition_board.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/shared/participants.hpp"
#include "pg/shared/reservations.hpp"
#include "pg/shared/slots.hpp"
#include "pg/shared/turn_clock.hpp"

namespace crm_capi {

namespace {

/* What lies in it, each on cache lines of its own. */
struct Tenant {
    Size (*size)();
    void (*place)(void* memory, bool is_new);
};

constexpr Tenant kTenants[] = {
    {slots_size, place_slots},
    {turn_clocks_size, place_turn_clocks},
    {boards_size, place_boards},
    {condition_boards_size, place_condition_boards},
    {participants_size, place_participants},
    {reservations_size, place_reservations},
};

bool is_placed = false;
shmem_startup_hook_type previous_startup_hook = nullptr;

/* With room to begin on a cache line. */
Size
shared_size()
{
    Size size = PG_CACHE_LINE_SIZE;

    for (const Tenant& tenant : kTenants)
        size = add_size(size, CACHELINEALIGN(tenant.size()));
    return size;
}

/* shmem_startup_hook: in the postmaster, and again after it has restarted everything. */
void
place_tenants()
{
    bool found;

    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    void* const memory = ShmemInitStruct("crm_capi", shared_size(), &found);
    auto* place = reinterpret_cast<char*>(CACHELINEALIGN(memory));
    for (const Tenant& tenant : kTenants) {
        tenant.place(place, !found);
        place += CACHELINEALIGN(tenant.size());
    }
    is_placed = true;
    LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void
reserve_shared_memory()
{
    request_shared_memory([] { RequestAddinShmemSpace(shared_size()); });
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = place_tenants;
}

bool
has_shared_memory()
{
    return is_placed;
}

}  // namespace crm_capi
