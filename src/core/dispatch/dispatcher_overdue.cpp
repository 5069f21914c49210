// dispatcher_overdue.cpp - events that must not go any more end alone, sent or not: those whose
// seven days are over (reference 1.5), and those that have been in doubt for too long (2.7).
#include <algorithm>
#include <utility>
#include <vector>

#include "core/dispatch/dispatcher.hpp"
#include "core/event/validation.hpp"

namespace crm_capi {

// Events of a dataset that may not send now end, too: it is paused, cannot send as it is set, or
// waits for its next attempt. Its first events are loaded for that, and the next when those are
// gone: whoever waits longest ends first, near enough. A copy's events are another database's, and
// so may be those on a host that must not send.
bool Dispatcher::MayEndUnsent(const Dataset& dataset, UnixMicros now) const {
    return dataset.configured && !MaySend(dataset, now) && dataset.config.hold != Reason::kCloned &&
           dataset.config.hold != Reason::kHostNotAllowed && dataset.queue.HasWaiting();
}

// Whether a loaded event of a dataset that may not send is due to end.
bool Dispatcher::MustSweep(const Dataset& dataset, UnixMicros now) const {
    return MayEndUnsent(dataset, now) && now >= dataset.sweep_at;
}

// The same for a batch that is about to become a request.
void Dispatcher::DropOverdue(Dataset* dataset, Batch* batch, UnixMicros now) {
    Batch ended;
    for (OverdueEvent& overdue : TakeOverdue(&batch->events, now, MarginOf(dataset->config))) {
        EndOverdue(*dataset, overdue);
        ended.events.push_back(std::move(overdue.event));
    }
    dataset->queue.Settle(ended);
}

// Ends what is overdue of the loaded events, and notes when to look again.
void Dispatcher::Sweep(Dataset* dataset, UnixMicros now) {
    UnixMicros next = 0;
    for (const OverdueEvent& overdue :
         dataset->queue.TakeOverdueEvents(now, MarginOf(dataset->config), &next)) {
        EndOverdue(*dataset, overdue);
    }
    if (next == 0 || dataset->queue.returning_count() > 0) {
        // With nothing loaded any more, the next turn loads and looks again; parts of a refused
        // batch are looked at when they are about to be sent.
        next = dataset->queue.HasBacklog() ? now : now + kMaxEventAge;
    }
    dataset->sweep_at = next;
}

// Events whose condition nobody can tell end in time, too. What is put on the shelf meanwhile may
// be due before what was there: a minute late it is still not sent.
void Dispatcher::SweepShelf(Dataset* dataset, UnixMicros now) {
    if (!MaySend(*dataset, now) || now < dataset->shelf_sweep_at) {
        return;
    }
    UnixMicros next = 0;
    for (const OverdueEvent& overdue :
         dataset->queue.TakeOverdueShelved(now, MarginOf(dataset->config), &next)) {
        EndOverdue(*dataset, overdue);
    }
    NoteTime(now + kMicrosPerMinute, &next);
    dataset->shelf_sweep_at = next;
}

// Seven days over: expired, for good. Two days in doubt: parked, so that somebody can decide.
void Dispatcher::EndOverdue(const Dataset& dataset, const OverdueEvent& overdue) {
    EndedEvent ended{};
    ended.event = overdue.event.id;
    ended.dataset = dataset.config.numbers.front();
    ended.status = overdue.reason == Reason::kDeadlinePassed ? "expired" : "parked";
    ended.reason = overdue.reason;
    overdue_.push_back(std::move(ended));
    if (overdue.event.in_doubt_since != 0) {
        doubts_.Forget(IdSet(std::vector<IdRange>{{overdue.event.id, overdue.event.id}}));
    }
}

}  // namespace crm_capi
