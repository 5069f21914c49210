/*
 * recheck.hpp - events of watches with recheck => true: the condition counts once more, just before
 * they are sent.
 */
#pragma once

#include "pg/shipper_state.hpp"

namespace crm_capi {

/* Checks all events that the next requests may carry. One whose condition does not hold any more is
 * cancelled; one of which that cannot be told is parked: a consent that is not certain is none. */
void recheck_conditions(Shipper* shipper);

}  // namespace crm_capi
