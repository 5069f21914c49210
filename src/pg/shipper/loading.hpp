/*
 * loading.hpp - events on their way from the log into the dispatcher.
 */
#pragma once

#include "pg/queue/log_reader.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Hands over what was read with Columns::kAll to the dataset that the dispatcher has chosen. What
 * could not be read ends here: parked, alone, and the server log says so. */
void load_event(Shipper* shipper, const LoggedEvent& event);

}  // namespace crm_capi
