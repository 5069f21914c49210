/*
 * turn.hpp - one turn of a shipper: everything it does in a transaction.
 */
#pragma once

#include "core/event/event.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

enum class TurnEnd { kDone, kExtensionMissing, kStartAnew };

/* Writes down what has ended, reads the log, makes requests, commits, and sends them. */
TurnEnd take_turn(Shipper* shipper);

}  // namespace crm_capi
