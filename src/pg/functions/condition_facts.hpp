/*
 * condition_facts.hpp - what capi_check() finds about conditions that are checked before sending.
 */
#pragma once

#include "core/checkup/checkup.hpp"

namespace crm_capi {

/* As the shipper of this database shows it. */
void gather_conditions(ConditionFacts* facts);

}  // namespace crm_capi
