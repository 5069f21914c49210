/*
 * lead_stage_trigger.cpp - the start of every event's way: a row of a CRM table changed.
 *
 *   CREATE TRIGGER ... AFTER INSERT OR UPDATE ON leads FOR EACH ROW
 *   EXECUTE FUNCTION capi_lead_stage_trigger('lead id column', 'stage column'
 *       [, 'dataset' [, 'event time column' [, 'lead created at column']]]);
 *
 * On a partitioned table it is AFTER INSERT OR UPDATE OR DELETE (moved_row.hpp says why). What
 * capi_watch() makes of expressions and options calls capi_watch_trigger instead, which nobody
 * writes by hand (watch_definition.hpp).
 *
 * A trigger that is set up in the wrong way is an error. Whatever a row holds is none: what cannot
 * be sent is parked, and the CRM's statement goes on.
 */
#include "pg/base/pg_prelude.hpp"
#include "pg/row/moved_row.hpp"
#include "pg/row/row_event.hpp"
#include "pg/row/unfinished_event.hpp"
#include "pg/watch/watch_cache.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_lead_stage_trigger);
PG_FUNCTION_INFO_V1(capi_watch_trigger);
}

namespace crm_capi {

namespace {

/* An ERROR that shows how a trigger is set up; `detail` says what is wrong with this one. */
void
report_wrong_use(const char* function, const char* detail)
{
    ereport(ERROR,
            (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
             errmsg("%s cannot be used in this way", function), errdetail("%s", detail),
             errhint("Use capi_watch(), or CREATE TRIGGER ... AFTER INSERT OR UPDATE ... FOR EACH "
                     "ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead id column', 'stage "
                     "column').")));
}

/* An ERROR unless the function was called for a row, by an AFTER trigger. */
void
check_use(FunctionCallInfo fcinfo, const char* function)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        report_wrong_use(function, "It was called as a plain function.");
    const auto* const data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!TRIGGER_FIRED_FOR_ROW(data->tg_event))
        report_wrong_use(function, "The trigger is not FOR EACH ROW.");
    /* A BEFORE trigger could still be overruled by the next one. */
    if (!TRIGGER_FIRED_AFTER(data->tg_event))
        report_wrong_use(function, "The trigger is not an AFTER trigger.");
}

/* The event that the change makes due is enqueued, behind those that the same transaction has left
 * unfinished for the row. False if none is due, or it is not enqueued. */
bool
enqueue_due(Watch* watch, const Row& row, Oid schema)
{
    EarlierEvents earlier = {};
    NewEvent event = {};

    if (!read_event(watch, row, &event))
        return false;
    if (row.before != nullptr && has_unfinished())
        earlier = finish_earlier_events(watch, row, schema, event);
    const int64 id = enqueue_for(watch, schema, &event);
    if (id != 0)
        remember_unfinished(watch, row, event, id, earlier);
    return id != 0;
}

/* What both triggers do: enqueue the event that the row makes due, or finish the one that it has
 * made due before. */
void
fire(const TriggerData* data, Oid function)
{
    Watch* const watch = watch_of(data->tg_relation, data->tg_trigger);
    const Oid schema = get_func_namespace(function);

    if (TRIGGER_FIRED_BY_DELETE(data->tg_event)) {
        remember_if_moving(watch, data->tg_relation, data->tg_trigslot);
        return;
    }
    Row row = {data->tg_trigslot, nullptr};
    if (TRIGGER_FIRED_BY_UPDATE(data->tg_event)) {
        row = {data->tg_newslot, data->tg_trigslot};
        forget_moved(watch);
    } else {
        row.before = take_moved(watch, data->tg_relation);
    }
    if (!enqueue_due(watch, row, schema) && row.before != nullptr && has_unfinished())
        finish_own_event(watch, row, schema);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_lead_stage_trigger(PG_FUNCTION_ARGS)
{
    static constexpr const char* kName = "capi_lead_stage_trigger";

    check_use(fcinfo, kName);
    const auto* const data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (data->tg_trigger->tgnargs < 2 || !is_plain_trigger(data->tg_trigger))
        report_wrong_use(kName, "The trigger has fewer than two or more than five arguments.");
    fire(data, fcinfo->flinfo->fn_oid);
    return static_cast<Datum>(0);
}

extern "C" Datum
capi_watch_trigger(PG_FUNCTION_ARGS)
{
    static constexpr const char* kName = "capi_watch_trigger";

    check_use(fcinfo, kName);
    const auto* const data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (is_plain_trigger(data->tg_trigger))
        report_wrong_use(kName, "The trigger was not written by capi_watch.");
    fire(data, fcinfo->flinfo->fn_oid);
    return static_cast<Datum>(0);
}
