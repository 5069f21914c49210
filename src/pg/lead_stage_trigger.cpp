/*
 * lead_stage_trigger.cpp - the start of every event's way: a row of a CRM table changed.
 *
 *   CREATE TRIGGER ... AFTER INSERT OR UPDATE ON leads FOR EACH ROW
 *   EXECUTE FUNCTION capi_lead_stage_trigger('lead id column', 'stage column'
 *       [, 'dataset' [, 'event time column' [, 'lead created at column']]]);
 *
 * On a partitioned table it is AFTER INSERT OR UPDATE OR DELETE (moved_row.hpp says why).
 *
 * A trigger that is set up in the wrong way is an error. Whatever a row holds is none: what cannot
 * be sent is parked, and the CRM's statement goes on.
 */
#include "pg/moved_row.hpp"
#include "pg/pg_prelude.hpp"
#include "pg/row_event.hpp"
#include "pg/watch_cache.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_lead_stage_trigger);
}

namespace crm_capi {

namespace {

void
report_wrong_use(const char* detail)
{
    ereport(ERROR,
            (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
             errmsg("capi_lead_stage_trigger cannot be used in this way"), errdetail("%s", detail),
             errhint("Use capi_watch(), or CREATE TRIGGER ... AFTER INSERT OR UPDATE ... FOR EACH "
                     "ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead id column', 'stage "
                     "column').")));
}

void
check_use(FunctionCallInfo fcinfo)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        report_wrong_use("It was called as a plain function.");
    const auto* const data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!TRIGGER_FIRED_FOR_ROW(data->tg_event))
        report_wrong_use("The trigger is not FOR EACH ROW.");
    /* A BEFORE trigger could still be overruled by the next one. */
    if (!TRIGGER_FIRED_AFTER(data->tg_event))
        report_wrong_use("The trigger is not an AFTER trigger.");
    if (data->tg_trigger->tgnargs < 2 || data->tg_trigger->tgnargs > 5)
        report_wrong_use("The trigger has fewer than two or more than five arguments.");
}

void
fire(const TriggerData* data, Oid function)
{
    Watch* const watch = watch_of(data->tg_relation, data->tg_trigger);
    const bool updates = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
    const Row row = {updates ? data->tg_newslot : data->tg_trigslot,
                     updates ? data->tg_trigslot : nullptr};

    if (updates)
        forget_deleted();
    if (!is_event_due(watch, row))
        return;
    NewEvent event = {};
    if (!read_event(watch, row, &event))
        return;
    if (TRIGGER_FIRED_BY_DELETE(data->tg_event)) {
        remember_deleted(watch->server, event);
        return;
    }
    if (is_moved(watch->server, event))
        return;
    enqueue_for(watch, get_func_namespace(function), &event);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_lead_stage_trigger(PG_FUNCTION_ARGS)
{
    check_use(fcinfo);
    fire(reinterpret_cast<TriggerData*>(fcinfo->context), fcinfo->flinfo->fn_oid);
    return PointerGetDatum(nullptr);
}
