/*
 * lead_index.cpp - the access method capi_lead: finds the events of a lead without being paid for
 * by the CRM.
 *
 * The index holds nothing and takes nothing in. What it answers from is the table
 * capi_lead_filter, which the shipper fills when it has time (lead_blooms.cpp): one Bloom filter
 * for each run of ids. A scan gives the planner all rows of the runs that may hold the lead, and of
 * the ids that no filter covers yet, each to be checked again. They are found through the primary
 * key, so it does not matter where in the table they lie, what was deleted, and whose place they
 * took.
 *
 * Ten million events take 20 MB of filters. A btree on lead_id would take 140 MB, more than double
 * what enqueueing costs, and find a lead in half a millisecond instead of some ten.
 *
 * A filter is written when no event of its run can be added any more (Window::CompleteUpTo), so a
 * snapshot that sees the filter misses none of them.
 */
#include <algorithm>

#include "core/ids/id_set.hpp"
#include "core/ids/lead_bloom.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/catalog/relations.hpp"

extern "C" {
#include "access/amapi.h"
#include "access/heapam.h"
#include "access/relscan.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "nodes/tidbitmap.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"

PG_FUNCTION_INFO_V1(capi_lead_handler);
}

namespace crm_capi {

namespace {

/* Ranges of ids, in PostgreSQL's memory. */
struct Ranges {
    IdRange* array;
    int count;
    int room;
};

/* Grows by doubling. With a history of many years there may be more ranges than palloc() takes. */
void
append(Ranges* ranges, IdRange range)
{
    if (ranges->count == ranges->room) {
        ranges->room = Max(64, ranges->room * 2);
        const Size size = sizeof(IdRange) * static_cast<Size>(ranges->room);
        ranges->array = static_cast<IdRange*>(ranges->array ? repalloc_huge(ranges->array, size)
                                                            : palloc(size));
    }
    ranges->array[ranges->count++] = range;
}

/* Reads the filters: the runs that they cover, and those of them that may hold the lead. */
void
read_filters(Oid schema, Snapshot snapshot, int64 lead_id, Ranges* covered, Ranges* found)
{
    const Relation table = table_open(relations_in(schema)->lead_filter, AccessShareLock);
    const TableScanDesc scan = begin_table_scan(table, snapshot);

    for (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection); HeapTupleIsValid(tuple);
         tuple = heap_getnext(scan, ForwardScanDirection)) {
        CHECK_FOR_INTERRUPTS();
        const auto value = [&](int column) {
            bool isnull; /* none of them is */
            return heap_getattr(tuple, column, RelationGetDescr(table), &isnull);
        };
        const IdRange run = {DatumGetInt64(value(lead_filter_column::kFirstEvent)),
                             DatumGetInt64(value(lead_filter_column::kLastEvent))};
        const auto* const filter =
            reinterpret_cast<const bytea*>(DatumGetPointer(value(lead_filter_column::kFilter)));
        if (VARATT_IS_EXTENDED(filter) || VARSIZE(filter) != VARHDRSZ + kLeadBloomBytes)
            continue; /* not one of ours: its run counts as not covered */
        append(covered, run);
        if (MayHoldLead(reinterpret_cast<const unsigned char*>(VARDATA(filter)), lead_id))
            append(found, run);
    }
    table_endscan(scan);
    table_close(table, AccessShareLock);
}

/* Appends what lies between the runs, before the first and behind the last. */
void
append_gaps(Ranges* covered, Ranges* ranges)
{
    int64 next = PG_INT64_MIN;

    std::sort(covered->array, covered->array + covered->count,
              [](const IdRange& a, const IdRange& b) { return a.first < b.first; });
    for (int i = 0; i < covered->count; i++) {
        const IdRange run = covered->array[i];
        if (run.first > next)
            append(ranges, IdRange{next, run.first - 1});
        next = Max(next, run.last + 1);
    }
    append(ranges, IdRange{next, PG_INT64_MAX});
}

/* Adds the rows of a range to the bitmap, to be checked again. */
int64
add_range(TIDBitmap* bitmap, IndexScanDesc by_id, IdRange range)
{
    ScanKeyData keys[2];
    int64 count = 0;

    ScanKeyInit(&keys[0], event_log_column::kId, BTGreaterEqualStrategyNumber, F_INT8GE,
                Int64GetDatum(range.first));
    ScanKeyInit(&keys[1], event_log_column::kId, BTLessEqualStrategyNumber, F_INT8LE,
                Int64GetDatum(range.last));
    index_rescan(by_id, keys, lengthof(keys), nullptr, 0);
    for (ItemPointer row = index_getnext_tid(by_id, ForwardScanDirection); row != nullptr;
         row = index_getnext_tid(by_id, ForwardScanDirection)) {
        CHECK_FOR_INTERRUPTS();
        tbm_add_tuples(bitmap, row, 1, true);
        count++;
    }
    return count;
}

/* The scan: marks what may hold the lead, and returns how many rows that is. A key that is NULL
 * finds nothing, as in any index. */
int64
get_bitmap(IndexScanDesc scan, TIDBitmap* bitmap)
{
    const ScanKey key = scan->keyData;
    const Relation table = table_open(scan->indexRelation->rd_index->indrelid, AccessShareLock);
    const Oid schema = RelationGetNamespace(table);
    Ranges covered = {};
    Ranges ranges = {};
    int64 count = 0;

    pgstat_count_index_scan(scan->indexRelation);
    if (scan->numberOfKeys < 1 || (key->sk_flags & SK_ISNULL) != 0) {
        table_close(table, AccessShareLock);
        return 0;
    }
    read_filters(schema, scan->xs_snapshot, DatumGetInt64(key->sk_argument), &covered, &ranges);
    append_gaps(&covered, &ranges);
    const Relation index = open_primary_key(table, AccessShareLock);
    const IndexScanDesc by_id = begin_index_scan(table, index, scan->xs_snapshot, 2);
    for (int i = 0; i < ranges.count; i++)
        count += add_range(bitmap, by_id, ranges.array[i]);
    index_endscan(by_id);
    index_close(index, AccessShareLock);
    table_close(table, AccessShareLock);
    return count;
}

/* There is nothing to prepare: all work is done when the bitmap is asked for. */
IndexScanDesc
begin_lead_scan(Relation index, int key_count, int order_by_count)
{
    return RelationGetIndexScan(index, key_count, order_by_count);
}

/* The executor hands over the key here. */
void
rescan(IndexScanDesc scan, ScanKey keys, int, ScanKey, int)
{
    if (keys && scan->numberOfKeys > 0)
        memmove(scan->keyData, keys, static_cast<Size>(scan->numberOfKeys) * sizeof(ScanKeyData));
}

/* Nothing was opened. */
void
end_scan(IndexScanDesc)
{
}

/* Filters tell of the leads of capi_event_log, and an index on another table would show who may
 * read that one which leads they hold. */
void
check_table(Relation table)
{
    const Oid extension = getExtensionOfObject(RelationRelationId, RelationGetRelid(table));
    const char* const name = OidIsValid(extension) ? get_extension_name(extension) : nullptr;

    if (name == nullptr || strcmp(name, "crm_capi") != 0 ||
        strcmp(RelationGetRelationName(table), "capi_event_log") != 0)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("access method \"capi_lead\" is for table capi_event_log only"),
                        errhint("Use another access method, or copy the table without indexes.")));
}

