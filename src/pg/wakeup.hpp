/*
 * wakeup.hpp - waking the workers when, and only when, a transaction has committed.
 */
#pragma once

namespace crm_capi {

/* Arms the wake-up of this database's shipper for the end of the current transaction. */
void wake_shipper_on_commit();

/* The same for the launcher, which then looks for databases again. */
void announce_on_commit();

}  // namespace crm_capi
