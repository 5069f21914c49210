/*
 * cursor.cpp - the shipper's place in the log, from which a new shipper goes on.
 */
#include "pg/shipper/cursor.hpp"

#include "pg/shipper/shipper_totals.hpp"
#include "pg/base/guard.hpp"
#include "pg/shipper/ledger.hpp"
#include "pg/base/settings.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

namespace {

/* The cursor is written after this many requests, or one poll interval after the last time: often
 * enough to bound what a restart reads again, and seldom enough that its row does not bloat while
 * somebody holds an old snapshot. A shipper that is asked to stop leaves it as it should be found.
 */
constexpr int kRequestsPerCursor = 256;

/* A long list is written more seldom still: so many ranges add as much again to both. Two datasets
 * of which one is held have a range for nearly every event. */
constexpr size_t kRangesPerDelay = 1000;
constexpr size_t kLongestDelay = 100;

/* With more open ranges than this the cursor stays where it is: the row would become large, and a
 * restart can read the log instead. */
constexpr size_t kMostOpenRanges = 50000;

/* The cursor speaks for requests up to this one; a new shipper looks through those that follow.
 * Requests in flight, and those about to leave, settle later. What earlier shippers delivered and
 * this one has not read yet lies behind the position: only their requests tell. */
int64
last_covered_request(Shipper* shipper)
{
    const std::vector<OutgoingRequest>& outgoing = shipper->dispatcher.outgoing();
    const int64 in_flight = shipper->dispatcher.OldestRequestInFlight();
    int64 request = in_flight != 0 ? in_flight - 1 : shipper->cursor.latest_request;

    if (!outgoing.empty())
        request = Min(request, outgoing.front().request - 1);
    if (shipper->log.window->position() < shipper->log.final_up_to)
        request = Min(request, shipper->cursor.request);
    return request;
}

}  // namespace

/* Everything up to the position is final but for what is owed and what was not visible yet. */
void
save_cursor(Shipper* shipper)
{
    const TimestampTz now = GetCurrentTimestamp();
    const int delay =
        1 + static_cast<int>(Min(shipper->cursor.open_ranges / kRangesPerDelay, kLongestDelay));
    const bool due =
        shipper->stopping || shipper->cursor.requests_since >= kRequestsPerCursor * delay ||
        now < shipper->cursor.tried_at || /* the clock was put back */
        TimestampDifferenceExceeds(shipper->cursor.tried_at, now, setting_poll_interval * delay);

    if (shipper->serves_copy || !shipper->cursor.is_behind || !due)
        return;
    shipper->cursor.requests_since = 0;
    shipper->cursor.tried_at = now;
    bool small_enough = false;
    int64 request = 0;
    call_cpp("collect the open ids", [&] {
        IdSet open = shipper->log.window->Holes();
        IdBits owed = shipper->dispatcher.OwedBits();
        shipper->cursor.open_ranges = open.ranges().size() + owed.CountRanges();
        small_enough = shipper->cursor.open_ranges <= kMostOpenRanges;
        if (small_enough) {
            open.AddAll(owed.ToSet());
            shipper->cursor.open_ids = std::move(open);
        }
        request = last_covered_request(shipper);
    });
    if (small_enough) {
        write_cursor(shipper->extension.schema, shipper->log.window->position(),
                     shipper->cursor.open_ids, request, now);
        shipper->cursor.written_at = now;
        shipper->cursor.request = request;
        save_totals(shipper->extension.schema, shipper->totals, now);
        shipper->cursor.is_behind = false;
    }
}

}  // namespace crm_capi
