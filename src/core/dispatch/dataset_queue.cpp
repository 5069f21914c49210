// dataset_queue.cpp - what one dataset still owes, and what may go out next.
#include "core/dispatch/dataset_queue.hpp"

#include <algorithm>
#include <utility>

#include "core/dispatch/doubts.hpp"
#include "core/event/validation.hpp"

namespace crm_capi {

namespace {

// kNone if the event may still go in a request that takes up to `margin`.
Reason WhyOverdue(const Event& event, UnixMicros now, UnixMicros margin) {
    if (DeadlinePassed(event.event_time, now, margin)) {
        return Reason::kDeadlinePassed;
    }
    return DoubtTooOld(event.in_doubt_since, now, margin) ? Reason::kDoubtTooOld : Reason::kNone;
}

// Takes an event that is overdue.
struct IfOverdue {
    UnixMicros now;
    UnixMicros margin;
    std::vector<OverdueEvent>* overdue;

    // Whether it was one.
    bool operator()(Event& event) const {
        const Reason reason = WhyOverdue(event, now, margin);
        if (reason != Reason::kNone) {
            overdue->push_back(OverdueEvent{std::move(event), reason});
        }
        return reason != Reason::kNone;
    }
};

// That a condition holds counts for one attempt.
void MustAskAgain(std::vector<Event>* events) {
    for (Event& event : *events) {
        event.condition_held_at = 0;
    }
}

// The moment at which WhyOverdue finds a reason.
UnixMicros OverdueAt(const Event& event, UnixMicros margin) {
    const UnixMicros deadline = Deadline(event.event_time);
    const UnixMicros end = event.in_doubt_since == 0
                               ? deadline
                               : std::min(deadline, event.in_doubt_since + kDoubtLimit);
    return end - margin;
}

}  // namespace

IdSet IdsOf(const std::vector<Event>& events) {
    IdSet ids;
    for (const Event& event : events) {
        ids.Add(event.id);  // mostly in ascending order, and then at the end
    }
    return ids;
}

std::vector<OverdueEvent> TakeOverdue(std::vector<Event>* events, UnixMicros now,
                                      UnixMicros margin) {
    std::vector<OverdueEvent> overdue;
    const auto kept = Sift(events->begin(), events->end(), IfOverdue{now, margin, &overdue});
    events->erase(kept, events->end());
    return overdue;
}

void DatasetQueue::Owe(int64_t id) {
    backlog_.Push(id);
}

void DatasetQueue::OweInOrder(const IdSet& ids) {
    IdBits all;
    backlog_.AddTo(&all);
    all.Add(ids);
    backlog_.Assign(all.ToSet());
}

bool DatasetQueue::TakeIds(int64_t max_count, IdRange* range) {
    return returning_.TakeRun(max_count, range) ||
           overflow_.TakeRun(std::min(max_count, RoomOnShelf()), range) ||
           backlog_.TakeRun(max_count, range);
}

int64_t DatasetQueue::NextToLoad() const {
    if (!returning_.empty()) {
        return returning_.First();
    }
    return !overflow_.empty() && RoomOnShelf() > 0 ? overflow_.First() : backlog_.First();
}

void DatasetQueue::Load(Event&& event, size_t batch_size) {
    const size_t bytes = sizeof event + event.texts.size();
    bytes_each_ = bytes_each_ == 0 ? bytes : (7 * bytes_each_ + bytes) / 8;
    has_conditions_ = has_conditions_ || event.texts.has_condition();
    overflow_.Loaded(event);
    if (IsUnchecked(event) || shelf_.Blocks(event) || overflow_.Blocks(event)) {
        Shelve(event);
    } else {
        ready_.Add(std::move(event), std::min(batch_size, 1 + backlog_count()));
    }
}

bool DatasetQueue::NextBatch(size_t max_events, size_t max_part, Batch* batch, UnixMicros now) {
    batch->events.clear();
    batch->split_of = 0;
    ShelveStale(now);
    if (NextPart(max_part, now, batch)) {
        return true;
    }
    const auto may_go = [this](const Event& event) { return !IsBusy(event.lead_id); };
    ready_.Take(max_events, may_go, &batch->events);
    Occupy(batch->events);
    in_flight_.AddAll(IdsOf(batch->events));
    return !batch->events.empty();
}

// The next part of any refused batch: order within its leads wants that it goes first.
bool DatasetQueue::NextPart(size_t max_part, UnixMicros now, Batch* batch) {
    for (SplitBatch& split : split_batches_) {
        if (has_conditions_ && split.bisection.AwaitsConditions(now)) {
            continue;
        }
        if (split.bisection.Next(max_part, &batch->events)) {
            batch->split_of = split.number;
            in_flight_.AddAll(IdsOf(batch->events));
            return true;
        }
    }
    return false;
}

void DatasetQueue::Deliver(const Batch& batch) {
    Leave(batch);
    if (batch.split_of != 0) {
        const auto split = FindSplit(batch.split_of);
        split->bisection.Accepted();
        ForgetIfOver(split);
    }
}

void DatasetQueue::Settle(const Batch& batch) {
    Leave(batch);
    if (batch.split_of != 0) {
        const auto split = FindSplit(batch.split_of);
        split->bisection.Ended();
        ForgetIfOver(split);
    }
}

void DatasetQueue::Return(Batch batch) {
    in_flight_.Subtract(IdsOf(batch.events));
    MustAskAgain(&batch.events);
    if (batch.split_of != 0) {
        FindSplit(batch.split_of)->bisection.Returned(std::move(batch.events));
        return;
    }
    Vacate(batch.events);
    ready_.PutBack(std::move(batch.events));
    ShelveReturned();
}

void DatasetQueue::Split(Batch batch) {
    in_flight_.Subtract(IdsOf(batch.events));
    MustAskAgain(&batch.events);
    if (batch.split_of == 0) {
        split_batches_.push_back(
            SplitBatch{++last_split_number_, Bisection(std::move(batch.events)), 0});
    } else {
        FindSplit(batch.split_of)->bisection.Refused(std::move(batch.events));
    }
}

void DatasetQueue::Drop(const IdSet& ids) {
    const auto dropped = [&ids](const Event& event) { return ids.Contains(event.id); };
    std::vector<int64_t> released;
    shelf_.Drop(ids, &released);
    LoadAgain(released);
    if (overflow_.Misses(ids)) {
        EmptyOverflow();
    }
    returning_.Drop(ids);
    backlog_.Drop(ids);
    ready_.Sift(dropped);
    for (auto split = split_batches_.begin(); split != split_batches_.end();) {
        const auto here = split++;
        Vacate(here->bisection.Drop(ids));
        ForgetIfOver(here);
    }
}

std::vector<OverdueEvent> DatasetQueue::TakeOverdueEvents(UnixMicros now, UnixMicros margin,
                                                          UnixMicros* next) {
    std::vector<OverdueEvent> overdue;
    ready_.Sift(IfOverdue{now, margin, &overdue});
    *next = 0;
    ready_.ForEach([=](const Event& event) { NoteTime(OverdueAt(event, margin), next); });
    UnixMicros next_shelved = 0;
    for (OverdueEvent& event : TakeOverdueShelved(now, margin, &next_shelved)) {
        overdue.push_back(std::move(event));
    }
    if (next_shelved != 0) {
        NoteTime(next_shelved, next);
    }
    return overdue;
}

std::vector<OverdueEvent> DatasetQueue::TakeOverdueShelved(UnixMicros now, UnixMicros margin,
                                                           UnixMicros* next) {
    std::vector<OverdueEvent> overdue;
    const IfOverdue takes{now, margin, &overdue};
    *next = 0;
    shelf_.ForEachWaiting([&](Event event) {
        if (!takes(event)) {
            NoteTime(OverdueAt(event, margin), next);
        }
    });
    IdSet ids;
    for (const OverdueEvent& over : overdue) {
        ids.Add(over.event.id);
    }
    std::vector<int64_t> released;
    shelf_.Drop(ids, &released);
    LoadAgain(released);
    return overdue;
}

void DatasetQueue::AppendRechecks(std::vector<int64_t>* ids) const {
    ready_.ForEach([ids](const Event& event) {
        if (event.needs_recheck) {
            ids->push_back(event.id);
        }
    });
    for (const SplitBatch& split : split_batches_) {
        split.bisection.AppendRechecks(ids);
    }
}

bool DatasetQueue::HasWaiting() const {
    return HasBacklog() || !ready_.empty() || !shelf_.empty() ||
           std::any_of(split_batches_.begin(), split_batches_.end(),
                       [](const SplitBatch& split) { return split.bisection.HasWaiting(); });
}

void DatasetQueue::AddOwedTo(IdBits* ids) const {
    backlog_.AddTo(ids);
    returning_.AddTo(ids);
    overflow_.AddTo(ids);
    shelf_.AddTo(ids);
    for (const SplitBatch& split : split_batches_) {
        split.bisection.AddWaitingTo(ids);
    }
    ready_.ForEach([ids](const Event& event) { ids->Add(IdRange{event.id, event.id}); });
    ids->Add(in_flight_);
}

IdSet DatasetQueue::Owed() const {
    IdBits owed;
    AddOwedTo(&owed);
    return owed.ToSet();
}

int64_t DatasetQueue::CountOwed() const {
    size_t loaded = ready_.size() + shelf_.size();
    for (const SplitBatch& split : split_batches_) {
        loaded += split.bisection.waiting_count();
    }
    return backlog_.Count() + returning_.Count() + overflow_.Count() +
           static_cast<int64_t>(loaded) + in_flight_.Count();
}

// From here on later events of these leads wait. Leads are counted, because a batch may carry
// several events of one.
void DatasetQueue::Occupy(const std::vector<Event>& events) {
    for (const Event& event : events) {
        if (event.lead_id != 0) {
            ++busy_leads_[event.lead_id];
        }
    }
}

// The counterpart of Occupy, for the same events.
void DatasetQueue::Vacate(const std::vector<Event>& events) {
    for (const Event& event : events) {
        auto lead = busy_leads_.find(event.lead_id);
        if (lead != busy_leads_.end() && --lead->second == 0) {
            busy_leads_.erase(lead);
        }
    }
}

// The refused batch of that number, which is there as long as one of its parts is under way.
std::list<DatasetQueue::SplitBatch>::iterator DatasetQueue::FindSplit(uint64_t number) {
    return std::find_if(split_batches_.begin(), split_batches_.end(),
                        [number](const SplitBatch& split) { return split.number == number; });
}

// Drops a refused batch of which nothing is left.
void DatasetQueue::ForgetIfOver(std::list<SplitBatch>::iterator split) {
    if (split->bisection.IsOver()) {
        split_batches_.erase(split);
    }
}

// The batch's events are final: neither in flight nor in the way of their leads' next ones.
void DatasetQueue::Leave(const Batch& batch) {
    Vacate(batch.events);
    in_flight_.Subtract(IdsOf(batch.events));
}

}  // namespace crm_capi
