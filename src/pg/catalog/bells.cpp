/*
 * bells.cpp - by which a session tells the shipper what to look at.
 */
#include "pg/catalog/bells.hpp"

namespace crm_capi {

namespace {

const char*
view_of(Bell bell)
{
    switch (bell) {
        case Bell::kSettings:
            return "capi_status";
        case Bell::kDecisions:
            return "capi_undelivered";
        case Bell::kTombstones:
            return "capi_events";
    }
    return "";
}

}  // namespace

Oid
bell_relation(Oid schema, Bell bell)
{
    return get_relname_relid(view_of(bell), schema);
}

void
ring(Oid schema, Bell bell)
{
    const Oid relation = bell_relation(schema, bell);

    if (OidIsValid(relation))
        CacheInvalidateRelcacheByRelid(relation);
}

}  // namespace crm_capi
