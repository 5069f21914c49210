/*
 * table_maintenance.hpp - what the shipper does for the tables at the end of a turn.
 */
#pragma once

#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Inside the turn's transaction. Takes its share of a busy turn, and more of an idle one; what is
 * left for the next turn then shows in `more_to_do`. */
void keep_up(Shipper* shipper);

}  // namespace crm_capi
