/*
 * notices.hpp - NOTIFY by the shipper, on the channel crm_capi.
 *
 * In the shipper's own transaction, never in the CRM's: commits that notify wait for each other.
 */
#pragma once

#include "core/dispatch/dispatcher.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* A dataset's health has changed. */
void notify_health(const HealthChange& change);

/* The first events of a kind among those parked since the last call. */
void notify_parked(Shipper* shipper);

}  // namespace crm_capi
