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

/* An idle turn may take some ten milliseconds for it, so that an event that comes meanwhile does
 * not wait long. A busy one does a little more than its requests, two batches, are worth: the
 * part of the log without filters, which a search for a lead has to read as a whole, must not grow
 * for as long as the load lasts. */
constexpr int kFiltersPerIdleTurn = 16;
constexpr int kFiltersPerBusyTurn = 4;

void
filter_leads(Shipper* shipper)
{
    const int most = shipper->more_to_do ? kFiltersPerBusyTurn : kFiltersPerIdleTurn;
    int64 complete_up_to = 0;

    /* What has not been read yet may hold an event of another dataset, which waits for it. Reading
     * is faster than sending by far, so its end comes. */
    if (shipper->must_read)
        return;
    /* Ids are spent on rolled-back events, too, so this many may be fewer events: a shorter look
     * that comes to nothing. */
    if (shipper->window->position() - shipper->filtered_up_to < kEventsPerBloom)
        return;
    call_cpp("find out what is settled", [&] { complete_up_to = shipper->window->CompleteUpTo(); });
    const int64 before = shipper->filtered_up_to;
    if (complete_up_to - before < kEventsPerBloom)
        return;
    shipper->filtered_up_to = write_lead_blooms(shipper->schema, before, complete_up_to, most);
    if (shipper->filtered_up_to != before &&
        complete_up_to - shipper->filtered_up_to >= kEventsPerBloom)
        shipper->more_to_do = true;
}

}  // namespace

void
keep_up(Shipper* shipper)
{
    const Share share = shipper->more_to_do ? Share::kBusy : Share::kIdle;

    filter_leads(shipper);
    if (prune_history(shipper, share))
        shipper->more_to_do = true;
}

}  // namespace crm_capi
