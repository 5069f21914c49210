/*
 * announcements.cpp - a database says that it has got the extension.
 */
#include "pg/shared/announcements.hpp"

#include "pg/shared/slots.hpp"

namespace crm_capi {

namespace {

/* The count is written after the database and read before it: who sees the count sees this database
 * or a later one, and a later one has a count of its own. */
struct Counter {
    pg_atomic_uint32 count;
    pg_atomic_uint32 latest;
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
        pg_atomic_init_u32(&shared->count, 0);
        pg_atomic_init_u32(&shared->latest, 0);
    }
}

Announcements
announcements()
{
    Announcements made;

    made.count = pg_atomic_read_u32(&shared->count);
    pg_read_barrier();
    made.latest = pg_atomic_read_u32(&shared->latest);
    return made;
}

void
announce(Oid database)
{
    if (shared == nullptr)
        return;
    pg_atomic_write_u32(&shared->latest, database);
    pg_write_barrier();
    pg_atomic_fetch_add_u32(&shared->count, 1);
    wake_launcher();
}

}  // namespace crm_capi
