/*
 * retention.hpp - history that has been kept for crm_capi.retention is removed, a little at a time.
 */
#pragma once

#include "core/ids/id_set.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct Shipper;

/* The pass through the history that is under way. */
struct HistoryPass {
    int64_t events_up_to = 0; /* have been looked at */
    int64_t requests_up_to = 0;
    TimestampTz next_portion_at = 0;
    TimestampTz next_pass_at = 0;
    TimestampTz next_old_at = 0; /* when the next event becomes old enough; 0 = nobody has looked */
    IdSet final_ids;             /* of the portion in hand */
};

/* Whether the turn has work for Meta besides. */
enum class TurnLoad { kBusy, kIdle };

/* Whether prune_history would do anything now. */
bool history_is_due(const Shipper* shipper);
/* How long it would not; a day if nothing is ever removed, or not for longer than that. */
long milliseconds_until_history_is_due(const Shipper* shipper);

/* When it would do something again, as far as that is known: an event that comes meanwhile brings a
 * shipper. */
TimestampTz history_due_at(const Shipper* shipper);

/* Removes one portion of what is too old. True if there may be more. Inside the turn's transaction;
 * takes no lock that a writer could wait for. */
bool prune_history(Shipper* shipper, TurnLoad load);

/* Somebody has decided about events, or the setting has changed: what was kept is looked at again.
 */
void reconsider_history(HistoryPass* history);

}  // namespace crm_capi
