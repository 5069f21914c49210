/*
 * figures.hpp - what a shipper shows of its work: counters, and what it owes, for each dataset.
 *
 * The shipper alone counts, of what passes through its hands anyway: enqueueing pays nothing for
 * it. Figures lie in shared memory, where capi_status and capi_counters read them without looking
 * at the log; totals are also written beside the cursor, and what happened since is found again in
 * the tables, whatever ended the shipper.
 */
#pragma once

#include "pg/pg_prelude.hpp"

namespace crm_capi {

/* Totals since the dataset was registered. */
struct Totals {
    int64 enqueued;
    int64 delivered;
    int64 dry_run;
    int64 parked; /* also those that were parked when they were enqueued */
    int64 expired;
    int64 requests; /* answered, or given up */
    int64 retries;  /* of them: those whose events go again */
    int64 bytes;    /* of request bodies */
    int64 request_micros;
    TimestampTz last_success_at; /* 0 = never */
};

struct DatasetFigures {
    int32 dataset; /* number in the log */
    Totals totals;
    int64 owed;
    int64 in_flight;
    int64 in_doubt;
    TimestampTz oldest_owed_at;      /* 0 = nothing is owed */
    TimestampTz earliest_event_time; /* of the first owed events; 0 = nothing is owed */
};

/* With more datasets than these in one database, the views read the tables. */
constexpr int kMostDatasets = 64;

/* One shipper writes it, anybody reads it; the version is odd while it is being written. */
struct FigureBoard {
    pg_atomic_uint32 version;
    int32 count;      /* -1 = nothing to be read here */
    int64 read_up_to; /* figures are about events up to this id */
    DatasetFigures rows[kMostDatasets];
};

void begin_writing(FigureBoard* board);
void end_writing(FigureBoard* board);
/* False if nothing has been published. */
bool read_board(FigureBoard* board, FigureBoard* copy);

}  // namespace crm_capi
