/*
 * forgotten_leads.hpp - the shipper's part in forgetting a lead.
 *
 * capi_forget() erases what it sees. Events of the lead that become visible later, because their
 * transaction was still open, are erased here, and what the shipper holds in memory is dropped.
 */
#pragma once

#include "pg/queue/log_reader.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Takes over new tombstones. What they have erased is in shipper->forgotten afterwards, and
 * heed_decisions() drops it. */
void heed_tombstones(Shipper* shipper);

/* Whether an event that has become visible is one of a forgotten lead; then it is gone now. */
bool erase_late_event(Shipper* shipper, const LoggedEvent& event);

}  // namespace crm_capi
