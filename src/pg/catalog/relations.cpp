/*
 * relations.cpp - where the extension's own tables are.
 */
#include "pg/catalog/relations.hpp"

#include "pg/base/relation_changes.hpp"

namespace crm_capi {

namespace {

Relations cached;
bool cache_valid = false;
void (*listeners[4])();
int listener_count = 0;

/* Called for every relation that anybody changes. Those asked for here go with the extension, or
 * are invalidated to tell other sessions a news (forget.cpp, operator_decisions.cpp). */
void
forget(Oid relation)
{
    if (!cache_valid)
        return;
    if (relation != InvalidOid && relation != cached.event_log && relation != cached.dataset &&
        relation != cached.settlement && relation != cached.tombstone)
        return;
    cache_valid = false;
    for (int i = 0; i < listener_count; i++)
        listeners[i]();
}

/* An ERROR if there is no such table, index or sequence: somebody has dropped a part. */
Oid
lookup(Oid schema, const char* name)
{
    const Oid relation = get_relname_relid(name, schema);

    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("table \"%s\" of extension crm_capi does not exist", name),
                        errhint("Drop the extension and create it again.")));
    return relation;
}

/* Where the extension's row was found last. */
struct {
    Oid extension;
    Oid event_log;
    Oid schema;
} found_last = {};

/* The extension as it was found last, if it is locked and still there. Its row can only be looked
 * up by a scan; that its table is where it was tells the same, and the caches know that. */
bool
lock_as_found_last()
{
    if (!OidIsValid(found_last.extension))
        return false;
    LockDatabaseObject(ExtensionRelationId, found_last.extension, 0, AccessShareLock);
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(found_last.event_log));
    if (!HeapTupleIsValid(tuple))
        return false;
    const Oid schema = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relnamespace;
    ReleaseSysCache(tuple);
    return schema == found_last.schema;
}

/* The schema of the extension, which is locked; InvalidOid if it has no row any more. */
Oid
schema_of_extension(Oid extension)
{
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(extension));
    const Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
    const SysScanDesc scan =
        systable_beginscan(catalog, ExtensionOidIndexId, true, nullptr, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    Oid schema = InvalidOid;
    if (HeapTupleIsValid(tuple))
        schema = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extnamespace;
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return schema;
}

}  // namespace

Oid
lock_extension()
{
    if (lock_as_found_last())
        return found_last.schema;
    found_last = {};
    const Oid extension = get_extension_oid("crm_capi", true);
    if (!OidIsValid(extension))
        return InvalidOid;
    LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
    /* It may have been dropped while we waited: then there is no row any more. */
    const Oid schema = schema_of_extension(extension);
    if (OidIsValid(schema))
        found_last = {extension, get_relname_relid("capi_event_log", schema), schema};
    return schema;
}

const Relations*
relations_in(Oid schema)
{
    if (cache_valid && cached.schema == schema)
        return &cached;
    on_relation_change(forget);

    Relations found;
    found.schema = schema;
    found.event_log = lookup(schema, "capi_event_log");
    found.event_id = lookup(schema, "capi_event_id");
    found.request_id = lookup(schema, "capi_request_id");
    found.request_log = lookup(schema, "capi_request_log");
    found.settlement = lookup(schema, "capi_settlement");
    found.tombstone = lookup(schema, "capi_tombstone");
    found.dataset = lookup(schema, "capi_dataset");
    found.dataset_number = lookup(schema, "capi_dataset_number");
    found.watch_approval = lookup(schema, "capi_watch_approval");
    found.reached_stage = lookup(schema, "capi_reached_stage");
    found.lead_filter = lookup(schema, "capi_lead_filter");
    found.cursor = lookup(schema, "capi_cursor");
    found.counter = lookup(schema, "capi_counter");
    cached = found;
    cache_valid = true;
    return &cached;
}

ActingUser
become_queue_owner(Oid schema)
{
    const HeapTuple tuple =
        SearchSysCache1(RELOID, ObjectIdGetDatum(relations_in(schema)->event_log));
    ActingUser caller;

    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for the log of events");
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    GetUserIdAndSecContext(&caller.id, &caller.context);
    SetUserIdAndSecContext(owner, caller.context | SECURITY_LOCAL_USERID_CHANGE);
    return caller;
}

void
become(const ActingUser& user)
{
    SetUserIdAndSecContext(user.id, user.context);
}

void
on_relations_forgotten(void (*listener)())
{
    for (int i = 0; i < listener_count; i++) {
        if (listeners[i] == listener)
            return;
    }
    Assert(listener_count < static_cast<int>(lengthof(listeners)));
    listeners[listener_count++] = listener;
}

}  // namespace crm_capi
