/*
 * shipper_state.hpp - what a shipper knows between two turns.
 *
 * One object per process, made once and never freed: the process is its owner, and whatever goes
 * wrong unexpectedly ends the process.
 */
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/dispatch/dispatcher.hpp"
#include "core/event/tombstone_prefixes.hpp"
#include "core/ids/id_set.hpp"
#include "core/dispatch/notice.hpp"
#include "core/ids/window.hpp"
#include "net/transport.hpp"
#include "pg/shipper/shipper_totals.hpp"
#include "pg/shipper/oldest_owed.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct Shipper {
    /* Where the extension is; if any of it changes, this process has nothing to serve any more. */
    Oid schema = InvalidOid;
    Oid event_log = InvalidOid;
    Oid dataset = InvalidOid;
    Oid settlement = InvalidOid;
    Oid tombstone = InvalidOid;

    std::unique_ptr<Transport> transport;
    Dispatcher dispatcher;
    std::unique_ptr<Window> window;
    /* Made final after the cursor was written; not to be owed again. */
    IdSet final_events;
    int64_t final_up_to = 0;
    /* Settled once, and owed again by capi_retry(). */
    IdSet retried;
    IdSet cancelled;
    /* Erased by capi_forget() while owed. What of it is in flight has no settlement any more. */
    IdSet forgotten;
    TombstonePrefixes forgotten_leads;
    /* Parked events that nobody has been told of yet, and what has been told. */
    std::vector<int64_t> parked;
    ParkedKinds parked_kinds;

    Counting counting;
    FirstTimesKept first_times;

    bool settings_changed = true;   /* options or credentials of some dataset */
    bool decisions_changed = true;  /* capi_retry() or capi_cancel() was called */
    bool tombstones_changed = true; /* capi_forget() was called */
    bool must_read = true;          /* the log may have grown */
    /* The next transaction id when the log was read to its end and nobody was writing; else 0. */
    uint64 no_writers_since = 0;
    bool more_to_do = false;      /* the turn ended before everything was done */
    bool serves_copy = false;     /* a dataset is held because this database is a copy */
    bool stopping = false;        /* asked to end: no new requests */
    bool must_start_anew = false; /* somebody else filled the tables: a new process reads them */

    int64_t filtered_up_to = 0; /* by the filters of capi_lead_filter */
    /* The pass of retention.cpp that is under way. */
    int64_t pruned_up_to = 0;
    int64_t pruned_up_to_request = 0;
    TimestampTz prune_at = 0;      /* its next portion */
    TimestampTz prune_anew_at = 0; /* the next pass */

    int64 latest_request = 0;
    int requests_since_cursor = 0;
    bool cursor_is_behind = false;
    TimestampTz cursor_tried_at = 0;
    size_t open_ranges = 0;            /* when the cursor was tried */
    TimestampTz cursor_written_at = 0; /* as it stands in the table */
    int64_t cursor_request = 0;        /* likewise */

    /* Results of the C++ regime that the PostgreSQL regime reads: a frame that an error may jump
     * over must not own them. */
    std::vector<HealthChange> health_changes;
    std::vector<int64_t> rechecks;
    std::vector<IdRange> final_ranges;
    Doubts doubts;
    std::vector<OwedOfDataset> owed;
    IdSet first_owed;
    IdSet open_ids;
    IdSet final_ids;
};

}  // namespace crm_capi
