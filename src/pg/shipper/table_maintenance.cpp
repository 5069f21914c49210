/*
 * table_maintenance.cpp - what the shipper does for the tables at the end of a turn: filters over
 * leads, and retention.
 */
#include "pg/shipper/table_maintenance.hpp"

#include "core/ids/lead_bloom.hpp"
#include "pg/base/guard.hpp"
#include "pg/shipper/lead_blooms.hpp"
#include "pg/shipper/retention.hpp"

namespace crm_capi {

namespace {

/* For so many filters a turn reads the log once more, because they were not made when it was read:
 * an idle turn may take some ten milliseconds for it, so that an event that comes meanwhile does
 * not wait long. A busy one does a little more than its requests, two batches, are worth: the part
 * of the log without filters, which a search for a lead has to read as a whole, must not grow for
 * as long as the load lasts. One that has not read all that is new does nothing: there may be an
 * event of another dataset, which waits for it, and reading is faster than sending by far. */
constexpr int kBloomsReadPerIdleTurn = 16;
constexpr int kBloomsReadPerBusyTurn = 4;

int
most_blooms_read(const Shipper* shipper)
{
    if (shipper->log.must_read)
        return 0;
    return shipper->more_to_do ? kBloomsReadPerBusyTurn : kBloomsReadPerIdleTurn;
}

/* Writes Bloom filters for full runs of events that nothing can be added to any more. */
void
write_blooms(Shipper* shipper)
{
    int64 complete_up_to = 0;

    /* Ids are spent on rolled-back events, too, so this many may be fewer events: a shorter look
     * that comes to nothing. */
    if (shipper->log.window->position() - shipper->bloomed_up_to < kEventsPerBloom)
        return;
    call_cpp("find out what is settled",
             [&] { complete_up_to = shipper->log.window->CompleteUpTo(); });
    const int64 before = shipper->bloomed_up_to;
    if (complete_up_to - before < kEventsPerBloom)
        return;
    shipper->bloomed_up_to = write_lead_blooms(shipper->extension.schema, before, complete_up_to,
                                               most_blooms_read(shipper), &shipper->blooms);
    if (shipper->bloomed_up_to != before &&
        complete_up_to - shipper->bloomed_up_to >= kEventsPerBloom)
        shipper->more_to_do = true;
}

}  // namespace

void
keep_up(Shipper* shipper)
{
    const TurnLoad load = shipper->more_to_do ? TurnLoad::kBusy : TurnLoad::kIdle;

    write_blooms(shipper);
    if (prune_history(shipper, load))
        shipper->more_to_do = true;
}

}  // namespace crm_capi
