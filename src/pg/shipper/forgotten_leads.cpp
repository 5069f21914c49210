/*
 * forgotten_leads.cpp - the shipper's part in forgetting a lead.
 */
#include "pg/shipper/forgotten_leads.hpp"

#include <utility>

#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/table_reading.hpp"
#include "pg/catalog/relations.hpp"

namespace crm_capi {

namespace {

/* Of a digest as the table has it, which somebody may have written by hand: what is too short has
 * zeros behind it. */
uint64
prefix_of(Datum lead)
{
    const bytea* const digest = DatumGetByteaPP(lead);
    unsigned char bytes[sizeof(uint64)] = {};

    memcpy(bytes, VARDATA_ANY(digest), Min(sizeof bytes, VARSIZE_ANY_EXHDR(digest)));
    return PrefixOf(bytes);
}

/* All tombstones; there are as many as leads have ever been forgotten. True if one of them may have
 * events that nobody has looked for yet. */
bool
read_prefixes(Oid schema, TombstonePrefixes* leads)
{
    TableReading reading = begin_reading_anew(relations_in(schema)->tombstone);
    size_t room = 64;
    size_t count = 0;
    bool any_unseen = false;
    auto* prefixes = static_cast<uint64*>(palloc(sizeof(uint64) * room));

    while (next_row(&reading)) {
        if (count == room) {
            room *= 2;
            prefixes = static_cast<uint64*>(repalloc_huge(prefixes, sizeof(uint64) * room));
        }
        prefixes[count++] = prefix_of(value_of(reading, tombstone_column::kLead));
        any_unseen = any_unseen || !slot_attisnull(reading.slot, tombstone_column::kUnseenFrom);
    }
    end_reading(&reading);
    call_cpp("take over the tombstones",
             [&] { leads->Assign(std::vector<uint64_t>(prefixes, prefixes + count)); });
    return any_unseen;
}

/* Digests of the leads that capi_forget() was called for since the last look. A tombstone that
 * another transaction holds is left alone: that transaction announces it when it commits. */
Datum*
newly_forgotten(Oid schema, uint64* count)
{
    static Statement statement = {
        "SELECT lead FROM @.capi_tombstone WHERE unseen_from IS NOT NULL"
        " FOR UPDATE SKIP LOCKED",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    auto* const leads = static_cast<Datum*>(palloc(sizeof(Datum) * (SPI_processed + 1)));
    for (uint64 row = 0; row < SPI_processed; row++) {
        bool isnull;
        leads[row] = PointerGetDatum(DatumGetByteaPCopy(
            SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull)));
    }
    *count = SPI_processed;
    return leads;
}

/* Erases what capi_forget() could not see yet; returns the ids (int8multirange) of all that is
 * erased of the lead since the tombstone was last looked at. */
const char*
erase_unseen(Oid schema, Datum lead)
{
    static Statement statement = {
        "WITH erased AS (DELETE FROM @.capi_event_log e USING @.capi_tombstone t WHERE t.lead = $1"
        " AND e.id >= t.unseen_from AND sha256(int8send(e.lead_id)) = $1 RETURNING e.id, "
        "e.lead_id),"
        " reached AS (DELETE FROM @.capi_reached_stage r USING erased"
        "  WHERE r.lead_id = erased.lead_id)"
        " UPDATE @.capi_tombstone t SET unseen_from = NULL, events = NULL"
        " FROM @.capi_tombstone before WHERE t.lead = $1 AND before.lead = $1"
        " RETURNING coalesce(before.events, '{}') + coalesce("
        "(SELECT range_agg(int8range(e.id, e.id, '[]')) FROM erased e), '{}')",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add(&parameters, BYTEAOID, lead);
    execute(schema, &statement, &parameters, SPI_OK_UPDATE_RETURNING);
    return SPI_processed > 0 ? result_text(0, 1) : "{}";
}

/* Also those that were written while the lead was being forgotten. */
void
erase_settlements(Oid schema, const char* events)
{
    static Statement statement = {
        "DELETE FROM @.capi_settlement s USING (SELECT generate_series(lower(r), upper(r) - 1)"
        " AS event FROM unnest($1::pg_catalog.int8multirange) AS r) gone"
        " WHERE s.event = gone.event",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add(&parameters, TEXTOID, CStringGetTextDatum(events));
    execute(schema, &statement, &parameters, SPI_OK_DELETE);
}

}  // namespace

bool
heed_tombstones(Oid schema, TombstonePrefixes* leads, IdSet* erased)
{
    uint64 count = 0;

    if (!read_prefixes(schema, leads))
        return false;
    const Datum* const digests = newly_forgotten(schema, &count);
    for (uint64 i = 0; i < count; i++) {
        const char* const events = erase_unseen(schema, digests[i]);
        erase_settlements(schema, events);
        call_cpp("note erased events", [&] {
            IdSet ids;
            if (IdSet::FromMultirange(events, &ids))
                erased->AddAll(ids);
        });
    }
    return count > 0;
}

bool
erase_late_event(Oid schema, const TombstonePrefixes& leads, const LoggedEvent& event)
{
    static Statement statement = {
        "WITH found AS (SELECT t.lead FROM @.capi_tombstone t"
        " WHERE t.lead = sha256(int8send($2))),"
        " erased AS (DELETE FROM @.capi_event_log WHERE id = $1 AND EXISTS (SELECT FROM found)),"
        " settled AS (DELETE FROM @.capi_settlement"
        "  WHERE event = $1 AND EXISTS (SELECT FROM found)),"
        " reached AS (DELETE FROM @.capi_reached_stage"
        "  WHERE lead_id = $2 AND EXISTS (SELECT FROM found))"
        " SELECT count(*) FROM found",
        nullptr, InvalidOid};
    Parameters parameters = {};
    bool may_be = false;

    if (leads.empty() || event.lead_id == 0)
        return false;
    call_cpp("look for a tombstone", [&] { may_be = leads.MayContain(event.lead_id); });
    if (!may_be)
        return false;
    add_number(&parameters, event.id, true);
    add_number(&parameters, event.lead_id, true);
    execute(schema, &statement, &parameters, SPI_OK_SELECT);
    return result_int8(0, 1) > 0;
}

}  // namespace crm_capi
