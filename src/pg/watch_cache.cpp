/*
 * watch_cache.cpp - what a watch, that is a trigger of ours, means for its table.
 */
#include "pg/watch_cache.hpp"

#include "pg/dataset.hpp"

namespace crm_capi {

namespace {

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

}  // namespace

Watch*
watch_of(Relation table, const Trigger* trigger)
{
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
    if (!watch->valid || watch->table != RelationGetRelid(table))
        prepare_watch(watch, table, trigger);
    return watch;
}

}  // namespace crm_capi
