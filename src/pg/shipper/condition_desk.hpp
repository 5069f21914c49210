/*
 * condition_desk.hpp - where the shipper has conditions checked: by processes of their own, one for
 * each watch, that it never waits for.
 *
 *   dispatcher: events to check --> desk --ids--> rechecker (watch a)
 *   dispatcher: holds, or ends  <-- desk <--findings-- rechecker (watch b)
 *
 * Whatever a process does - hang, end, never start - costs only events of its watch their time. All
 * that is under way is known to this process alone: after a restart everything is asked anew.
 */
#pragma once

#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Takes in what has been found: events may go, or have ended. */
void take_findings(Shipper* shipper);

/* Hands out what is to be checked before it can be sent. */
void ask_for_conditions(Shipper* shipper);

/* When the next turn is due for what is being checked; 0 = nothing waits for time to pass. */
UnixMicros next_check_due();

/* Ends all processes that are at work: this database is to be left. */
void end_recheckers();

}  // namespace crm_capi
