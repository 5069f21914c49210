/*
 * watch_approval.cpp - which expressions may run with a table owner's rights.
 *
 * The owner is noted by name: the table is dumped, and numbers of roles mean nothing elsewhere.
 */
#include "pg/watch_approval.hpp"

#include <string_view>

#include "core/digest.hpp"
#include "pg/guard.hpp"
#include "pg/relations.hpp"
#include "pg/unique_insert.hpp"

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

}  // namespace

bool
is_approved(Oid schema, Oid owner, const char* const* arguments, int count)
{
    const Relations* const relations = relations_in(schema);
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
    const Relation table = table_open(relations->watch_approval, AccessShareLock);
    const SysScanDesc scan =
        systable_beginscan(table, relations->watch_approval_pkey, true, nullptr, 2, key);
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

    namestrcpy(&name, GetUserNameFromId(owner, false));
    values[watch_approval_column::kOwner - 1] = NameGetDatum(&name);
    values[watch_approval_column::kDigest - 1] = digest(arguments, count);
    values[watch_approval_column::kApprovedAt - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
    (void)insert_unless_there(relations_in(schema)->watch_approval, values, nulls);
}

}  // namespace crm_capi
