/*
 * shipper_state.hpp - what a shipper knows between two turns.
 *
 * One object per process, made once and never freed: the process is its owner, and whatever goes
 * wrong unexpectedly ends the process. It consists of parts, so that a function which needs one of
 * them can say so.
 */
#pragma once

#include <memory>
#include <vector>

#include "core/dispatch/dispatcher.hpp"
#include "core/event/tombstone_prefixes.hpp"
#include "core/ids/bloom_queue.hpp"
#include "core/ids/id_set.hpp"
#include "core/ids/window.hpp"
#include "net/transport.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/shipper/cursor.hpp"
#include "pg/shipper/notices.hpp"
#include "pg/shipper/oldest_owed.hpp"
#include "pg/shipper/retention.hpp"
#include "pg/shipper/shipper_totals.hpp"

namespace crm_capi {

/* Where the extension is; if any of it changes, this process has nothing to serve any more. */
struct ServedExtension {
    Oid schema = InvalidOid;
    Oid event_log = InvalidOid;
    /* What messages about changes are about (bells.hpp). */
    Oid settings_bell = InvalidOid;
    Oid decisions_bell = InvalidOid;
    Oid tombstones_bell = InvalidOid;
};

/* What other sessions have told of, and the next turn has to look at. */
struct ChangesToHeed {
    bool settings = true;   /* options or credentials of some dataset */
    bool decisions = true;  /* capi_retry() or capi_cancel() was called */
    bool tombstones = true; /* capi_forget() was called */
};

/* How far the log has been read. */
struct LogProgress {
    bool must_read = true; /* the log may have grown */
    /* The next transaction id when the log was read to its end and nobody was writing; else 0. */
    uint64 no_writers_since = 0;
    std::unique_ptr<Window> window;
    /* Made final after the cursor was written; not to be owed again. */
    IdSet final_events;
    int64_t final_up_to = 0;
};

/* Single events that operators have decided about. */
struct DecidedEvents {
    /* Settled once, and owed again by capi_retry(). */
    IdSet retried;
    IdSet cancelled;
    IdSet owed_before; /* while decisions are read */
    /* Erased by capi_forget() while owed. What of it is in flight has no settlement any more. */
    IdSet forgotten;
    uint64 heeded = 0; /* so many decisions were made when they were read (figure_board.hpp) */
    Doubts doubts;     /* while they are collected for the dispatcher */
};

/* What is final, as it is read; `join_at` is how many ranges are too many to be kept apart. */
struct FinalRanges {
    std::vector<IdRange> list;
    size_t join_at = 0;
};

/* Results of the C++ regime that the PostgreSQL regime reads: a frame that an error may jump over
 * must not own them. */
struct TurnResults {
    std::vector<HealthChange> health_changes;
    std::vector<int64_t> rechecks;
    FinalRanges final_ranges;
    std::vector<OwedOfDataset> owed;
};

/* What goes on where an earlier shipper left off, which gave its slot to another database. */
struct Resumption {
    bool of_datasets = false; /* their pauses, when they are read */
    bool of_history = false;  /* that nothing is due there yet */
};

struct Shipper {
    int slot = -1;        /* its own (slots.hpp) */
    int participant = -1; /* of its database (participants.hpp) */
    ServedExtension extension;
    std::unique_ptr<Transport> transport;
    Dispatcher dispatcher;

    ChangesToHeed changed;
    LogProgress log;
    Cursor cursor;
    DecidedEvents decided;
    TombstonePrefixes forgotten_leads;
    ParkedNews parked;
    ShipperTotals totals;
    OldestOwed oldest_owed;
    HistoryPass history;
    int64_t bloomed_up_to = 0; /* by the filters of capi_lead_filter */
    BloomQueue blooms;         /* of what was read lately */
    TurnResults results;

    Resumption resumes;

    bool more_to_do = false;      /* the turn ended before everything was done */
    bool has_datasets = true;     /* a server of the wrapper */
    bool serves_copy = false;     /* a dataset is held because this database is a copy */
    bool stopping = false;        /* asked to end: no new requests */
    bool gives_slot = false;      /* because others want its slot, or nothing needs it */
    bool must_start_anew = false; /* somebody else filled the tables: a new process reads them */
};

}  // namespace crm_capi
