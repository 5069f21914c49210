/*
 * retention.hpp - history that has been kept for crm_capi.retention is removed, a little at a time.
 */
#pragma once

#include "core/ids/id_set.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

enum class Share { kBusy, kIdle };

/* Whether prune_history would do anything now. */
bool history_is_due(const Shipper* shipper);
/* How long it would not; a day if nothing is ever removed, or not for longer than that. */
long milliseconds_until_history_is_due(const Shipper* shipper);

/* Removes one portion of what is too old. True if there may be more. Inside the turn's transaction;
 * takes no lock that a writer could wait for. */
bool prune_history(Shipper* shipper, Share share);

/* Somebody has decided about events, or the setting has changed: what was kept is looked at again.
 */
void reconsider_history(Shipper* shipper);

}  // namespace crm_capi