/* Nothing is built: REINDEX leaves the count of rows as it is known. */
IndexBuildResult*
build(Relation table, Relation, IndexInfo*)
{
    check_table(table);
    auto* const result = static_cast<IndexBuildResult*>(palloc0(sizeof(IndexBuildResult)));

    result->heap_tuples = Max(0, table->rd_rel->reltuples);
    result->index_tuples = result->heap_tuples;
    return result;
}

/* Of an unlogged table, which ours is not. */
void
build_empty(Relation)
{
}

/* Takes nothing in; nothing to be checked as unique later. */
bool
insert_lead(Relation, Datum*, bool*, ItemPointer, Relation, IndexUniqueCheck, bool, IndexInfo*)
{
    return false;
}

/* There are no entries, so none to be deleted. */
IndexBulkDeleteResult*
bulk_delete(IndexVacuumInfo*, IndexBulkDeleteResult* stats, IndexBulkDeleteCallback, void*)
{
    return stats;
}

/* Likewise. Statistics of a VACUUM that did nothing stay NULL. */
IndexBulkDeleteResult*
clean_up(IndexVacuumInfo*, IndexBulkDeleteResult* stats)
{
    return stats;
}

/* The index has no options of its own. */
bytea*
read_options(Datum, bool)
{
    return nullptr;
}

