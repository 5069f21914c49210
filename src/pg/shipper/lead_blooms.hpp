/*
 * lead_blooms.hpp - the shipper's part of the index over leads: writes capi_lead_filter.
 */
#pragma once

#include "core/ids/bloom_queue.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The last id that a filter covers; 0 if there is none. Needs SPI. */
int64 read_bloomed_up_to(Oid schema);

/* Writes filters for the ids behind `bloomed_up_to`, as long as they are full and end at
 * `complete_up_to`: no event up to that id can appear any more. What `made` does not have is made
 * from the log, for so many filters at most. Returns the last id covered now. Inside the shipper's
 * transaction. */
int64 write_lead_blooms(Oid schema, int64 bloomed_up_to, int64 complete_up_to, int most_read,
                        BloomQueue* made);

}  // namespace crm_capi
