/*
 * published_totals.cpp - where the totals of the datasets lie while the server runs.
 */
#include "pg/shared/published_totals.hpp"

#include "pg/shared/figure_board.hpp"
#include "pg/base/settings.hpp"
#include "pg/shared/shared_memory.hpp"

namespace crm_capi {

#if PG_VERSION_NUM >= 180000

namespace {

struct PublishedTotals {
    /* The table beside them. Numbers of datasets begin anew with each CREATE EXTENSION, and an
     * entry that an earlier one has left must not be taken for ours. */
    Oid counter;
    DatasetTotals totals;
};

struct TotalsEntry {
    PgStatShared_Common header;
    PublishedTotals published;
};

/* A server that finds entries of an unknown kind in its statistics file throws the whole file away,
 * so whoever stopped preloading this library would lose the statistics of all tables. Ours lie in a
 * table as well and need not be in that file. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* each version adds members */
const PgStat_KindInfo totals_kind = {
    .fixed_amount = false,
    .accessed_across_databases = false,
    .write_to_file = false,
    .shared_size = sizeof(TotalsEntry),
    .shared_data_off = offsetof(TotalsEntry, published),
    .shared_data_len = sizeof(PublishedTotals),
    .name = "crm_capi",
};
#pragma GCC diagnostic pop

/* What the administrator has given us of the server's numbers for kinds of statistics. */
PgStat_Kind
kind_number()
{
    return static_cast<PgStat_Kind>(setting_statistics_kind);
}

/* The table that keeps the totals beside the statistics; InvalidOid if there is none. */
Oid
counter_table(Oid schema)
{
    return get_relname_relid("capi_counter", schema);
}

}  // namespace

void
register_totals()
{
    pgstat_register_kind(kind_number(), &totals_kind);
}

bool
publish_totals(FigureBoard*, Oid schema, int32 dataset, const DatasetTotals& totals)
{
    const PublishedTotals published = {counter_table(schema), totals};
    PgStat_EntryRef* const entry = pgstat_get_entry_ref_locked(kind_number(), MyDatabaseId,
                                                               static_cast<uint64>(dataset), false);

    reinterpret_cast<TotalsEntry*>(entry->shared_stats)->published = published;
    pgstat_unlock_entry(entry);
    return true;
}

bool
read_totals(const FigureBoard*, Oid schema, int32 dataset, DatasetTotals* totals)
{
    if (!has_shared_memory())
        return false; /* the library is not preloaded, and the server knows nothing of the kind */
    const auto* const published = static_cast<PublishedTotals*>(
        fetch_statistics(kind_number(), MyDatabaseId, static_cast<uint64>(dataset)));
    if (published == nullptr || !OidIsValid(published->counter) ||
        published->counter != counter_table(schema))
        return false;
    *totals = published->totals;
    return true;
}

#else

void
register_totals()
{
}

bool
publish_totals(FigureBoard* board, Oid, int32 dataset, const DatasetTotals& totals)
{
    DatasetFigures* const row = figures_of(board, dataset);

    if (row == nullptr)
        return false;
    row->totals = totals;
    return true;
}

bool
read_totals(const FigureBoard* board, Oid, int32 dataset, DatasetTotals* totals)
{
    if (board == nullptr)
        return false;
    const DatasetFigures* const row = find_figures(board, dataset);
    if (row == nullptr)
        return false;
    *totals = row->totals;
    return true;
}

#endif

}  // namespace crm_capi
