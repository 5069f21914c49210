/*
 * trigger_row.cpp - triggers as the catalog has them.
 */
#include "pg/base/trigger_row.hpp"

namespace crm_capi {

namespace {

/* They stand in one value, each with a zero byte behind it. */
void
split_arguments(HeapTuple tuple, TupleDesc columns, TriggerRow* row)
{
    bool isnull;
    const Datum packed = heap_getattr(tuple, Anum_pg_trigger_tgargs, columns, &isnull);
    const char* argument = isnull ? "" : VARDATA_ANY(DatumGetByteaPP(packed));

    row->arguments = static_cast<const char**>(
        palloc(sizeof(char*) * static_cast<Size>(row->argument_count + 1)));
    for (int i = 0; i < row->argument_count; i++) {
        row->arguments[i] = pstrdup(argument);
        argument += strlen(argument) + 1;
    }
}

}  // namespace

TriggerRow
read_trigger_row(HeapTuple tuple, TupleDesc columns)
{
    const auto form = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
    TriggerRow row = {form->tgrelid, form->tgparentid, pstrdup(NameStr(form->tgname)),
                      form->tgnargs, nullptr};

    split_arguments(tuple, columns, &row);
    return row;
}

bool
find_trigger_row(Oid trigger, TriggerRow* found)
{
    ScanKeyData key;

    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(trigger));
    const Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    const bool exists = HeapTupleIsValid(tuple);
    if (exists)
        *found = read_trigger_row(tuple, RelationGetDescr(catalog));
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return exists;
}

const TriggerDesc*
triggers_of(Relation table)
{
    return CopyTriggerDesc(table->trigdesc);
}

}  // namespace crm_capi
