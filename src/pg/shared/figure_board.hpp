/*
 * figure_board.hpp - what a shipper shows of its work: counters, and what it owes, for each
 * dataset.
 *
 * The shipper alone counts, of what passes through its hands anyway: enqueueing pays nothing for
 * it. What it owes lies in shared memory, where capi_status reads it without looking at the log;
 * for the totals see published_totals.hpp.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"
#include "pg/shared/published_totals.hpp"

namespace crm_capi {

struct DatasetFigures {
    int32 dataset; /* number in the log */
    int64 owed;
    int64 in_flight;
    int64 in_doubt;
    TimestampTz oldest_owed_at;      /* 0 = nothing is owed */
    TimestampTz earliest_event_time; /* of the first owed events; 0 = nothing is owed */
    DatasetTotals totals;            /* before 18 */
};

/* With more datasets than these in one database, the views read the tables. */
constexpr int kMostDatasets = 64;

/* One shipper writes it, anybody reads it; the version is odd while it is being written. */
struct FigureBoard {
    pg_atomic_uint64 decisions; /* of operators, about single events; sessions count them */
    uint64 decisions_heeded;    /* the figures know of so many of them */
    pg_atomic_uint32 version;
    int32 count;      /* -1 = nothing to be read here */
    int64 read_up_to; /* figures are about events up to this id */
    DatasetFigures rows[kMostDatasets];
};

/* shared_memory.cpp: how much of it is ours, and where it lies. There is a board for each slot. */
Size boards_size();
void place_boards(void* memory, bool is_new);

/* Where the shipper of a database publishes its figures; NULL if none is running. */
FigureBoard* figure_board(Oid database);
/* Launcher: nothing is to be read any more of what an earlier shipper of this slot has left. */
void clear_board(int slot);

/* Sessions: a transaction has committed in which an operator decided about single events. */
void count_decision(Oid database);
/* How many such transactions there were in this database; 0 without a shipper. */
uint64 decisions_made();

/* The row of a dataset on a board of one's own, or NULL. */
const DatasetFigures* find_figures(const FigureBoard* board, int32 dataset);
/* The same, made if there is none; NULL if there is no room for it. */
DatasetFigures* figures_of(FigureBoard* board, int32 dataset);

/* Shipper: whoever reads meanwhile reads again. */
void begin_writing(FigureBoard* board);
void end_writing(FigureBoard* board);
/* False if nothing has been published, or if the figures do not know of a decision. */
bool read_board(FigureBoard* board, FigureBoard* copy);

}  // namespace crm_capi
