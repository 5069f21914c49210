/*
 * event_lookup.hpp - what requests and settlements say of an event, for the views that list events.
 *
 * A view may ask for ten events or for millions. The first ones are looked up one by one, by the
 * indexes; if it goes on, much is read once (all_events.hpp), and each further event costs next to
 * nothing. A join would have to be planned for the one case or the other.
 */
#pragma once

#include "core/event/event_status.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/queue/all_events.hpp"

namespace crm_capi {

struct KnownOfEvent {
    EventFacts facts;     /* `settled` as the settlement below */
    int64 latest_request; /* 0 = there was none */
    int32 attempts;       /* requests with the event, those to a held dataset not counted */
    Ending request;    /* of the latest request; what it says of one that delivered is its time */
    Ending settlement; /* if it was asked for, and there is one; of a delivered event it may be left
                        * out, because nothing that it says holds */
};

enum class Wanted { kRequests, kSettlementToo };

/* As the query sees it that the function is called in, a function of the extension's. Whoever
 * calls: the function must have made sure that the user may know. What it points at is there as
 * long as the query. */
const KnownOfEvent& known_of_event(FunctionCallInfo fcinfo, int64 event, Wanted wanted);

/* Whether the events of a dataset wait for it, and why. */
struct DatasetWait {
    int32 number;
    bool is_waiting; /* held or paused */
    Ending ending;   /* of its health */
};

/* Likewise. One that is not registered waits for nothing. */
DatasetWait wait_of_dataset(FunctionCallInfo fcinfo, int32 number);

/* The event's row of the log; likewise. */
LoggedRow logged_row_of(FunctionCallInfo fcinfo, int64 event);

}  // namespace crm_capi
