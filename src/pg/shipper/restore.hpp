/*
 * restore.hpp - what a shipper takes over from the ones before it.
 */
#pragma once

#include "pg/shared/participants.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Fills *shipper from the tables, and puts what was in flight when the last shipper ended in doubt.
 * If the tables are as the last one has `left` them there is nothing to be looked for. False if the
 * extension is not there. */
bool restore(Shipper* shipper, const TablesLeft& left);

}  // namespace crm_capi
