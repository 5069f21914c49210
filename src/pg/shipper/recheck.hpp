/*
 * recheck.hpp - what counts once more just before an event is sent: that no other event has the
 * stage, of watches with repeat => 'first'.
 */
#pragma once

#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Looks at all such events that the next requests may carry. One whose stage another event has is
 * cancelled. */
void recheck_events(Shipper* shipper);

}  // namespace crm_capi
