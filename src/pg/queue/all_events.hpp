/*
 * all_events.hpp - what requests and settlements say of all events, read once for a query that asks
 * for many of them.
 */
#pragma once

#include "core/event/event_status.hpp"
#include "core/ids/request_map.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Every request under the active snapshot; in current memory. The state of one is a
 * LatestRequest. */
RequestMap* read_all_requests(Oid schema);

struct SettledEvent {
    int64 event;
    Settled settled;
};
/* By ascending event. */
struct SettledEvents {
    SettledEvent* list;
    int64 count;
    int64 last_found; /* the next one is mostly beside it */
};
/* Every settlement under the active snapshot; in current memory. */
SettledEvents read_all_settlements(Oid schema);

Settled find_settled(SettledEvents* settlements, int64 event);

}  // namespace crm_capi
