/*
 * dump_doors.cpp - how rows of the queue get into dumps, and back out of them.
 *
 * pg_dump and pg_restore know doors only: empty tables with the columns of the tables behind them
 * (the install script says why). Which table is behind a door its name says. The rights that count
 * are those of the current user on that table.
 */
#include "pg/functions/dump_doors.hpp"

#include "pg/base/results.hpp"
#include "pg/base/row_insert.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/tableam.h"
#include "storage/bufmgr.h"

PG_FUNCTION_INFO_V1(capi_dumped_rows);
PG_FUNCTION_INFO_V1(capi_restore_row);
PG_FUNCTION_INFO_V1(capi_restore_rows);
}

namespace crm_capi {

namespace {

/* Two megabytes. */
constexpr BlockNumber kBlocksOfStripe = 256;

constexpr const char* kDoorPrefix = "capi_dumped_";
/* All of them, what others refer to first. */
constexpr const char* kDoors[] = {
    "capi_dumped_dataset",     "capi_dumped_event_log",      "capi_dumped_settlement",
    "capi_dumped_request_log", "capi_dumped_cursor",         "capi_dumped_counter",
    "capi_dumped_tombstone",   "capi_dumped_watch_approval", "capi_dumped_reached_stage"};
constexpr const char* kApprovals = "capi_watch_approval";

/* The table behind the door. */
Oid
table_behind(Oid door)
{
    const char* const name = get_rel_name(door);

    if (name == nullptr || strncmp(name, kDoorPrefix, strlen(kDoorPrefix)) != 0)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("relation is no door of dumps")));
    const Oid table =
        get_relname_relid(psprintf("capi_%s", name + strlen(kDoorPrefix)), get_rel_namespace(door));
    if (!OidIsValid(table))
        elog(ERROR, "there is no table behind door %s", name);
    return table;
}

/* Whether the row approves of a watch for a role that the current user could become, and then
 * approve itself. */
bool
is_own_approval(Oid table, HeapTuple row, TupleDesc columns)
{
    bool is_null;

    if (strcmp(get_rel_name(table), kApprovals) != 0)
        return false;
    const Datum owner = SPI_getbinval(row, columns, SPI_fnumber(columns, "owner"), &is_null);
    const Oid role = is_null ? InvalidOid : get_role_oid(NameStr(*DatumGetName(owner)), true);
    return OidIsValid(role) && may_become(GetUserId(), role);
}

struct DumpedRows {
    Relation table;
    bool are_all_readable;
    Tuplestorestate* results;
    TupleTableSlot* slot;
};

/* The rows that the current user may take along, of some blocks of the table. */
void
read_blocks(const DumpedRows& dumped, BlockNumber first, BlockNumber count)
{
    const TupleDesc columns = RelationGetDescr(dumped.table);
    const TableScanDesc scan =
        table_beginscan_strat(dumped.table, GetActiveSnapshot(), 0, nullptr, true, false);

    heap_setscanlimits(scan, first, count);
    while (table_scan_getnextslot(scan, ForwardScanDirection, dumped.slot)) {
        CHECK_FOR_INTERRUPTS();
        if (dumped.are_all_readable ||
            is_own_approval(RelationGetRelid(dumped.table),
                            ExecFetchSlotHeapTuple(dumped.slot, false, nullptr), columns))
            tuplestore_puttupleslot(dumped.results, dumped.slot);
    }
    table_endscan(scan);
}

/* Every so many'th piece of the table. Where a piece begins does not depend on how large the table
 * has become meanwhile: what is appended nobody sees who has begun to dump. */
void
read_stripe(const DumpedRows& dumped, BlockNumber stripe, BlockNumber stripes)
{
    const BlockNumber blocks = RelationGetNumberOfBlocks(dumped.table);

    for (uint64 first = static_cast<uint64>(stripe) * kBlocksOfStripe; first < blocks;
         first += static_cast<uint64>(stripes) * kBlocksOfStripe)
        read_blocks(dumped, static_cast<BlockNumber>(first),
                    Min(kBlocksOfStripe, blocks - static_cast<BlockNumber>(first)));
}

/* One for each table that rows are restored into. */
InsertTarget*
target_of(Oid table)
{
    static InsertTarget targets[16];
    static Oid tables[lengthof(targets)];
    size_t i = 0;

    while (i < lengthof(targets) && OidIsValid(tables[i]) && tables[i] != table)
        i++;
    if (i == lengthof(targets))
        elog(ERROR, "too many tables of the queue are restored in one session");
    tables[i] = table;
    return &targets[i];
}

