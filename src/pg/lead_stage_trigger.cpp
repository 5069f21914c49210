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
#include "core/reason.hpp"
#include "core/validation.hpp"
#include "pg/column_values.hpp"
#include "pg/dataset.hpp"
#include "pg/event_log.hpp"
#include "pg/moved_row.hpp"
#include "pg/pg_prelude.hpp"
#include "pg/relations.hpp"
#include "pg/tombstone.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_lead_stage_trigger);
}

namespace crm_capi {

namespace {

/* What a trigger's definition means for its table; built at the first row, kept for the session. */
struct Watch {
    Oid trigger; /* hash key */
    bool valid;
    Oid table;
    Oid server;
    Reason broken;         /* kNone, or why none of its events can be sent */
    const char* broken_by; /* the column or dataset that broke it */
    ColumnReader lead_id;
    ColumnReader stage;
    ColumnReader event_time;
    ColumnReader lead_created_at;
    MemoryContext memory;
};

HTAB* watches = nullptr;

void
forget_watches(Oid table)
{
    HASH_SEQ_STATUS position;

    if (watches == nullptr)
        return;
    hash_seq_init(&position, watches);
    while (auto* const watch = static_cast<Watch*>(hash_seq_search(&position))) {
        if (table == InvalidOid || watch->table == table)
            watch->valid = false;
    }
}

void
at_relation_change(Datum, Oid relation)
{
    forget_watches(relation);
}
void
at_server_change(Datum, int, uint32)
{
    forget_watches(InvalidOid);
}

void
create_watches()
{
    HASHCTL control;

    memset(&control, 0, sizeof control);
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Watch);
    control.hcxt = TopMemoryContext;
    watches = hash_create("crm_capi watches", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    CacheRegisterRelcacheCallback(at_relation_change, 0);
    CacheRegisterSyscacheCallback(FOREIGNSERVEROID, at_server_change, 0);
}

const char*
argument(const Trigger* trigger, int number)
{
    return number < trigger->tgnargs ? trigger->tgargs[number] : "";
}

void
break_watch(Watch* watch, Reason reason, const char* by)
{
    if (watch->broken == Reason::kNone) {
        watch->broken = reason;
        watch->broken_by = MemoryContextStrdup(watch->memory, by);
    }
}

void
prepare_watch_column(Watch* watch, Relation table, const Trigger* trigger, int number,
                     ColumnReader* reader)
{
    const char* const name = argument(trigger, number);

    prepare_column(table, name, watch->memory, reader);
    if (reader->number < 0)
        break_watch(watch, Reason::kColumnMissing, quote_identifier(name));
}

/* The rights that count are those of the table's owner: whoever writes to the CRM's table needs no
 * right on the dataset. */
void
prepare_watch_dataset(Watch* watch, Relation table, const char* name)
{
    watch->server = find_dataset(*name ? name : nullptr);
    if (!OidIsValid(watch->server))
        break_watch(watch, Reason::kDatasetMissing,
                    *name ? quote_identifier(name) : "none is named, and there is not exactly one");
    else if (server_usage(watch->server, table->rd_rel->relowner) != ACLCHECK_OK)
        break_watch(watch, Reason::kDatasetPermission, GetForeignServer(watch->server)->servername);
}

void
prepare_watch(Watch* watch, Relation table, const Trigger* trigger)
{
    if (watch->memory)
        MemoryContextReset(watch->memory);
    else
        watch->memory =
            AllocSetContextCreate(TopMemoryContext, "crm_capi watch", ALLOCSET_SMALL_SIZES);
    watch->table = RelationGetRelid(table);
    watch->broken = Reason::kNone;
    watch->broken_by = nullptr;
    prepare_watch_column(watch, table, trigger, 0, &watch->lead_id);
    prepare_watch_column(watch, table, trigger, 1, &watch->stage);
    prepare_watch_column(watch, table, trigger, 3, &watch->event_time);
    prepare_watch_column(watch, table, trigger, 4, &watch->lead_created_at);
    prepare_watch_dataset(watch, table, argument(trigger, 2));
    watch->valid = true;
}

Watch*
watch_of(const TriggerData* data)
{
    const Trigger* const trigger = data->tg_trigger;
    bool found;

    if (watches == nullptr)
        create_watches();
    auto* const watch =
        static_cast<Watch*>(hash_search(watches, &trigger->tgoid, HASH_ENTER, &found));
    if (!found) {
        memset(watch, 0, sizeof *watch);
        watch->trigger = trigger->tgoid;
    }
    /* An error in the middle leaves valid = false, and the next row tries again. */
    if (!watch->valid || watch->table != RelationGetRelid(data->tg_relation))
        prepare_watch(watch, data->tg_relation, trigger);
    return watch;
}

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

/* One row as the trigger sees it. */
struct Row {
    TupleTableSlot* now;
    TupleTableSlot* before; /* NULL for INSERT and DELETE */
};

Datum
value_of(TupleTableSlot* slot, const ColumnReader& column, bool* isnull)
{
    if (column.number <= 0) {
        *isnull = true;
        return static_cast<Datum>(0);
    }
    return slot_getattr(slot, column.number, isnull);
}

bool
is_unchanged(const Row& row, ColumnReader* column)
{
    bool now_is_null;
    bool before_is_null;
    const Datum now = value_of(row.now, *column, &now_is_null);
    const Datum before = value_of(row.before, *column, &before_is_null);

    return same_value(column, now, now_is_null, before, before_is_null);
}

/* An event is due when the row's stage or its lead id is new. A lead id that arrives after the
 * stage thus brings the current stage. If the stage's column is gone nobody can tell, and silence
 * could hide a change: each update is due then, to be parked. */
bool
is_event_due(Watch* watch, const Row& row)
{
    return row.before == nullptr || watch->stage.number < 0 || !is_unchanged(row, &watch->stage) ||
           !is_unchanged(row, &watch->lead_id);
}

/* The first reason found is kept: one is enough to park an event. */
void
park(NewEvent* event, Reason reason, const char* detail)
{
    if (event->parked == Reason::kNone && reason != Reason::kNone) {
        event->parked = reason;
        event->detail = detail;
    }
}

void
read_event_time(Watch* watch, const Row& row, NewEvent* event)
{
    const UnixMicros now = to_unix_micros(GetCurrentTimestamp());
    UnixMicros time = now;
    UnixMicros created_at = 0;
    bool isnull;
    bool created_is_null = true;
    Datum value;

    if (watch->event_time.number > 0) {
        value = value_of(row.now, watch->event_time, &isnull);
        const Reason reason = read_time(&watch->event_time, value, isnull, &time);
        park(event, reason, nullptr);
        if (reason != Reason::kNone)
            return;
    }
    event->has_event_time = true;
    event->event_time = from_unix_micros(time);
    value = value_of(row.now, watch->lead_created_at, &created_is_null);
    if (!created_is_null &&
        read_time(&watch->lead_created_at, value, false, &created_at) != Reason::kNone)
        created_is_null = true;
    park(event,
         JudgeEventTime(time, now,
                        created_is_null ? std::nullopt : std::optional<UnixMicros>(created_at)),
         nullptr);
}

/* False if the row has no lead id: then it did not come from Meta, and no event is due. */
bool
read_event(Watch* watch, const Row& row, NewEvent* event)
{
    bool isnull;
    bool absent = false;
    const char* detail = nullptr;
    Datum value = value_of(row.now, watch->lead_id, &isnull);

    if (watch->lead_id.number > 0) {
        if (isnull)
            return false;
        const Reason reason =
            read_lead_id(&watch->lead_id, value, &absent, &event->lead_id, &detail);
        if (absent)
            return false;
        event->has_lead_id = reason == Reason::kNone ||
                             (event->lead_id > 0 && event->lead_id <= kLargestHarmlessNumber);
        park(event, reason, detail);
    }
    value = value_of(row.now, watch->stage, &isnull);
    event->event_name = read_stage(&watch->stage, value, isnull);
    const Reason reason = judge_stage(event->event_name);
    park(event, reason, nullptr);
    if (reason == Reason::kStageTooLong || reason == Reason::kStageEncoding)
        event->event_name = nullptr; /* could not be shown or sent; the CRM's table still has it */
    read_event_time(watch, row, event);
    return true;
}

void
fire(const TriggerData* data, Oid schema)
{
    Watch* const watch = watch_of(data);
    const bool updates = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
    const Row row = {updates ? data->tg_newslot : data->tg_trigslot,
                     updates ? data->tg_trigslot : nullptr};

    if (updates)
        forget_deleted();
    if (!is_event_due(watch, row))
        return;
    NewEvent event = {};
    park(&event, watch->broken, watch->broken_by);
    if (!read_event(watch, row, &event))
        return;
    if (TRIGGER_FIRED_BY_DELETE(data->tg_event)) {
        remember_deleted(watch->server, event);
        return;
    }
    if (is_moved(watch->server, event))
        return;
    if (event.has_lead_id && is_forgotten(schema, event.lead_id))
        return;
    if (OidIsValid(watch->server))
        event.dataset = dataset_number(schema, watch->server);
    enqueue(schema, event);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_lead_stage_trigger(PG_FUNCTION_ARGS)
{
    check_use(fcinfo);
    fire(reinterpret_cast<TriggerData*>(fcinfo->context),
         get_func_namespace(fcinfo->flinfo->fn_oid));
    return PointerGetDatum(nullptr);
}
