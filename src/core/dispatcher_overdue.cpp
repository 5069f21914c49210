// dispatcher_expiry.cpp - events whose seven days are over end alone, sent or not (reference 1.5).
#include <algorithm>
#include <iterator>
#include <utility>

#include "core/dispatcher.hpp"
#include "core/validation.hpp"

namespace crm_capi {

namespace {

// Meta judges an event's age when the request arrives, which may take as long as it is given.
UnixMicros MarginOf(const DatasetConfig& config) {
    return UnixMicros{config.timeout_ms} * 1000;
}

}  // namespace

// Events of a dataset that is paused or cannot send as it is set expire, too. Its first events are
// loaded for that, and the next when those are gone: whoever waits longest expires first, near
// enough. A copy's events are another database's.
bool Dispatcher::MayExpireUnsent(const Dataset& dataset) const {
    return dataset.configured && !IsOpen(dataset) && dataset.config.hold != Reason::kCloned &&
           dataset.queue.HasWaiting();
}

bool Dispatcher::MustSweep(const Dataset& dataset, UnixMicros now) const {
    return MayExpireUnsent(dataset) && now >= dataset.sweep_at;
}

void Dispatcher::DropExpired(Dataset* dataset, Batch* batch, UnixMicros now) {
    const UnixMicros margin = MarginOf(dataset->config);
    Batch expired;
    const auto alive = std::stable_partition(
        batch->events.begin(), batch->events.end(),
        [=](const Event& event) { return !DeadlinePassed(event.event_time, now, margin); });
    std::move(alive, batch->events.end(), std::back_inserter(expired.events));
    batch->events.erase(alive, batch->events.end());
    Expire(*dataset, expired.events);
    dataset->queue.Settle(expired);
}

void Dispatcher::Sweep(Dataset* dataset, UnixMicros now) {
    const UnixMicros margin = MarginOf(dataset->config);
    UnixMicros next = 0;
    Expire(*dataset, dataset->queue.TakeExpired(now, margin, &next));
    // With nothing loaded any more, the next turn loads and looks again; parts of a refused batch
    // are looked at when they are about to be sent.
    const bool only_parts = next == 0 && !dataset->queue.HasBacklog();
    dataset->sweep_at = only_parts ? now + kMaxEventAge : next;
}

void Dispatcher::Expire(const Dataset& dataset, const std::vector<Event>& events) {
    for (const Event& event : events) {
        EndedEvent ended{};
        ended.event = event.id;
        ended.dataset = dataset.config.numbers.front();
        ended.status = "expired";
        ended.reason = Reason::kDeadlinePassed;
        expired_.push_back(std::move(ended));
    }
}

}  // namespace crm_capi
