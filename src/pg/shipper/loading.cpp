/*
 * loading.cpp - events on their way from the log into the dispatcher.
 */
#include "pg/shipper/loading.hpp"

#include <utility>

#include "pg/base/guard.hpp"

namespace crm_capi {

namespace {

/* Events that cannot be read come from one damage, often many at once: one line in so much time is
 * enough for the server log, and capi_events has them all. */
constexpr int kLogAgainMs = 60 * 1000;

void
log_unreadable(const LoggedEvent& event)
{
    static TimestampTz logged_at = 0;
    const TimestampTz now = GetCurrentTimestamp();

    if (logged_at != 0 && now >= logged_at &&
        !TimestampDifferenceExceeds(logged_at, now, kLogAgainMs))
        return;
    logged_at = now;
    const std::string_view reason = Describe(event.unreadable).text;
    ereport(LOG, (errmsg("event " INT64_FORMAT " is parked: %.*s%s%s", event.id,
                         static_cast<int>(reason.size()), reason.data(),
                         event.detail != nullptr ? ": " : "",
                         event.detail != nullptr ? event.detail : ""),
                  errhint("The view capi_undelivered lists all events that are parked.")));
}

void
park_unreadable(Shipper* shipper, const LoggedEvent& event)
{
    log_unreadable(event);
    call_cpp("park an event that cannot be read", [&] {
        EndedEvent ended{};
        ended.event = event.id;
        ended.dataset = event.dataset;
        ended.status = "parked";
        ended.reason = event.unreadable;
        if (event.detail != nullptr)
            ended.detail = event.detail;
        std::vector<EndedEvent> all;
        all.push_back(std::move(ended));
        shipper->dispatcher.EndUnsent(std::move(all));
    });
}

}  // namespace

void
load_event(Shipper* shipper, const LoggedEvent& event)
{
    if (event.unreadable != Reason::kNone)
        park_unreadable(shipper, event);
    else
        call_cpp("load an event", [&] { shipper->dispatcher.Load(MakeEvent(event)); });
}

}  // namespace crm_capi
