/*
 * lead_blooms.cpp - the shipper's part of the index over leads: writes capi_lead_filter.
 *
 * A filter is a row for each run of kEventsPerBloom events: 2 kB that are written once. Mostly it
 * was made when its events were read for the first time (bloom_queue.hpp). The part that reads them
 * is lead_index.cpp.
 */
#include "pg/shipper/lead_blooms.hpp"

#include "core/ids/lead_bloom.hpp"
#include "pg/base/guard.hpp"
#include "pg/queue/log_reader.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/base/row_insert.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

namespace {

/* One row of capi_lead_filter: the leads of a run of events. */
void
insert_bloom(Oid schema, IdRange run, const LeadBloom& bloom)
{
    static InsertTarget lead_filter;
    Datum values[lead_filter_column::kEnd - 1];
    bool nulls[lead_filter_column::kEnd - 1] = {};
    auto* const bytes = static_cast<bytea*>(palloc(VARHDRSZ + kLeadBloomBytes));

    SET_VARSIZE(bytes, VARHDRSZ + kLeadBloomBytes);
    memcpy(VARDATA(bytes), bloom.bytes(), kLeadBloomBytes);
    values[lead_filter_column::kFirstEvent - 1] = Int64GetDatum(run.first);
    values[lead_filter_column::kLastEvent - 1] = Int64GetDatum(run.last);
    values[lead_filter_column::kFilter - 1] = PointerGetDatum(bytes);
    /* If there is one that begins there, as in a replica of somebody else's, it may stay. */
    (void)insert_row(&lead_filter, relations_in(schema)->lead_filter, values, nulls,
                     lengthof(values));
    pfree(bytes);
}

}  // namespace

int64
read_bloomed_up_to(Oid schema)
{
    static Statement statement = {"SELECT coalesce(max(last_event), 0) FROM @.capi_lead_filter",
                                  nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    return result_int8(0, 1);
}

namespace {

/* The filter of the run that begins behind `bloomed_up_to`, of events that are read for it. Returns
 * up to where it reaches; bloomed_up_to if there are too few events. */
int64
read_and_write(Oid schema, int64 bloomed_up_to, int64 complete_up_to)
{
    LogReader* const reader = open_log_at(schema, IdRange{bloomed_up_to + 1, complete_up_to});
    LoggedEvent event;
    LeadBloom bloom;
    int events = 0;

    while (events < kEventsPerBloom && next_event(reader, Columns::kKeyOnly, &event)) {
        if (event.lead_id != 0)
            bloom.Add(event.lead_id);
        events++;
    }
    close_log(reader);
    if (events < kEventsPerBloom)
        return bloomed_up_to;
    insert_bloom(schema, IdRange{bloomed_up_to + 1, event.id}, bloom);
    return event.id;
}

/* Likewise, the one that `made` has. */
int64
write_made(Oid schema, int64 bloomed_up_to, int64 complete_up_to, BloomQueue* made)
{
    const BloomQueue::Run* run = nullptr;

    call_cpp("look for a filter", [&] { run = made->From(bloomed_up_to + 1); });
    if (run == nullptr || run->range.last > complete_up_to)
        return bloomed_up_to;
    insert_bloom(schema, IdRange{bloomed_up_to + 1, run->range.last}, run->bloom);
    return run->range.last;
}

}  // namespace

int64
write_lead_blooms(Oid schema, int64 bloomed_up_to, int64 complete_up_to, int most_read,
                  BloomQueue* made)
{
    while (bloomed_up_to < complete_up_to) {
        const int64 before = bloomed_up_to;
        CHECK_FOR_INTERRUPTS();
        bloomed_up_to = write_made(schema, before, complete_up_to, made);
        if (bloomed_up_to == before && !made->Awaits(before + 1) && most_read-- > 0)
            bloomed_up_to = read_and_write(schema, before, complete_up_to);
        if (bloomed_up_to == before)
            break;
    }
    return bloomed_up_to;
}

}  // namespace crm_capi
