/*
 * parked_share.hpp - what share of the events of a watch is parked for one reason.
 */
#pragma once

#include "pg/functions/checkup_facts.hpp"

namespace crm_capi {

/* Notes with each watch of the checkup how many of its latest events were parked when they were
 * enqueued, for the reason that most were parked for. Needs SPI. */
void gather_parked_shares(Oid schema, Checkup* checkup);

}  // namespace crm_capi