/* The only operator class is ours. */
bool
validate(Oid)
{
    return true;
}

/* What a lead is believed to have: stages are few. */
constexpr double kEventsOfALead = 4;

/* Rows that a scan hands over: what no filter covers, and the runs that hold the lead or seem to.
 * `holding` is how many rows the lead has. */
double
estimate_rows(double filters, double rows, double holding)
{
    const double uncovered = Max(0.0, rows - filters * kEventsPerBloom);
    const double runs = Min(filters, holding + filters / 1500);

    return Min(uncovered + runs * kEventsPerBloom, rows);
}

/* All filters are read, whatever is looked for. */
void
estimate_cost(PlannerInfo* root, IndexPath* path, double loop_count, Cost* startup, Cost* total,
              Selectivity* selectivity, double* correlation, double* pages)
{
    const RelOptInfo* const log = path->indexinfo->rel;
    const Relation index = index_open(path->indexinfo->indexoid, NoLock);
    const Relation table =
        table_open(relations_in(RelationGetNamespace(index))->lead_filter, AccessShareLock);
    const double filter_pages = RelationGetNumberOfBlocks(table);
    const double filters =
        Max(table->rd_rel->reltuples, 0) > 0 ? table->rd_rel->reltuples : filter_pages * 4;
    const double known = Max(log->tuples, 1.0);
    const double rows = estimate_rows(filters, known, kEventsOfALead);

    table_close(table, AccessShareLock);
    index_close(index, NoLock);
    (void)root;
    (void)loop_count; /* each loop reads the filters again */
    *startup = filter_pages * seq_page_cost / 4 + filters * cpu_tuple_cost;
    *total = *startup + rows / kEventsPerBloom * random_page_cost +
             rows * (cpu_index_tuple_cost + cpu_operator_cost);
    /* The rows of a run lie side by side. The planner takes rows for scattered: it is told as many
     * as there are pages, and their checking is part of the cost above. */
    *selectivity = Min(rows, rows / known * log->pages + kEventsOfALead) / known;
    *correlation = 1;
    *pages = filter_pages;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum capi_lead_handler([[maybe_unused]] PG_FUNCTION_ARGS)
{
    IndexAmRoutine* const routine = makeNode(IndexAmRoutine);

    routine->amstrategies = 1; /* equality */
    routine->amkeytype = InvalidOid;
    routine->ambuild = build;
    routine->ambuildempty = build_empty;
    routine->aminsert = insert_lead;
    routine->ambulkdelete = bulk_delete;
    routine->amvacuumcleanup = clean_up;
    routine->amcostestimate = estimate_cost;
    routine->amoptions = read_options;
    routine->amvalidate = validate;
    routine->ambeginscan = begin_lead_scan;
    routine->amrescan = rescan;
    routine->amgetbitmap = get_bitmap;
    routine->amendscan = end_scan;
    PG_RETURN_POINTER(routine);
}
