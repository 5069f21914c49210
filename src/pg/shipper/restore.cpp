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
#include "pg/shipper/shipper_state.hpp"
#include "pg/shipper/turn_transaction.hpp"

namespace crm_capi {

namespace {

/* For read_final_events(); the context is the vector of ranges. */
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
    shipper->extension.schema = lock_extension();
    if (!OidIsValid(shipper->extension.schema)) {
        end_turn();
        return false;
    }
    const Relations* const relations = relations_in(shipper->extension.schema);
    shipper->extension.event_log = relations->event_log;
    shipper->extension.dataset = relations->dataset;
    shipper->extension.settlement = relations->settlement;
    shipper->extension.tombstone = relations->tombstone;
    const StoredCursor cursor = read_cursor(shipper->extension.schema);
    const int64 in_doubt = put_unfinished_in_doubt(shipper->extension.schema);
    const TablesSeen seen = look_at_tables(shipper->extension.schema);
    shipper->cursor.latest_request = seen.newest_request;
    shipper->cursor.written_at = seen.cursor_written_at;
    shipper->cursor.request = cursor.request;
    shipper->bloomed_up_to = read_bloomed_up_to(shipper->extension.schema);
    read_final_events(shipper->extension.schema, cursor, note_final,
                      &shipper->results.final_ranges);
    shipper->totals.known_up_to = cursor.position;
    restore_totals(shipper->extension.schema, cursor.request, &shipper->totals);
    call_cpp("restore the cursor", [&] {
        shipper->log.final_events = IdSet(std::move(shipper->results.final_ranges));
        IdSet open;
        if (!IdSet::FromMultirange(cursor.open, &open))
            throw std::runtime_error("capi_cursor.open");
        /* What is final already is neither owed nor a hole. */
        open.Subtract(shipper->log.final_events);
        shipper->log.window = std::make_unique<Window>(cursor.position, std::move(open));
        if (!shipper->log.final_events.empty())
            shipper->log.final_up_to = shipper->log.final_events.ranges().back().last;
    });
    end_turn();
    if (in_doubt > 0)
        ereport(LOG, (errmsg("requests in doubt after a restart: " INT64_FORMAT, in_doubt)));
    return true;
}

}  // namespace crm_capi
