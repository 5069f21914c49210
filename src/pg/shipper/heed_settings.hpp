/*
 * heed_settings.hpp - what operators have set and decided, taken over by the shipper.
 */
#pragma once

#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

/* Options, credentials, pauses. Sets must_start_anew if somebody else has filled the tables. */
void configure(Shipper* shipper);

/* Single events that are owed again, or not any more. */
void heed_decisions(Shipper* shipper);

}  // namespace crm_capi
