/*
 * endings.cpp - what the shipper writes down of what has ended, and of how the datasets fare.
 */
#include "pg/shipper/endings.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/guard.hpp"
#include "pg/shipper/ledger.hpp"
#include "pg/shipper/notices.hpp"

namespace crm_capi {

namespace {

/* Writes down how an event has ended, and remembers whom that must be told. */
void
write_end(Shipper* shipper, const EndedEvent& event)
{
    if (shipper->decided.forgotten.Contains(event.event))
        return;
    write_settlement(shipper->extension.schema, event);
    call_cpp("count an end", [&] { shipper->totals.Ended(event); });
    if (strcmp(event.status, "parked") == 0)
        call_cpp("note a parked event", [&] { shipper->parked.events.push_back(event.event); });
    if (!shipper->decided.retried.empty())
        call_cpp("note an end", [&] {
            shipper->decided.retried.Subtract(
                IdSet(std::vector<IdRange>{{event.event, event.event}}));
        });
}

}  // namespace

void
write_endings(Shipper* shipper)
{
    const TimestampTz now = GetCurrentTimestamp();

    for (const AnswerRecord& ended : shipper->dispatcher.ended()) {
        finish_request(shipper->extension.schema, ended);
        call_cpp("count a request", [&] { shipper->totals.Answered(ended, now); });
        if (!shipper->decided.retried.empty() && ended.next_attempt_at == 0)
            forget_retried(shipper->extension.schema, ended.request);
        for (const EndedEvent& event : ended.events)
            write_end(shipper, event);
    }
    for (const EndedEvent& event : shipper->dispatcher.overdue())
        write_end(shipper, event);
    if (!shipper->dispatcher.ended().empty() || !shipper->dispatcher.overdue().empty())
        shipper->cursor.is_behind = true;
    shipper->dispatcher.ended().clear();
    shipper->dispatcher.overdue().clear();
}

void
write_health_changes(Shipper* shipper)
{
    call_cpp("collect the health of the datasets", [&] {
        shipper->results.health_changes = shipper->dispatcher.TakeHealthChanges(now_micros());
    });
    for (const HealthChange& change : shipper->results.health_changes) {
        write_health(shipper->extension.schema, change);
        if (change.announce) {
            const std::string_view why = Describe(change.now.reason).text;
            const std::string_view code = Describe(change.now.reason).code;
            ereport(LOG, (errmsg("dataset \"%s\" is %s%s%.*s", change.name.c_str(),
                                 HealthName(change.now.health), why.empty() ? "" : ": ",
                                 static_cast<int>(why.size()), why.data())));
            notify_health(change.name.c_str(), HealthName(change.now.health),
                          pnstrdup(code.data(), code.size()));
        }
    }
}

}  // namespace crm_capi
