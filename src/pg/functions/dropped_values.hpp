/*
 * dropped_values.hpp - how many values of identities the watches had to drop, and why.
 */
#pragma once

#include "pg/functions/checkup_facts.hpp"

namespace crm_capi {

/* Notes with each watch what its table has had of such values within a week, among the latest
 * events. Needs a connected SPI. */
void gather_dropped_values(Oid schema, Checkup* checkup);

}  // namespace crm_capi
