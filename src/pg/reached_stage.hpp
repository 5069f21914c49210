/*
 * reached_stage.hpp - which stages a lead has reached, for watches that send each one once.
 */
#pragma once

#include "pg/event_log.hpp"

namespace crm_capi {

/* Notes that the event's lead has reached its stage; false if it was noted before. Another
 * transaction that has just noted the same is waited for. */
bool reach_stage(Oid schema, Oid server, const NewEvent& event);

}  // namespace crm_capi
