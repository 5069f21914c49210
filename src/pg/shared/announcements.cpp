/*
 * announcements.cpp - a database says that it has got the extension.
 */
#include "pg/shared/announcements.hpp"

#include "pg/shared/slots.hpp"

namespace crm_capi {

namespace {

/* Count and database in one number, changed as one: two databases that announce themselves at the
 * same moment could otherwise leave a count of two behind the same name twice, and the other one
 * would be looked at by nobody. */
struct Counter {
    pg_atomic_uint64 count_and_latest; /* the count in the upper half */
};

Counter* shared = nullptr;

}  // namespace

Size
announcements_size()
{
    return sizeof(Counter);
}

void
place_announcements(void* memory, bool is_new)
{
    shared = static_cast<Counter*>(memory);
    if (is_new) {
        pg_atomic_init_u64(&shared->count_and_latest, 0);
    }
}

Announcements
announcements()
{
    const uint64 made = pg_atomic_read_u64(&shared->count_and_latest);

    return Announcements{static_cast<uint32>(made >> 32), static_cast<Oid>(made)};
}

void
announce(Oid database)
{
    if (shared == nullptr)
        return;
    uint64 before = pg_atomic_read_u64(&shared->count_and_latest);
    while (!pg_atomic_compare_exchange_u64(&shared->count_and_latest, &before,
                                           (((before >> 32) + 1) << 32) | database)) {
    }
    wake_launcher();
}

}  // namespace crm_capi
