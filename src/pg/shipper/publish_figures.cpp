/*
 * publish_figures.cpp - the shipper shows what it owes and what it has counted.
 */
#include "pg/shipper/publish_figures.hpp"

#include "pg/base/guard.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

namespace {

/* While there is more to do, so long passes from one publication to the next. */
constexpr int kPublishEveryMs = 200;

/* How many datasets owe anything. */
size_t
count_owing(const std::vector<OwedOfDataset>& all)
{
    size_t owing = 0;

    for (const OwedOfDataset& dataset : all)
        owing += dataset.owed > 0 ? 1 : 0;
    return owing;
}

/* What is owed, and since when. False, and nothing looked up, if the datasets are too many for a
 * board. */
bool
fill_owed(Shipper* shipper, TimestampTz now, FigureBoard* board)
{
    const int looks = looks_for_each(count_owing(shipper->results.owed));

    shipper->oldest_owed.are_old = false;
    if (shipper->results.owed.size() > kMostDatasets)
        return false;
    for (const OwedOfDataset& dataset : shipper->results.owed) {
        DatasetFigures* const row = figures_of(board, dataset.dataset);
        const OldestTimes times = oldest_times(shipper->extension.schema, shipper->dispatcher,
                                               &shipper->oldest_owed, dataset, looks, now);
        row->owed = dataset.owed;
        row->in_flight = dataset.in_flight;
        row->in_doubt = dataset.in_doubt;
        row->oldest_owed_at = times.oldest_owed_at;
        row->earliest_event_time = times.earliest_event_time;
    }
    return true;
}

/* Fills a board of our own; false if the datasets are too many for one. */
bool
fill_board(Shipper* shipper, TimestampTz now, FigureBoard* board)
{
    board->count = 0;
    board->read_up_to = shipper->log.window->position();
    bool fits = fill_owed(shipper, now, board);
    for (const auto& [dataset, totals] : shipper->totals.by_dataset)
        fits = publish_totals(board, shipper->extension.schema, dataset, totals) && fits;
    return fits;
}

}  // namespace

void
publish_figures(Shipper* shipper)
{
    static TimestampTz published_at = 0;
    const TimestampTz now = GetCurrentTimestamp();
    FigureBoard* const board = figure_board(MyDatabaseId);

    if (board == nullptr || (shipper->more_to_do && now >= published_at &&
                             !TimestampDifferenceExceeds(published_at, now, kPublishEveryMs)))
        return;
    published_at = now;
    call_cpp("collect what is owed",
             [&] { shipper->results.owed = shipper->dispatcher.OwedByDataset(); });
    auto* const filled = static_cast<FigureBoard*>(palloc(sizeof(FigureBoard)));
    const bool fits = fill_board(shipper, now, filled);
    begin_writing(board);
    board->count = fits ? filled->count : -1;
    board->read_up_to = filled->read_up_to;
    board->decisions_heeded = shipper->decided.heeded;
    memcpy(board->rows, filled->rows, sizeof board->rows);
    end_writing(board);
    pfree(filled);
}

}  // namespace crm_capi
