/*
 * watch_view.cpp - what the view capi_watches says about a watch: its arguments, its options, and
 * what keeps it from working.
 */
#include "core/reason.hpp"
#include "pg/pg_prelude.hpp"
#include "pg/watch_approval.hpp"
#include "pg/watch_cache.hpp"
#include "pg/watch_compilation.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_trigger_arguments);
PG_FUNCTION_INFO_V1(capi_watch_options);
PG_FUNCTION_INFO_V1(capi_watch_problem);
}

namespace crm_capi {

namespace {

/* The table of a trigger, or InvalidOid. */
Oid
table_of(Oid trigger)
{
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(trigger));
    const Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    Oid table = InvalidOid;
    if (HeapTupleIsValid(tuple))
        table = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple))->tgrelid;
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return table;
}

const Trigger*
find_trigger(Relation table, Oid oid)
{
    const TriggerDesc* const triggers = table->trigdesc;

    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        if (triggers->triggers[i].tgoid == oid)
            return &triggers->triggers[i];
    }
    return nullptr;
}

const char*
problem_of(Watch* watch)
{
    Compilation work = {watch, nullptr, nullptr, nullptr};
    Failure failure;

    if (watch->broken != Reason::kNone)
        return psprintf("%.*s: %s", static_cast<int>(Describe(watch->broken).text.size()),
                        Describe(watch->broken).text.data(), watch->broken_by);
    if (!watch->has_expressions ||
        try_as_owner(watch->owner, Surroundings::kPinned, check_sources, &work, &failure))
        return nullptr;
    return psprintf("argument \"%s\": %s", work.part, failure.message);
}

/* The watch that the trigger is, with its table; false if it is none. */
bool
open_watch(FunctionCallInfo fcinfo, Relation* table, const Trigger** trigger)
{
    const Oid oid = PG_GETARG_OID(0);
    const Oid target = table_of(oid);

    *table = OidIsValid(target) ? try_relation_open(target, AccessShareLock) : nullptr;
    if (*table == nullptr)
        return false;
    *trigger = find_trigger(*table, oid);
    if (*trigger != nullptr && is_watch(*trigger, get_func_namespace(fcinfo->flinfo->fn_oid)))
        return true;
    relation_close(*table, AccessShareLock);
    return false;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

/* SQL cannot split bytea at zero bytes. */
extern "C" Datum
capi_trigger_arguments(PG_FUNCTION_ARGS)
{
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, PG_GETARG_DATUM(0));
    const Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    ArrayBuildState* arguments = initArrayResult(TEXTOID, CurrentMemoryContext, false);

    if (HeapTupleIsValid(tuple)) {
        bool isnull;
        const int count = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple))->tgnargs;
        const Datum packed =
            heap_getattr(tuple, Anum_pg_trigger_tgargs, RelationGetDescr(catalog), &isnull);
        const char* argument = isnull ? "" : VARDATA_ANY(DatumGetByteaPP(packed));
        for (int i = 0; i < count; i++) {
            arguments = accumArrayResult(arguments, CStringGetTextDatum(argument), false, TEXTOID,
                                         CurrentMemoryContext);
            argument += strlen(argument) + 1;
        }
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    PG_RETURN_DATUM(makeArrayResult(arguments, CurrentMemoryContext));
}

/* Only what capi_watch() has written is sure to be JSON. */
extern "C" Datum
capi_watch_options(PG_FUNCTION_ARGS)
{
    Relation table;
    const Trigger* trigger;
    const char* options = nullptr;

    if (!open_watch(fcinfo, &table, &trigger))
        PG_RETURN_NULL();
    if (!is_plain_trigger(trigger) &&
        is_approved(get_func_namespace(trigger->tgfoid), table->rd_rel->relowner, trigger->tgargs,
                    trigger->tgnargs))
        options = pstrdup(trigger->tgargs[trigger->tgnargs - 1]);
    relation_close(table, AccessShareLock);
    if (options == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(options)));
}

/* A table that is being dropped or altered is waited for, as by any reader. */
extern "C" Datum
capi_watch_problem(PG_FUNCTION_ARGS)
{
    Relation table;
    const Trigger* trigger;

    if (!open_watch(fcinfo, &table, &trigger))
        PG_RETURN_NULL();
    const char* const problem = problem_of(fresh_watch_of(table, trigger));
    relation_close(table, AccessShareLock);
    if (problem == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(problem));
}
