/*
 * reservations.hpp - a backend needs a database to itself (database_ddl.hpp): its shipper ends, and
 * none is started until the backend is done with it or gone.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* shared_memory.cpp: how much of it is ours, and where it lies. */
Size reservations_size();
void place_reservations(void* memory, bool is_new);

/* Backend: asks the shipper of a database to leave. False if there is no room to note it; then
 * nothing changes. */
bool ask_to_leave(Oid database);
/* Backend: gives back whatever it has reserved. */
void let_return();

/* Whether a database is reserved, so that no shipper may serve it. */
bool must_stay_away(Oid database);

}  // namespace crm_capi
