/*
 * endings.hpp - what the shipper writes down of what has ended, and of how the datasets fare.
 */
#pragma once

#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* What answers and deadlines have ended. Inside the turn's transaction. */
void write_endings(Shipper* shipper);

/* How the datasets fare, if that has changed; also into the log and to who listens, if it is news.
 */
void write_health_changes(Shipper* shipper);

}  // namespace crm_capi
