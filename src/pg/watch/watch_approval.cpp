/*
 * watch_approval.cpp - which expressions may run with a table owner's rights.
 *
 * The owner is noted by name: the table is dumped, and numbers of roles mean nothing elsewhere.
 */
#include "pg/watch/watch_approval.hpp"

#include <string_view>

#include "core/event/digest.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/base/trigger_row.hpp"
#include "pg/catalog/relations.hpp"

extern "C" {
#include "catalog/pg_collation.h"
}

namespace crm_capi {

namespace {

/* Lengths keep apart what would read the same. */
Datum
digest(const char* const* arguments, int count)
{
    StringInfoData all;
    const char* hex = nullptr;

    initStringInfo(&all);
    for (int i = 0; i < count; i++)
        appendStringInfo(&all, "%zu:%s", strlen(arguments[i]), arguments[i]);
    call_cpp("hash the arguments of a watch",
             [&] { hex = CopyToPalloc(Sha256Hex({all.data, static_cast<size_t>(all.len)})); });
    return CStringGetTextDatum(hex);
}

/* Until the transaction ends: whoever takes approvals back waits for the trigger of a capi_watch()
 * that has found its approval there. */
void
lock_approvals(Oid schema)
{
    LockRelationOid(relations_in(schema)->watch_approval, ShareUpdateExclusiveLock);
}

/* An approval, as it is held against the others. */
struct Approval {
    NameData owner;
    const char* digest;
};

/* Appends an empty approval to the list and returns it. */
Approval*
add_room(List** approvals)
{
    auto* const approval = static_cast<Approval*>(palloc0(sizeof(Approval)));

    *approvals = lappend(*approvals, approval);
    return approval;
}

/* What the watch needs. */
void
note_use(const TriggerRow& trigger, List** used)
{
    const HeapTuple table = SearchSysCache1(RELOID, ObjectIdGetDatum(trigger.table));

    if (!HeapTupleIsValid(table))
        return;
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(table))->relowner;
    ReleaseSysCache(table);
    const char* const name = GetUserNameFromId(owner, true);
    if (name == nullptr)
        return;
    Approval* const approval = add_room(used);
    namestrcpy(&approval->owner, name);
    approval->digest = TextDatumGetCString(digest(trigger.arguments, trigger.argument_count));
}

/* The approvals that the triggers of all tables need, partitions included. */
List*
find_used(Oid schema)
{
    List* const name = list_make2(makeString(get_namespace_name(schema)),
                                  makeString(pstrdup("capi_watch_trigger")));
    const Oid function = LookupFuncName(name, 0, nullptr, false);
    const Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
    List* used = NIL;

    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        CHECK_FOR_INTERRUPTS();
        if (reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple))->tgfoid == function)
            note_use(read_trigger_row(tuple, RelationGetDescr(catalog)), &used);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return used;
}

/* Whether the row of capi_watch_approval is one of those in use. */
bool
is_among(const List* used, HeapTuple tuple, TupleDesc columns)
{
    ListCell* cell;
    bool isnull;
    const Datum owner = heap_getattr(tuple, watch_approval_column::kOwner, columns, &isnull);
    const char* const hex =
        TextDatumGetCString(heap_getattr(tuple, watch_approval_column::kDigest, columns, &isnull));

    foreach (cell, used) {
        const auto* const approval = static_cast<const Approval*>(lfirst(cell));
        if (strcmp(NameStr(approval->owner), NameStr(*DatumGetName(owner))) == 0 &&
            strcmp(approval->digest, hex) == 0)
            return true;
    }
    return false;
}

}  // namespace

bool
is_approved(Oid schema, Oid owner, const char* const* arguments, int count)
{
    const char* const name = GetUserNameFromId(owner, true);
    NameData key_name;
    ScanKeyData key[2];

    if (name == nullptr)
        return false;
    namestrcpy(&key_name, name);
    ScanKeyInit(&key[0], watch_approval_column::kOwner, BTEqualStrategyNumber, F_NAMEEQ,
                NameGetDatum(&key_name));
    ScanKeyInit(&key[1], watch_approval_column::kDigest, BTEqualStrategyNumber, F_TEXTEQ,
                digest(arguments, count));
    key[1].sk_collation = C_COLLATION_OID;
    const Relation table = table_open(relations_in(schema)->watch_approval, AccessShareLock);
    const SysScanDesc scan =
        systable_beginscan(table, primary_key_of(table), true, nullptr, 2, key);
    const bool found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return found;
}

void
approve(Oid schema, Oid owner, const char* const* arguments, int count)
{
    Datum values[watch_approval_column::kEnd - 1];
    bool nulls[watch_approval_column::kEnd - 1] = {};
    NameData name;

    lock_approvals(schema); /* so nobody else is about to note the same */
    if (is_approved(schema, owner, arguments, count))
        return;
    namestrcpy(&name, GetUserNameFromId(owner, false));
    values[watch_approval_column::kOwner - 1] = NameGetDatum(&name);
    values[watch_approval_column::kDigest - 1] = digest(arguments, count);
    values[watch_approval_column::kApprovedAt - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
    const Relation table = table_open(relations_in(schema)->watch_approval, RowExclusiveLock);
    CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), values, nulls));
    table_close(table, RowExclusiveLock);
}

void
forget_unused_approvals(Oid schema)
{
    lock_approvals(schema);
    const List* const used = find_used(schema);
    const Relation table = table_open(relations_in(schema)->watch_approval, RowExclusiveLock);
    const SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        if (!is_among(used, tuple, RelationGetDescr(table)))
            CatalogTupleDelete(table, &tuple->t_self);
    }
    systable_endscan(scan);
    table_close(table, RowExclusiveLock);
}

}  // namespace crm_capi
