/*
 * shared_memory.hpp - the piece of shared memory in which launcher, shippers and backends meet:
 * slots, turn clocks, participants, reservations and boards lie in it one behind the other.
 */
#pragma once

namespace crm_capi {

/* To be called while shared_preload_libraries is processed. */
void reserve_shared_memory();

/* Whether the library is preloaded; without that there is no such memory. */
bool has_shared_memory();

}  // namespace crm_capi
