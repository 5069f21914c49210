/*
 * bare_insert.c - the limits of enqueueing: row triggers that do next to nothing.
 *
 * capi_bench_compare() looks whether the second column has changed, and no more. What it adds to an
 * UPDATE is PostgreSQL's own price of a row trigger.
 *
 * capi_bench_insert(table, sequence) also inserts a row like the event log's, with the least that
 * keeps it whole: an id from the sequence, the heap, the indexes. Nothing is judged, and nothing is
 * looked up by name. It knows the columns of capi_event_log, and is made for a copy of that table.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(capi_bench_compare);
PG_FUNCTION_INFO_V1(capi_bench_insert);

enum { LEAD_ID = 2, STATUS = 3 };

/* Those of capi_event_log. */
enum { COLUMNS = 13 };

static bool
stage_changed(const TriggerData *data)
{
	bool new_null;
	bool old_null;
	Datum new_value = slot_getattr(data->tg_newslot, STATUS, &new_null);
	Datum old_value = slot_getattr(data->tg_trigslot, STATUS, &old_null);

	return new_null != old_null || (!new_null && !datumIsEqual(new_value, old_value, false, -1));
}

Datum
capi_bench_compare(PG_FUNCTION_ARGS)
{
	(void) stage_changed((TriggerData *) fcinfo->context);
	return PointerGetDatum(NULL);
}

static void
insert_row(Relation table, Datum *values, bool *nulls)
{
	HeapTuple tuple = heap_form_tuple(RelationGetDescr(table), values, nulls);
	List *indexes = RelationGetIndexList(table);
	ListCell *cell;

	simple_heap_insert(table, tuple);
	foreach(cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), NoLock);
		IndexInfo *info = BuildIndexInfo(index);
		Datum keys[INDEX_MAX_KEYS];
		bool key_nulls[INDEX_MAX_KEYS];

		for (int i = 0; i < info->ii_NumIndexAttrs; i++)
		{
			keys[i] = values[info->ii_IndexAttrNumbers[i] - 1];
			key_nulls[i] = nulls[info->ii_IndexAttrNumbers[i] - 1];
		}
		index_insert(index, keys, key_nulls, &tuple->t_self, table,
					 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
		index_close(index, NoLock);
	}
}

Datum
capi_bench_insert(PG_FUNCTION_ARGS)
{
	const TriggerData *data = (TriggerData *) fcinfo->context;
	char **arguments = data->tg_trigger->tgargs;
	TupleTableSlot *row = data->tg_newslot;
	bool nulls[COLUMNS] = {false, false, false, false, false, false, false, false, true, true, true, true, true};
	Datum values[COLUMNS] = {0};
	Relation table;

	if (!stage_changed(data))
		return PointerGetDatum(NULL);
	table = table_open(atooid(arguments[0]), RowExclusiveLock);
	if (RelationGetDescr(table)->natts != COLUMNS)
		elog(ERROR, "capi_event_log has other columns than the bare insert knows");
	values[0] = Int64GetDatum(nextval_internal(atooid(arguments[1]), false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[2] = values[1];
	values[3] = slot_getattr(row, LEAD_ID, &nulls[3]);
	values[4] = Int32GetDatum(1);
	values[5] = ObjectIdGetDatum(data->tg_trigger->tgoid);
	values[6] = BoolGetDatum(false);
	values[7] = slot_getattr(row, STATUS, &nulls[7]);
	insert_row(table, values, nulls);
	table_close(table, NoLock);
	return PointerGetDatum(NULL);
}