/* An ERROR unless the current user may put the row into the table. */
void
check_right(Oid table, const TriggerData* data)
{
    if (pg_class_aclcheck(table, GetUserId(), ACL_INSERT) != ACLCHECK_OK &&
        !is_own_approval(table, data->tg_trigtuple, RelationGetDescr(data->tg_relation)))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied for rows of table \"%s\"", get_rel_name(table)),
                        errdetail("Rows of the queue are written by crm_capi itself."),
                        errhint("Restore a dump that has such rows as a superuser.")));
}

/* Puts the row into the table. */
void
restore_row(Oid table, HeapTuple row, TupleDesc columns)
{
    const int count = columns->natts;
    auto* const values = static_cast<Datum*>(palloc(sizeof(Datum) * count));
    auto* const nulls = static_cast<bool*>(palloc(sizeof(bool) * count));

    heap_deform_tuple(row, columns, values, nulls);
    if (!insert_row(target_of(table), table, values, nulls, count))
        ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
                        errmsg("a row of table \"%s\" is there already", get_rel_name(table)),
                        errhint("Restore into a database whose queue is empty.")));
}

/* Whether rows lie in the door. */
bool
has_rows(Oid schema, const char* door)
{
    Parameters none = {};

    execute_once(schema, psprintf("SELECT EXISTS (SELECT FROM @.%s)", door), &none, SPI_OK_SELECT);
    return result_bool(0, 1);
}

/* Puts what lies in the door into its table, and returns how many rows that were. Whoever has left
 * them there had switched the trigger off, and may have left it so, or firing less than always. */
int64
empty_door(Oid schema, const char* door)
{
    Parameters none = {};

    execute_once(schema, psprintf("ALTER TABLE @.%s ENABLE ALWAYS TRIGGER capi_restore", door),
                 &none, SPI_OK_UTILITY);
    execute_once(schema,
                 psprintf("WITH lying AS (DELETE FROM @.%s RETURNING *),"
                          " put AS (INSERT INTO @.%s SELECT * FROM lying)"
                          " SELECT count(*) FROM lying",
                          door, door),
                 &none, SPI_OK_SELECT);
    return result_int8(0, 1);
}

}  // namespace

const char*
doors_with_rows(Oid schema)
{
    StringInfoData list;

    initStringInfo(&list);
    for (const char* const door : kDoors) {
        if (has_rows(schema, door))
            appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", door);
    }
    return list.data;
}

}  // namespace crm_capi

using namespace crm_capi;

/* Which door it is, the type of the rows says. */
extern "C" Datum
capi_dumped_rows(PG_FUNCTION_ARGS)
{
    const int32 stripe = PG_GETARG_INT32(0);
    const int32 stripes = PG_GETARG_INT32(1);
    TupleDesc columns;
    DumpedRows dumped = {};

    if (stripe < 0 || stripe >= stripes)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("stripes are counted from 0, below their number")));
    dumped.results = begin_results(fcinfo, &columns);
    const Oid table = table_behind(get_typ_typrelid(columns->tdtypeid));
    dumped.are_all_readable = pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
    if (dumped.are_all_readable || strcmp(get_rel_name(table), kApprovals) == 0) {
        dumped.table = table_open(table, AccessShareLock);
        dumped.slot = table_slot_create(dumped.table, nullptr);
        read_stripe(dumped, stripe, stripes);
        ExecDropSingleTupleTableSlot(dumped.slot);
        table_close(dumped.table, AccessShareLock);
    }
    return static_cast<Datum>(0);
}

/* Nothing is left for the door itself. */
extern "C" Datum
capi_restore_row(PG_FUNCTION_ARGS)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("capi_restore_row was not called as a trigger")));
    const auto* const data = reinterpret_cast<TriggerData*>(fcinfo->context);
    const Oid table = table_behind(RelationGetRelid(data->tg_relation));

    check_right(table, data);
    restore_row(table, data->tg_trigtuple, RelationGetDescr(data->tg_relation));
    return static_cast<Datum>(0); /* NULL, as a row trigger that keeps nothing returns it */
}

/* The rights that count are asked for by EXECUTE; within, they are those of the tables' owner. */
extern "C" Datum
capi_restore_rows(PG_FUNCTION_ARGS)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    int64 count = 0;

    SPI_connect();
    for (const char* const door : kDoors) {
        if (has_rows(schema, door))
            count += empty_door(schema, door);
    }
    SPI_finish();
    PG_RETURN_INT64(count);
}
