/*
 * turn_clock.cpp - how long each shipper has been in the turn that it is in.
 */
#include "pg/shared/turn_clock.hpp"

#include "pg/base/settings.hpp"
#include "pg/shared/slots.hpp"

namespace crm_capi {

namespace {

/* One for each slot, on a cache line of its own: it is written twice a turn. */
struct alignas(PG_CACHE_LINE_SIZE) TurnClock {
    pg_atomic_uint64 began_at; /* TimestampTz; 0 = it is in no turn */
};

TurnClock* clocks = nullptr;
TurnClock* my_clock = nullptr;

/* When the turn began that the shipper of a slot is in; 0 = it is in none. */
TimestampTz
turn_began_at(int slot)
{
    return slot < 0 ? 0 : static_cast<TimestampTz>(pg_atomic_read_u64(&clocks[slot].began_at));
}

/* For people. What the server has no name for, the process does not wait for. */
void
describe_wait(uint32 wait_event, char* text, size_t size)
{
    const char* const type = pgstat_get_wait_event_type(wait_event);
    const char* const name = pgstat_get_wait_event(wait_event);

    if (type == nullptr || name == nullptr)
        strlcpy(text, "is busy with one step", size);
    else if (strcmp(name, "SyncRep") == 0)
        strlcpy(text, "waits for a synchronous standby", size);
    else if (strcmp(type, "Lock") == 0)
        snprintf(text, size, "waits for a lock (%s)", name);
    else
        snprintf(text, size, "waits for %s", name);
}

}  // namespace

Size
turn_clocks_size()
{
    return mul_size(sizeof(TurnClock), setting_max_shippers);
}

void
place_turn_clocks(void* memory, bool is_new)
{
    clocks = static_cast<TurnClock*>(memory);
    for (int i = 0; is_new && i < setting_max_shippers; i++)
        pg_atomic_init_u64(&clocks[i].began_at, 0);
}

void
reset_turn_clock(int slot)
{
    pg_atomic_write_u64(&clocks[slot].began_at, 0);
}

void
own_turn_clock(int slot)
{
    my_clock = &clocks[slot];
    note_turn_begins();
}

void
note_turn_begins()
{
    if (my_clock)
        pg_atomic_write_u64(&my_clock->began_at, static_cast<uint64>(GetCurrentTimestamp()));
}

void
note_turn_ends()
{
    if (my_clock)
        pg_atomic_write_u64(&my_clock->began_at, 0);
}

bool
find_stall(int slot, Stall* stall)
{
    const TimestampTz began_at = turn_began_at(slot);

    if (began_at == 0 ||
        !TimestampDifferenceExceeds(began_at, GetCurrentTimestamp(), kLongestTurnMs))
        return false;
    stall->since = began_at;
    describe_wait(wait_event_of(slot), stall->waits_for, sizeof stall->waits_for);
    return true;
}

long
milliseconds_until_stall(int slot)
{
    /* Whoever is seen in a turn is mostly in an ordinary one: an idle server must not be woken up
     * to see it over. */
    constexpr long kOrdinaryTurnMs = 1000;
    const TimestampTz began_at = turn_began_at(slot);

    if (began_at == 0)
        return PG_INT32_MAX;
    const long age = TimestampDifferenceMilliseconds(began_at, GetCurrentTimestamp());
    return age < kOrdinaryTurnMs || age > kLongestTurnMs ? PG_INT32_MAX : kLongestTurnMs - age;
}

}  // namespace crm_capi
