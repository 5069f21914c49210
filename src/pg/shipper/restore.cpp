/*
 * restore.cpp - what a shipper takes over from the ones before it.
 *
 * Owed is whatever is in the log and not final. The cursor says up to which id that is known;
 * behind it the requests and settlements written since say what has become final, and everything
 * else is read again.
 */
#include "pg/shipper/restore.hpp"

#include <stdexcept>
#include <utility>

#include "pg/base/guard.hpp"
#include "pg/shipper/lead_blooms.hpp"
#include "pg/shipper/ledger.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shipper/turn.hpp"

namespace crm_capi {

namespace {

void
note_final(void* context, const char* events)
{
    auto* const ranges = static_cast<std::vector<IdRange>*>(context);

    call_cpp("note final events", [&] {
        IdSet set;
        if (IdSet::FromMultirange(events, &set))
            ranges->insert(ranges->end(), set.ranges().begin(), set.ranges().end());
    });
}

}  // namespace

bool
restore(Shipper* shipper)
{
    begin_turn();
    shipper->schema = lock_extension();
    if (!OidIsValid(shipper->schema)) {
        end_turn();
        return false;
    }
    const Relations* const relations = relations_in(shipper->schema);
    shipper->event_log = relations->event_log;
    shipper->dataset = relations->dataset;
    shipper->settlement = relations->settlement;
    shipper->tombstone = relations->tombstone;
    const StoredCursor cursor = read_cursor(shipper->schema);
    const int64 in_doubt = put_unfinished_in_doubt(shipper->schema);
    const TablesSeen seen = look_at_tables(shipper->schema);
    shipper->latest_request = seen.newest_request;
    shipper->cursor_written_at = seen.cursor_written_at;
    shipper->cursor_request = cursor.request;
    shipper->filtered_up_to = read_filtered_up_to(shipper->schema);
    read_final_events(shipper->schema, cursor, note_final, &shipper->final_ranges);
    shipper->counting.known_up_to = cursor.position;
    restore_totals(shipper);
    call_cpp("restore the cursor", [&] {
        shipper->final_events = IdSet(std::move(shipper->final_ranges));
        IdSet open;
        if (!IdSet::FromMultirange(cursor.open, &open))
            throw std::runtime_error("capi_cursor.open");
        /* What is final already is neither owed nor a hole. */
        open.Subtract(shipper->final_events);
        shipper->window = std::make_unique<Window>(cursor.position, std::move(open));
        if (!shipper->final_events.empty())
            shipper->final_up_to = shipper->final_events.ranges().back().last;
    });
    end_turn();
    if (in_doubt > 0)
        ereport(LOG, (errmsg("requests in doubt after a restart: " INT64_FORMAT, in_doubt)));
    return true;
}

}  // namespace crm_capi
