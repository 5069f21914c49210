/*
 * watch_cache.cpp - the watches of a session, each prepared once.
 */
#include "pg/watch/watch_cache.hpp"
#include "pg/catalog/phone_country.hpp"

#include "pg/base/hash_table.hpp"
#include "pg/base/relation_changes.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/queue/identities.hpp"
#include "pg/queue/reached_stage.hpp"
#include "pg/watch/watch_approval.hpp"
#include "pg/watch/watch_compilation.hpp"

extern "C" {
#include "nodes/plannodes.h"
}

namespace crm_capi {

namespace {

HTAB* watches = nullptr;

/* Those of the table, or all. They stay in memory, because one may be in use, and are built anew
 * when they are asked for. */
void
forget_watches(Oid table)
{
    HASH_SEQ_STATUS position;

    if (watches == nullptr)
        return;
    hash_seq_init(&position, watches);
    while (auto* const watch = static_cast<Watch*>(hash_seq_search(&position))) {
        if (table == InvalidOid || watch->table == table || !watch->is_complete ||
            list_member_oid(watch->relations, table))
            watch->valid = false;
    }
}

/* A dataset was created, renamed, dropped or altered. */
void
at_server_change(Datum, SystemCache, uint32)
{
    forget_watches(InvalidOid);
}

/* Operators and casts may have been chosen. They change seldom. */
void
at_definition_change(Datum, SystemCache, uint32)
{
    HASH_SEQ_STATUS position;

    hash_seq_init(&position, watches);
    while (auto* const watch = static_cast<Watch*>(hash_seq_search(&position)))
        watch->valid = watch->valid && !watch->has_expressions;
}

/* Whether the function or type with this hash value is one that an expression is made of. */
bool
depends_on(const Watch* watch, int cache, uint32 hash)
{
    ListCell* cell;

    if (!watch->is_complete) /* what it depends on is not known yet */
        return true;
    if (hash == 0) /* everything has changed */
        return watch->has_expressions;
    foreach (cell, watch->items) {
        const auto* const item = static_cast<PlanInvalItem*>(lfirst(cell));
        if (item->cacheId == cache && item->hashValue == hash)
            return true;
    }
    return false;
}

/* Functions, which may have been inlined, and types. */
void
at_item_change(Datum, SystemCache cache, uint32 hash)
{
    HASH_SEQ_STATUS position;

    hash_seq_init(&position, watches);
    while (auto* const watch = static_cast<Watch*>(hash_seq_search(&position)))
        watch->valid = watch->valid && !depends_on(watch, cache, hash);
}

/* Begins to remember watches, and to hear of what makes them wrong. */
void
create_watches()
{
    watches = create_hash_table<Oid, Watch>("crm_capi watches", TopMemoryContext);
    on_relation_change(forget_watches);
    CacheRegisterSyscacheCallback(FOREIGNSERVEROID, at_server_change, 0);
    for (const auto cache : {OPEROID, CASTSOURCETARGET})
        CacheRegisterSyscacheCallback(cache, at_definition_change, 0);
    for (const auto cache : {PROCOID, TYPEOID})
        CacheRegisterSyscacheCallback(cache, at_item_change, 0);
}

/* The first thing that breaks a watch is the one that it tells of. */
void
break_watch(Watch* watch, Reason reason, const char* by)
{
    if (watch->broken == Reason::kNone) {
        watch->broken = reason;
        watch->broken_by = MemoryContextStrdup(watch->memory, by);
    }
}

/* The rights that count are those of the table's owner: whoever writes to the CRM's table needs no
 * right on the dataset. */
void
prepare_watch_dataset(Watch* watch, const char* name)
{
    watch->server = find_dataset(name);
    if (!OidIsValid(watch->server))
        break_watch(watch, Reason::kDatasetMissing,
                    name ? quote_identifier(name) : "none is named, and there is not exactly one");
    else if (server_usage(watch->server, watch->owner) != ACLCHECK_OK)
        break_watch(watch, Reason::kDatasetPermission, GetForeignServer(watch->server)->servername);
}

/* Of a plain watch: its arguments are names of columns. */
void
prepare_columns(Watch* watch, Relation table, const WatchDefinition& definition)
{
    for (int role = 0; role < kRoles; role++) {
        ColumnReader* const reader = &watch->sources[role].reader;
        prepare_column(table, definition.roles[role], watch->memory, reader);
        if (reader->number < 0)
            break_watch(watch, Reason::kColumnMissing, quote_identifier(definition.roles[role]));
    }
}

/* Not known, until compiled: nobody can tell whether a row has a lead id or a stage. */
void
mark_unknown(Watch* watch)
{
    watch->sources[kLeadIdRole].reader.number = -1;
    watch->sources[kStageRole].reader.number = -1;
}

/* The text of the error is about the expression: no value of a row has been seen yet. */
void
try_to_compile(Watch* watch, Relation table, const WatchDefinition& definition)
{
    Compilation work = {watch, table, &definition, nullptr};
    Failure failure;

    mark_unknown(watch);
    if (try_as_owner(watch->owner, Surroundings::kDefining, compile_sources, &work, &failure))
        return;
    watch->has_expressions = true;
    break_watch(watch,
                failure.sqlstate == ERRCODE_UNDEFINED_COLUMN ? Reason::kColumnMissing
                                                             : Reason::kExpressionFailed,
                psprintf("argument \"%s\": %s", work.part, failure.message));
}

/* Of a watch that its owner has approved: its arguments are expressions and options. */
void
prepare_expressions(Watch* watch, Relation table, const Trigger* trigger)
{
    WatchDefinition definition;
    const MemoryContext before = MemoryContextSwitchTo(watch->memory);

    (void)read_definition(trigger, &definition);
    if (definition.first_only)
        watch->first_mark = make_first_mark();
    MemoryContextSwitchTo(before);
    watch->stage_map = definition.stage_map;
    watch->unmapped = definition.unmapped;
    watch->first_only = definition.first_only;
    watch->recheck = definition.recheck;
    try_to_compile(watch, table, definition);
    prepare_watch_dataset(watch, definition.dataset);
    if (OidIsValid(watch->server) && default_country_of(watch->server) != nullptr)
        watch->default_country =
            MemoryContextStrdup(watch->memory, default_country_of(watch->server));
}

/* Everything but the key and the memory. */
void
start_over(Watch* watch, Relation table)
{
    const Oid trigger = watch->trigger;
    MemoryContext memory = watch->memory;

    if (memory != nullptr)
        MemoryContextReset(memory);
    else
        memory = AllocSetContextCreate(TopMemoryContext, "crm_capi watch", ALLOCSET_SMALL_SIZES);
    memset(watch, 0, sizeof *watch);
    watch->trigger = trigger;
    watch->memory = memory;
    watch->table = RelationGetRelid(table);
    watch->owner = table->rd_rel->relowner;
    watch->built_in = my_local_transaction_id();
}

/* Valid from the start: what changes while the watch is being built shall be noticed. */
void
build_watch(Watch* watch, Relation table, const Trigger* trigger)
{
    const Oid schema = get_func_namespace(trigger->tgfoid);
    WatchDefinition definition;

    start_over(watch, table);
    watch->valid = true;
    watch->root = root_trigger(trigger);
    if (is_plain_trigger(trigger)) {
        (void)read_definition(trigger, &definition);
        prepare_columns(watch, table, definition);
        prepare_watch_dataset(watch, definition.dataset);
    } else if (is_approved(schema, watch->owner, trigger->tgargs, trigger->tgnargs)) {
        prepare_expressions(watch, table, trigger);
    } else {
        mark_unknown(watch);
        watch->has_expressions = true;
        break_watch(watch, Reason::kWatchNotApproved,
                    quote_identifier(GetUserNameFromId(watch->owner, false)));
    }
    watch->is_complete = true;
}

/* Whatever broke an expression may have been put right where nobody tells us of it, so a broken one
 * is tried again in each transaction. */
bool
is_usable(const Watch* watch, Relation table)
{
    return watch->valid && watch->is_complete && watch->table == RelationGetRelid(table) &&
           !(watch->broken != Reason::kNone && watch->has_expressions &&
             watch->built_in != my_local_transaction_id());
}

/* The watch as far as it is known. */
Watch*
find_watch(const Trigger* trigger)
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
    if (watch->is_in_use)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("an expression of a watch has changed the table that it watches")));
    return watch;
}

}  // namespace

Watch*
watch_of(Relation table, const Trigger* trigger)
{
    Watch* const watch = find_watch(trigger);

    if (!is_usable(watch, table))
        build_watch(watch, table, trigger);
    return watch;
}

Watch*
fresh_watch_of(Relation table, const Trigger* trigger)
{
    Watch* const watch = find_watch(trigger);

    build_watch(watch, table, trigger);
    return watch;
}

}  // namespace crm_capi
