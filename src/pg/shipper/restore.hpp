/*
 * restore.hpp - what a shipper takes over from the ones before it.
 */
#pragma once

#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Fills *shipper from the tables, and puts what was in flight when the last shipper ended in doubt.
 * False if the extension is not there. */
bool restore(Shipper* shipper);

}  // namespace crm_capi
