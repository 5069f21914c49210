/*
 * forgotten_leads.hpp - the shipper's part in forgetting a lead.
 *
 * capi_forget() erases what it sees. Events of the lead that become visible later, because their
 * transaction was still open, are erased here, and what the shipper holds in memory is dropped.
 */
#pragma once

#include "core/event/tombstone_prefixes.hpp"
#include "core/ids/id_set.hpp"
#include "pg/queue/log_reader.hpp"

namespace crm_capi {

/* Takes over new tombstones. Adds what they have erased to `erased`; true if that may be anything.
 * Needs SPI. */
bool heed_tombstones(Oid schema, TombstonePrefixes* leads, IdSet* erased);

/* Whether an event that has become visible is one of a forgotten lead; then it is gone now. */
bool erase_late_event(Oid schema, const TombstonePrefixes& leads, const LoggedEvent& event);

}  // namespace crm_capi
