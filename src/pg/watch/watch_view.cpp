/*
 * watch_view.cpp - what the view capi_watches says about a watch: its arguments, its options, and
 * what keeps it from working.
 */
#include "core/event/reason.hpp"
#include "pg/base/json.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/base/trigger_row.hpp"
#include "pg/watch/watch_approval.hpp"
#include "pg/watch/watch_cache.hpp"
#include "pg/watch/watch_compilation.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_trigger_arguments);
PG_FUNCTION_INFO_V1(capi_watch_options);
PG_FUNCTION_INFO_V1(capi_watch_problem);
PG_FUNCTION_INFO_V1(capi_zoneless_times);
}

namespace crm_capi {

namespace {

/* The trigger of the table with that OID; NULL if it has been dropped. */
const Trigger*
find_trigger(Relation table, Oid oid)
{
    const TriggerDesc* const triggers = triggers_of(table);

    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        if (triggers->triggers[i].tgoid == oid)
            return &triggers->triggers[i];
    }
    return nullptr;
}

/* What keeps the watch from working, in words; NULL if nothing does. */
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

/* What the role takes a time without its time zone from: a column, or an expression by the name of
 * its argument. NULL if it takes none. */
const char*
zoneless_source(Relation table, const Watch* watch, Role role)
{
    const Source& source = watch->sources[role];

    if (source.expression != nullptr)
        return source.expression->assumes_utc ? psprintf("argument %s", role_name(role)) : nullptr;
    if (source.reader.number <= 0 || source.reader.type != TIMESTAMPOID)
        return nullptr;
    return get_attname(RelationGetRelid(table), source.reader.number, false);
}

/* All of them, separated by commas; NULL if there is none. */
const char*
zoneless_times(Relation table, const Watch* watch)
{
    const char* const first = zoneless_source(table, watch, kEventTimeRole);
    const char* const second = zoneless_source(table, watch, kLeadCreatedAtRole);

    if (first == nullptr || second == nullptr || strcmp(first, second) == 0)
        return first != nullptr ? first : second;
    return psprintf("%s, %s", first, second);
}

enum class Opening { kOpened, kNoWatch, kTableLocked };

/* Opens the table of the watch that the first argument names, under a lock of readers. If `waits`
 * is false, nobody who holds a stronger one is waited for. */
Opening
open_watch(FunctionCallInfo fcinfo, bool waits, Relation* table, const Trigger** trigger)
{
    const Oid oid = PG_GETARG_OID(0);
    TriggerRow row;

    if (!find_trigger_row(oid, &row))
        return Opening::kNoWatch;
    if (waits)
        LockRelationOid(row.table, AccessShareLock);
    else if (!ConditionalLockRelationOid(row.table, AccessShareLock))
        return Opening::kTableLocked;
    *table = try_relation_open(row.table, NoLock);
    if (*table == nullptr) {
        UnlockRelationOid(row.table, AccessShareLock);
        return Opening::kNoWatch;
    }
    *trigger = find_trigger(*table, oid);
    if (*trigger != nullptr && is_watch(*trigger, get_func_namespace(fcinfo->flinfo->fn_oid)))
        return Opening::kOpened;
    relation_close(*table, AccessShareLock);
    return Opening::kNoWatch;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

/* SQL cannot split bytea at zero bytes. */
extern "C" Datum
capi_trigger_arguments(PG_FUNCTION_ARGS)
{
    TriggerRow row = {};
    ArrayBuildState* arguments = initArrayResult(TEXTOID, CurrentMemoryContext, false);

    (void)find_trigger_row(PG_GETARG_OID(0), &row);
    for (int i = 0; i < row.argument_count; i++)
        arguments = accumArrayResult(arguments, CStringGetTextDatum(row.arguments[i]), false,
                                     TEXTOID, CurrentMemoryContext);
    PG_RETURN_DATUM(makeArrayResult(arguments, CurrentMemoryContext));
}

/* Only what capi_watch() has written is sure to be JSON. */
extern "C" Datum
capi_watch_options(PG_FUNCTION_ARGS)
{
    Relation table;
    const Trigger* trigger;
    const char* options = nullptr;

    if (open_watch(fcinfo, true, &table, &trigger) != Opening::kOpened)
        PG_RETURN_NULL();
    if (!is_plain_trigger(trigger) &&
        is_approved(get_func_namespace(trigger->tgfoid), table->rd_rel->relowner, trigger->tgargs,
                    trigger->tgnargs))
        options = pstrdup(trigger->tgargs[trigger->tgnargs - 1]);
    relation_close(table, AccessShareLock);
    if (options == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_JSONB_P(parse_json(options));
}

/* A table that is being altered or dropped is not waited for: the doctor asks this of all watches,
 * and is to come back. */
extern "C" Datum
capi_watch_problem(PG_FUNCTION_ARGS)
{
    Relation table;
    const Trigger* trigger;

    switch (open_watch(fcinfo, false, &table, &trigger)) {
        case Opening::kOpened:
            break;
        case Opening::kNoWatch:
            PG_RETURN_NULL();
        case Opening::kTableLocked:
            PG_RETURN_TEXT_P(cstring_to_text("its table is locked by another transaction"));
    }
    const char* const problem = problem_of(fresh_watch_of(table, trigger));
    relation_close(table, AccessShareLock);
    if (problem == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(problem));
}

/* The same. */
extern "C" Datum
capi_zoneless_times(PG_FUNCTION_ARGS)
{
    Relation table;
    const Trigger* trigger;

    if (open_watch(fcinfo, false, &table, &trigger) != Opening::kOpened)
        PG_RETURN_NULL();
    const char* const times = zoneless_times(table, watch_of(table, trigger));
    relation_close(table, AccessShareLock);
    if (times == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(times));
}
