/*
 * published_totals.hpp - where the totals of the datasets lie while the server runs: from 18 on in
 * its cumulative statistics, each dataset of each database an entry; before, on the shipper's board
 * (figure_board.hpp).
 *
 * Neither outlives the server. The shipper also writes the totals beside the cursor, finds what has
 * happened since in the tables when it starts, and publishes absolute numbers: whatever is lost
 * here, by a crash or by pg_stat_reset(), is there again after its next turn.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Counts since the dataset was registered. */
struct DatasetTotals {
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

struct FigureBoard;

/* To be called while shared_preload_libraries is processed, when the settings are known. */
void register_totals();

/* Shipper: shows the totals of a dataset. `board` is the one that it is about to publish; false if
 * that has no room. `schema` is the extension's. */
bool publish_totals(FigureBoard* board, Oid schema, int32 dataset, const DatasetTotals& totals);

/* Anybody: false if nothing has been published. `board` is a copy of this database's, or NULL. */
bool read_totals(const FigureBoard* board, Oid schema, int32 dataset, DatasetTotals* totals);

}  // namespace crm_capi
