/*
 * announcements.hpp - a database says that it has got the extension, and the launcher, which can
 * look into no database, has it looked into.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* shared_memory.cpp: how much of it is ours, and where it lies. */
Size announcements_size();
void place_announcements(void* memory, bool is_new);

struct Announcements {
    uint32 count; /* since the server started */
    Oid latest;
};
/* The count is read first, as announce() writes it last: `latest` is never older than the count. */
Announcements announcements();

/* Backends: does nothing without preloading. */
void announce(Oid database);

}  // namespace crm_capi
