/*
 * recheck.cpp - what counts once more just before an event is sent: that no other event has the
 * stage, of watches with repeat => 'first'. Only our own tables are asked; conditions of watches,
 * which are others' code, are checked elsewhere (condition_desk.hpp).
 */
#include "pg/base/clock.hpp"
#include "pg/shipper/recheck.hpp"

#include <utility>

#include "pg/base/guard.hpp"
#include "pg/queue/log_reader.hpp"
#include "pg/queue/reached_stage.hpp"
#include "pg/shipper/turn.hpp"

namespace crm_capi {

namespace {

/* An event that ends here. */
struct Ended {
    int64 event;
    int32 dataset;
};

/* False if the event may go. One that is not in the log any more was forgotten meanwhile. */
bool
ends_here(Oid schema, int64 id, Ended* ended)
{
    LogReader* const reader = open_log_at(schema, IdRange{id, id});
    LoggedEvent event;
    const bool found = next_event(reader, Columns::kAll, &event);

    close_log(reader);
    if (!found)
        return false;
    *ended = {id, event.dataset};
    return event.is_first_only && is_reached_by_another(schema, event);
}

/* In current memory; NULL if *count is 0. */
int64*
events_to_check(Shipper* shipper, int* count)
{
    int64* ids = nullptr;

    call_cpp("collect the events to check", [&] {
        shipper->results.rechecks.clear();
        shipper->dispatcher.AppendRechecks(now_micros(), &shipper->results.rechecks);
    });
    *count = static_cast<int>(shipper->results.rechecks.size());
    if (*count > 0) {
        ids = static_cast<int64*>(palloc(sizeof(int64) * shipper->results.rechecks.size()));
        memcpy(ids, shipper->results.rechecks.data(),
               sizeof(int64) * shipper->results.rechecks.size());
    }
    return ids;
}

/* Its stage has been told already. */
EndedEvent
MakeEndedEvent(const Ended& from)
{
    EndedEvent ended{};
    ended.event = from.event;
    ended.dataset = from.dataset;
    ended.status = "cancelled";
    ended.reason = Reason::kStageReached;
    return ended;
}

}  // namespace

void
recheck_events(Shipper* shipper)
{
    int count;
    int ended_count = 0;
    const int64* const ids = events_to_check(shipper, &count);

    if (count == 0)
        return;
    auto* const ended = static_cast<Ended*>(palloc(sizeof(Ended) * count));
    for (int i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (ends_here(shipper->extension.schema, ids[i], &ended[ended_count]))
            ended_count++;
    }
    call_cpp("end events that are not to be sent", [&] {
        std::vector<EndedEvent> events;
        for (int i = 0; i < ended_count; i++)
            events.push_back(MakeEndedEvent(ended[i]));
        shipper->dispatcher.EndUnsent(std::move(events));
    });
}

}  // namespace crm_capi
