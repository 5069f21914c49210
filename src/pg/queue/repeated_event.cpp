/*
 * repeated_event.cpp - events that one transaction makes due twice.
 *
 * A table with one place for each hash value: no memory to take or give back, and a look costs a
 * few nanoseconds. What it says is held against the log, so neither a rollback to a savepoint nor
 * two keys with one hash value do harm; what another one has driven out goes twice, with one
 * event_id.
 */
#include "pg/queue/repeated_event.hpp"

#include "pg/base/texts.hpp"
#include "pg/queue/take_back.hpp"

extern "C" {
#include "common/hashfn.h"
}

namespace crm_capi {

namespace {

/* A power of two. 96 kB, of which a session touches what it uses. */
constexpr uint64 kPlaces = 4096;

struct Enqueued {
    uint64 hash;
    int64 id;
    LocalTransactionId transaction; /* by which it was enqueued */
};

Enqueued enqueued[kPlaces];

/* Parked events have no event_id. */
bool
has_event_id(const NewEvent& event)
{
    return event.parked == Reason::kNone && event.has_lead_id && event.has_event_time &&
           event.event_name != nullptr;
}

uint64
hash_of(Oid server, const NewEvent& event)
{
    const std::string_view name = text_view(event.event_name);
    uint64 hash = hash_bytes_extended(reinterpret_cast<const unsigned char*>(name.data()),
                                      static_cast<int>(name.size()), server);

    hash = hash_combine64(hash, static_cast<uint64>(event.lead_id));
    return hash_combine64(hash, static_cast<uint64>(event.event_time));
}

}  // namespace

int64
find_repeated(Oid schema, Oid server, const NewEvent& event)
{
    NewEvent logged = {};

    if (!has_event_id(event))
        return 0;
    const uint64 hash = hash_of(server, event);
    const Enqueued& place = enqueued[hash % kPlaces];
    const bool is_there = place.hash == hash && place.transaction == my_local_transaction_id() &&
                          read_own_event(schema, place.id, &logged) &&
                          is_about_the_same(logged, event) && logged.event_time == event.event_time;
    return is_there ? place.id : 0;
}

void
note_enqueued(Oid server, const NewEvent& event, int64 id)
{
    if (!has_event_id(event))
        return;
    const uint64 hash = hash_of(server, event);
    enqueued[hash % kPlaces] = {hash, id, my_local_transaction_id()};
}

}  // namespace crm_capi
