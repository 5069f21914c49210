/*
 * restore.cpp - what a shipper takes over from the ones before it.
 *
 * Owed is whatever is in the log and not final. The cursor says up to which id that is known;
 * behind it the requests and settlements written since say what has become final, and everything
 * else is read again.
 */
#include "pg/shipper/restore.hpp"

#include <utility>

#include "pg/base/guard.hpp"
#include "pg/shipper/lead_blooms.hpp"
#include "pg/shipper/ledger.hpp"
#include "pg/catalog/bells.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/shared/participants.hpp"
#include "pg/shipper/shipper_state.hpp"
#include "pg/shipper/turn_transaction.hpp"

namespace crm_capi {

namespace {

/* So many ranges are collected before those that touch each other become one: what a million
 * requests have delivered since the cursor was written takes no room for a million. */
constexpr size_t kFewRanges = 10000;

/* For read_final_events(); the context is the vector of ranges. */
void
note_final(void* context, const char* events)
{
    auto* const ranges = static_cast<FinalRanges*>(context);

    call_cpp("note final events", [&] {
        IdSet set;
        if (IdSet::FromMultirange(events, &set))
            ranges->list.insert(ranges->list.end(), set.ranges().begin(), set.ranges().end());
        if (ranges->list.size() >= ranges->join_at) {
            ranges->list = IdSet(std::move(ranges->list)).ranges();
            ranges->join_at = 2 * ranges->list.size() + kFewRanges;
        }
    });
}

/* Whether nobody has written into them since a shipper left them. */
bool
are_as_left(const TablesSeen& seen, const TablesLeft& left)
{
    return left.cursor_written_at != 0 && seen.cursor_written_at == left.cursor_written_at &&
           seen.newest_request == left.newest_request;
}

/* What the cursor does not tell. Returns how many requests are in doubt now. */
int64
look_through_tables(Shipper* shipper, const StoredCursor& cursor)
{
    const Oid schema = shipper->extension.schema;
    const int64 in_doubt = put_unfinished_in_doubt(schema);

    shipper->bloomed_up_to = read_bloomed_up_to(schema);
    read_final_events(schema, cursor, note_final, &shipper->results.final_ranges);
    restore_totals_since(schema, cursor.request, &shipper->totals);
    return in_doubt;
}

}  // namespace

bool
restore(Shipper* shipper, const TablesLeft& left)
{
    begin_turn();
    shipper->extension.schema = lock_extension();
    if (!OidIsValid(shipper->extension.schema)) {
        end_turn();
        return false;
    }
    const Oid schema = shipper->extension.schema;
    shipper->extension.event_log = relations_in(schema)->event_log;
    shipper->extension.settings_bell = bell_relation(schema, Bell::kSettings);
    shipper->extension.decisions_bell = bell_relation(schema, Bell::kDecisions);
    shipper->extension.tombstones_bell = bell_relation(schema, Bell::kTombstones);
    const StoredCursor cursor = read_latest_cursor(schema);
    const TablesSeen seen = look_at_tables(schema, cursor.written_at);
    shipper->cursor.latest_request = seen.newest_request;
    shipper->cursor.written_at = seen.cursor_written_at;
    shipper->cursor.request = cursor.request;
    shipper->cursor.tried_at = GetCurrentTimestamp(); /* what leaves first need not wait for it */
    shipper->totals.known_up_to = cursor.position;
    shipper->decided.heeded = decisions_made();
    int64 in_doubt = 0;
    if (are_as_left(seen, left)) {
        shipper->changed.decisions = false;
        shipper->resumes.of_history = false;
        shipper->bloomed_up_to = left.bloomed_up_to;
        restore_totals(schema, &shipper->totals);
    } else {
        in_doubt = look_through_tables(shipper, cursor);
    }
    call_cpp("restore the cursor", [&] {
        shipper->log.final_events = IdSet(std::move(shipper->results.final_ranges.list));
        IdSet open(std::vector<IdRange>(cursor.open, cursor.open + cursor.open_count));
        /* What is final already is neither owed nor a hole. */
        open.Subtract(shipper->log.final_events);
        shipper->log.window = std::make_unique<Window>(cursor.position, std::move(open));
        if (!shipper->log.final_events.empty())
            shipper->log.final_up_to = shipper->log.final_events.ranges().back().last;
    });
    publish_position(shipper->participant, cursor.position);
    end_turn();
    if (in_doubt > 0)
        ereport(LOG, (errmsg("requests in doubt after a restart: " INT64_FORMAT, in_doubt)));
    return true;
}

}  // namespace crm_capi
