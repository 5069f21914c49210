/*
 * tombstone.cpp - leads that were forgotten do not come back.
 *
 * Most databases hold no tombstone at all, so each process remembers that there is none until
 * capi_forget() tells everybody otherwise by invalidating the table. What was written before the
 * message came, the shipper erases (forgotten_leads.cpp).
 */
#include "pg/queue/tombstone.hpp"

#include "core/event/tombstone_prefixes.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/catalog/relations.hpp"

namespace crm_capi {

namespace {

bool none_are_forgotten = false; /* known to be so; else somebody may be */

/* capi_forget() has invalidated the table, or it is gone. */
void
ask_again()
{
    none_are_forgotten = false;
}

/* Whether capi_tombstone has a row with that key; without a key, any row. */
bool
has_row(const Relations* relations, int key_count, ScanKey key)
{
    const Relation table = table_open(relations->tombstone, AccessShareLock);
    const SysScanDesc scan =
        systable_beginscan(table, primary_key_of(table), true, nullptr, key_count, key);
    const bool found = HeapTupleIsValid(systable_getnext(scan));

    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return found;
}

}  // namespace

bool
is_forgotten(Oid schema, int64 lead_id)
{
    if (none_are_forgotten)
        return false;
    on_relations_forgotten(ask_again);
    const Relations* const relations = relations_in(schema);
    none_are_forgotten = true; /* unless a message says otherwise while we look */
    if (!has_row(relations, 0, nullptr))
        return false;
    none_are_forgotten = false;

    auto* const digest = static_cast<bytea*>(palloc(VARHDRSZ + kSha256Bytes));
    SET_VARSIZE(digest, VARHDRSZ + kSha256Bytes);
    call_cpp("hash a lead id", [&] {
        const Sha256Digest hash = DigestOfLead(lead_id);
        memcpy(VARDATA(digest), hash.data(), hash.size());
    });
    ScanKeyData key;
    ScanKeyInit(&key, tombstone_column::kLead, BTEqualStrategyNumber, F_BYTEAEQ,
                PointerGetDatum(digest));
    return has_row(relations, 1, &key);
}

}  // namespace crm_capi
