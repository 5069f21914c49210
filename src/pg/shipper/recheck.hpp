/*
 * recheck.hpp - what counts once more just before an event is sent: the condition of watches with
 * recheck => true, and that no other event has the stage, of watches with repeat => 'first'.
 */
#pragma once

#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Checks all events that the next requests may carry. One whose condition does not hold any more,
 * or whose stage another event has, is cancelled; one of which that cannot be told is parked: a
 * consent that is not certain is none. */
void recheck_events(Shipper* shipper);

}  // namespace crm_capi
