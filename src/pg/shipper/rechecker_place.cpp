/*
 * rechecker_place.cpp - one of the places in which a shipper has a process that checks the
 * conditions of one watch.
 */
#include "pg/shipper/rechecker_place.hpp"

#include "pg/base/attempt.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/guard.hpp"
#include "pg/shipper/rechecker.hpp"

namespace crm_capi {

namespace {

/* Makes the channel and registers the process. Whatever is lacking - segments, memory, disk for it,
 * workers - ends this alone: work for attempt(). */
void
make_channel(void* argument)
{
    auto* const place = static_cast<RecheckerPlace*>(argument);
    dsm_segment* const segment = dsm_create(kChannelSize, DSM_CREATE_NULL_IF_MAXSEGMENTS);

    if (segment == nullptr)
        return;
    shm_mq* const asking = shm_mq_create(asking_queue(segment), kAskingQueue);
    shm_mq* const finding = shm_mq_create(finding_queue(segment), kFindingQueue);
    shm_mq_set_sender(asking, MyProc);
    shm_mq_set_receiver(finding, MyProc);
    BackgroundWorkerHandle* const worker = start_rechecker(segment);
    if (worker == nullptr) {
        dsm_detach(segment);
        return;
    }
    place->asking = shm_mq_attach(asking, segment, worker);
    place->finding = shm_mq_attach(finding, segment, worker);
    place->worker = worker;
    place->segment = segment;
    dsm_pin_mapping(segment);
}

/* The queues go with the segment: whoever is at the other end sees it. */
void
close_channel(RecheckerPlace* place)
{
    dsm_segment* const segment = place->segment;

    if (segment == nullptr)
        return;
    place->segment = nullptr;
    shm_mq_detach(place->asking);
    shm_mq_detach(place->finding);
    dsm_detach(segment);
}

void
free_worker(RecheckerPlace* place)
{
    pfree(place->worker);
    place->worker = nullptr;
}

}  // namespace

RecheckerPlace*
place_of(RecheckerPlace* places, int count, const std::string& watch)
{
    for (int i = 0; i < count; i++) {
        if (places[i].segment != nullptr && places[i].watch == watch)
            return &places[i];
    }
    return nullptr;
}

RecheckerPlace*
another_place(RecheckerPlace* places, int count, UnixMicros started_before)
{
    RecheckerPlace* idle = nullptr;

    for (int i = 0; i < count; i++) {
        RecheckerPlace* const place = &places[i];
        if (place->worker == nullptr)
            return place;
        if (place->segment != nullptr && place->asked.empty() &&
            place->started_at <= started_before)
            idle = place;
    }
    return idle;
}

void
heed_clock(RecheckerPlace* place, UnixMicros now)
{
    place->started_at = Min(place->started_at, now);
    place->heard_at = Min(place->heard_at, now);
}

bool
start_at(RecheckerPlace* place, const std::string& watch)
{
    const MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
    ErrorData* const error = attempt(make_channel, place);

    MemoryContextSwitchTo(before);
    if (error != nullptr) {
        ereport(LOG,
                (errmsg("could not make room for a process that checks conditions: SQLSTATE %s",
                        unpack_sql_state(error->sqlerrcode)),
                 errdetail_internal("%s", error->message)));
        FreeErrorData(error);
    }
    if (place->segment == nullptr)
        return false;
    call_cpp("note a process that checks conditions", [&] {
        place->watch = watch;
        place->is_leaving = false;
        place->window = 1;
        place->started_at = place->heard_at = now_micros();
    });
    return true;
}

void
ask(RecheckerPlace* place, const std::vector<ConditionToCheck>& conditions)
{
    const size_t count = conditions.size();

    call_cpp("note what is asked", [&] {
        if (place->asked.empty())
            place->heard_at = now_micros();
        place->asked.insert(place->asked.end(), conditions.begin(), conditions.end());
    });
    for (size_t i = 0; i < count; i++) {
        const int64 event = conditions[i].event;
        if (shm_mq_send(place->asking, sizeof event, &event, true, i + 1 == count) !=
            SHM_MQ_SUCCESS)
            return;
    }
}

bool
hear(RecheckerPlace* place, ConditionFinding* found, bool* is_gone)
{
    Size size;
    void* message;
    const shm_mq_result result = shm_mq_receive(place->finding, &size, &message, true);

    *is_gone = result == SHM_MQ_DETACHED;
    if (result != SHM_MQ_SUCCESS)
        return false;
    memcpy(found, message, sizeof *found);
    return true;
}

void
leave(RecheckerPlace* place)
{
    close_channel(place);
    free_worker(place);
}

void
end(RecheckerPlace* place)
{
    TerminateBackgroundWorker(place->worker);
    close_channel(place);
}

void
free_if_gone(RecheckerPlace* place)
{
    pid_t pid;

    if (place->worker != nullptr && place->segment == nullptr &&
        GetBackgroundWorkerPid(place->worker, &pid) == BGWH_STOPPED)
        free_worker(place);
}

}  // namespace crm_capi
