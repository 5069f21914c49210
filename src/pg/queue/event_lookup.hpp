/*
 * event_lookup.hpp - what requests and settlements say of an event, for the views that list events.
 *
 * A view may ask for ten events or for millions. The first ones are looked up one by one, by the
 * indexes; if it goes on, everything is read once (all_events.hpp), and each further event costs
 * next to nothing. A join would have to be planned for the one case or the other.
 */
#pragma once

#include "core/event/event_status.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct KnownOfEvent {
    EventFacts facts;     /* without `settled`, unless it was asked for */
    int64 latest_request; /* 0 = there was none */
    int32 attempts;       /* requests with the event, those to a held dataset not counted */
};

enum class Wanted { kRequests, kSettlementToo };

/* As the query sees it that the function is called in, a function of the extension's. Whoever
 * calls: the function must have made sure that the user may know. */
KnownOfEvent known_of_event(FunctionCallInfo fcinfo, int64 event, Wanted wanted);

}  // namespace crm_capi
