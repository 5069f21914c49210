/*
 * rest.hpp - how a shipper waits: for its latch, for a readable socket and for time at once,
 * without transaction, snapshot or lock.
 */
#pragma once

#include "core/event/event.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

struct WokenBy {
    bool latch;
    bool transport; /* a socket is ready, or libcurl wants to be called */
};

/* Waits until something happens or the time has come, whichever is first. An idle shipper dozes
 * instead: it leaves it to the launcher to look whether anybody writes. */
WokenBy rest_until(const Shipper* shipper, UnixMicros time);

/* Whether a poll can be left out: no transaction has begun to write since the log was last read,
 * and none was running then. An idle server's shipper thus does nothing but look at a number, but
 * for a look at its history now and then. */
bool nothing_can_be_new(const Shipper* shipper);

}  // namespace crm_capi
