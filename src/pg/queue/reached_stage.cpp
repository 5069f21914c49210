/*
 * reached_stage.cpp - which stages a lead has reached, for watches that send each one once.
 *
 * The key has the dataset's id at Meta and not its number in the log: the number ends with the
 * cluster, but what Meta was told stays told.
 *
 * Each event has a row of its own, so no key is ever there twice and inserting one never waits.
 */
#include "pg/queue/reached_stage.hpp"

#include "pg/base/json.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/base/row_insert.hpp"
#include "pg/base/statement.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/relations.hpp"

extern "C" {
#include "access/heapam.h"
#include "catalog/pg_collation.h"
}

namespace crm_capi {

namespace {

InsertTarget reached_stage;

/* The id at Meta; empty if the server has none, which the validator does not let happen. */
Datum
dataset_id_of(Oid server)
{
    const char* const dataset_id = option_value(GetForeignServer(server)->options, "dataset_id");

    return CStringGetTextDatum(dataset_id ? dataset_id : "");
}

/* Columns of the key are of collation C, whatever the database's is. */
void
init_text_key(ScanKey key, AttrNumber position, Datum value)
{
    ScanKeyInit(key, position, BTEqualStrategyNumber, F_TEXTEQ, value);
    key->sk_collation = C_COLLATION_OID;
}

/* The rows of a stage of a lead that are committed or our own. */
SysScanDesc
begin_stage_scan(Relation table, int64 lead_id, Datum dataset_id, Datum event_name)
{
    ScanKeyData keys[3];

    ScanKeyInit(&keys[0], reached_stage_column::kLeadId, BTEqualStrategyNumber, F_INT8EQ,
                Int64GetDatum(lead_id));
    init_text_key(&keys[1], reached_stage_column::kDatasetId, dataset_id);
    init_text_key(&keys[2], reached_stage_column::kEventName, event_name);
    return systable_beginscan(table, primary_key_of(table), true, SnapshotSelf, lengthof(keys),
                              keys);
}

/* None of the table's columns can be NULL. */
Datum
stage_column(Relation table, HeapTuple tuple, int number)
{
    bool isnull; /* none of them is */

    return heap_getattr(tuple, number, RelationGetDescr(table), &isnull);
}

/* The row that the event has; NULL if it has none. In current memory. */
HeapTuple
find_stage_row(Relation table, int64 lead_id, int64 event)
{
    ScanKeyData key;
    HeapTuple found = nullptr;

    ScanKeyInit(&key, reached_stage_column::kLeadId, BTEqualStrategyNumber, F_INT8EQ,
                Int64GetDatum(lead_id));
    const SysScanDesc scan =
        systable_beginscan(table, primary_key_of(table), true, SnapshotSelf, 1, &key);
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple) && found == nullptr;
         tuple = systable_getnext(scan)) {
        if (DatumGetInt64(stage_column(table, tuple, reached_stage_column::kEvent)) == event)
            found = heap_copytuple(tuple);
    }
    systable_endscan(scan);
    return found;
}

/* A request with it was about to leave, whatever became of it. */
bool
was_sent(Oid schema, int64 event)
{
    static Statement statement = {
        "SELECT EXISTS (SELECT FROM @.capi_request_log WHERE events::int8multirange @> $1)",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_number(&parameters, event, true);
    execute(schema, &statement, &parameters, SPI_OK_SELECT);
    return result_bool(0, 1);
}

/* Ids of the other events with the stage. */
List*
find_rivals(Relation table, HeapTuple row)
{
    const int64 event = DatumGetInt64(stage_column(table, row, reached_stage_column::kEvent));
    List* rivals = NIL;

    const SysScanDesc scan = begin_stage_scan(
        table, DatumGetInt64(stage_column(table, row, reached_stage_column::kLeadId)),
        stage_column(table, row, reached_stage_column::kDatasetId),
        stage_column(table, row, reached_stage_column::kEventName));
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        const int64 other = DatumGetInt64(stage_column(table, tuple, reached_stage_column::kEvent));
        if (other != event) {
            auto* const rival = static_cast<int64*>(palloc(sizeof(int64)));
            *rival = other;
            rivals = lappend(rivals, rival);
        }
    }
    systable_endscan(scan);
    return rivals;
}

/* What was sent keeps the stage; else whoever was enqueued first has it. */
bool
loses_to(Oid schema, int64 event, const List* rivals)
{
    ListCell* cell;

    if (rivals == NIL || was_sent(schema, event))
        return false;
    foreach (cell, rivals) {
        const int64 rival = *static_cast<const int64*>(lfirst(cell));
        if (rival < event || was_sent(schema, rival))
            return true;
    }
    return false;
}

}  // namespace

bool
is_stage_reached(Oid schema, Oid server, const NewEvent& event)
{
    const Relation table = table_open(relations_in(schema)->reached_stage, AccessShareLock);
    const SysScanDesc scan = begin_stage_scan(table, event.lead_id, dataset_id_of(server),
                                              PointerGetDatum(event.event_name));
    const bool found = HeapTupleIsValid(systable_getnext(scan));

    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return found;
}

void
note_reached_stage(Oid schema, Oid server, const NewEvent& event, int64 id)
{
    Datum values[reached_stage_column::kEnd - 1];
    bool nulls[reached_stage_column::kEnd - 1] = {};

    values[reached_stage_column::kLeadId - 1] = Int64GetDatum(event.lead_id);
    values[reached_stage_column::kEvent - 1] = Int64GetDatum(id);
    values[reached_stage_column::kReachedAt - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
    values[reached_stage_column::kDatasetId - 1] = dataset_id_of(server);
    values[reached_stage_column::kEventName - 1] = PointerGetDatum(event.event_name);
    /* If it is there, it is noted. */
    (void)insert_row(&reached_stage, relations_in(schema)->reached_stage, values, nulls,
                     lengthof(values));
}

void
forget_reached_stage(Oid schema, const NewEvent& event, int64 id)
{
    const Relation table = table_open(relations_in(schema)->reached_stage, RowExclusiveLock);
    const HeapTuple row = find_stage_row(table, event.lead_id, id);

    if (row != nullptr)
        simple_heap_delete(table, &row->t_self);
    table_close(table, NoLock);
}

bool
is_reached_by_another(Oid schema, const LoggedEvent& event)
{
    const Relation table = table_open(relations_in(schema)->reached_stage, AccessShareLock);
    const HeapTuple row = find_stage_row(table, event.lead_id, event.id);
    const List* const rivals = row != nullptr ? find_rivals(table, row) : NIL;

    table_close(table, AccessShareLock);
    return loses_to(schema, event.id, rivals);
}

Jsonb*
make_first_mark()
{
    return parse_json(psprintf("{\"%s\":true}", kFirstMember));
}

bool
is_first_only(Jsonb* recheck)
{
    JsonbValue value;

    return find_member(&recheck->root, kFirstMember, &value);
}

}  // namespace crm_capi
