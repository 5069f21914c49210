// dataset_queue.cpp - what one dataset still owes, and what may go out next.
#include "core/dataset_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/validation.hpp"

namespace crm_capi {

namespace {

IdSet IdsOf(const std::vector<Event>& events) {
    std::vector<IdRange> ranges;
    ranges.reserve(events.size());
    for (const Event& event : events) {
        ranges.push_back(IdRange{event.id, event.id});
    }
    return IdSet(std::move(ranges));
}

}  // namespace

void DatasetQueue::Owe(int64_t id) {
    if (!backlog_.empty() && backlog_.back().last == id - 1) {
        backlog_.back().last = id;
    } else {
        backlog_.push_back(IdRange{id, id});
    }
}

void DatasetQueue::OweInOrder(const IdSet& ids) {
    IdSet all(std::vector<IdRange>(backlog_.begin(), backlog_.end()));
    all.AddAll(ids);
    backlog_.assign(all.ranges().begin(), all.ranges().end());
}

bool DatasetQueue::TakeIds(int64_t max_count, IdRange* range) {
    if (backlog_.empty() || max_count <= 0) {
        return false;
    }
    IdRange& front = backlog_.front();
    range->first = front.first;
    range->last = std::min(front.last, front.first + max_count - 1);
    if (range->last == front.last) {
        backlog_.pop_front();
    } else {
        front.first = range->last + 1;
    }
    return true;
}

void DatasetQueue::Load(Event event) {
    ready_.push_back(std::move(event));
}

bool DatasetQueue::NextBatch(size_t max_events, Batch* batch) {
    batch->events.clear();
    batch->split_of = 0;
    if (NextPart(batch)) {
        return true;
    }
    // What stays moves up: nothing moves at all if nothing may go, however much is ready.
    auto kept = ready_.begin();
    auto event = ready_.begin();
    for (; event != ready_.end() && batch->events.size() < max_events; ++event) {
        if (busy_leads_.count(event->lead_id) == 0) {
            batch->events.push_back(std::move(*event));
        } else {
            if (kept != event) {
                *kept = std::move(*event);
            }
            ++kept;
        }
    }
    ready_.erase(kept, event);
    Occupy(batch->events);
    in_flight_.AddAll(IdsOf(batch->events));
    return !batch->events.empty();
}

bool DatasetQueue::NextPart(Batch* batch) {
    for (SplitBatch& split : split_batches_) {
        if (!split.in_flight) {
            split.in_flight = true;
            batch->events = std::move(split.parts.front());
            split.parts.pop_front();
            batch->split_of = split.number;
            in_flight_.AddAll(IdsOf(batch->events));
            return true;
        }
    }
    return false;
}

void DatasetQueue::Settle(const Batch& batch) {
    Vacate(batch.events);
    in_flight_.Subtract(IdsOf(batch.events));
    if (batch.split_of != 0) {
        PartLanded(batch.split_of);
    }
}

void DatasetQueue::Return(Batch batch) {
    in_flight_.Subtract(IdsOf(batch.events));
    if (batch.split_of != 0) {
        auto split = FindSplit(batch.split_of);
        split->parts.push_front(std::move(batch.events));
        split->in_flight = false;
        return;
    }
    Vacate(batch.events);
    ready_.insert(ready_.begin(), std::make_move_iterator(batch.events.begin()),
                  std::make_move_iterator(batch.events.end()));
}

void DatasetQueue::Split(Batch batch) {
    in_flight_.Subtract(IdsOf(batch.events));
    if (batch.split_of == 0) {
        split_batches_.push_back(SplitBatch{++last_split_number_, false, {}});
        batch.split_of = last_split_number_;
    }
    auto split = FindSplit(batch.split_of);
    const auto middle = batch.events.begin() + static_cast<std::ptrdiff_t>(batch.events.size() / 2);
    split->parts.emplace_front(std::make_move_iterator(middle),
                               std::make_move_iterator(batch.events.end()));
    split->parts.emplace_front(std::make_move_iterator(batch.events.begin()),
                               std::make_move_iterator(middle));
    split->in_flight = false;
}

void DatasetQueue::Drop(const IdSet& ids) {
    const auto dropped = [&ids](const Event& event) { return ids.Contains(event.id); };
    std::deque<IdRange> backlog;
    for (const IdRange& run : backlog_) {
        IdSet left(std::vector<IdRange>{run});
        left.Subtract(ids);
        backlog.insert(backlog.end(), left.ranges().begin(), left.ranges().end());
    }
    backlog_ = std::move(backlog);
    ready_.erase(std::remove_if(ready_.begin(), ready_.end(), dropped), ready_.end());
    for (auto split = split_batches_.begin(); split != split_batches_.end();) {
        for (std::vector<Event>& part : split->parts) {
            const auto kept = std::stable_partition(
                part.begin(), part.end(), [&](const Event& event) { return !dropped(event); });
            Vacate(std::vector<Event>(kept, part.end()));
            part.erase(kept, part.end());
        }
        const auto empty = [](const std::vector<Event>& part) { return part.empty(); };
        split->parts.erase(std::remove_if(split->parts.begin(), split->parts.end(), empty),
                           split->parts.end());
        const bool over = split->parts.empty() && !split->in_flight;
        split = over ? split_batches_.erase(split) : std::next(split);
    }
}

std::vector<Event> DatasetQueue::TakeExpired(UnixMicros now, UnixMicros margin, UnixMicros* next) {
    const auto alive = std::stable_partition(ready_.begin(), ready_.end(), [=](const Event& event) {
        return !DeadlinePassed(event.event_time, now, margin);
    });
    std::vector<Event> expired(std::make_move_iterator(alive),
                               std::make_move_iterator(ready_.end()));
    ready_.erase(alive, ready_.end());
    *next = 0;
    for (const Event& event : ready_) {
        const UnixMicros at = Deadline(event.event_time) - margin;
        *next = *next == 0 ? at : std::min(*next, at);
    }
    return expired;
}

bool DatasetQueue::HasWaiting() const {
    return !backlog_.empty() || !ready_.empty() ||
           std::any_of(split_batches_.begin(), split_batches_.end(),
                       [](const SplitBatch& split) { return !split.parts.empty(); });
}

IdSet DatasetQueue::Owed() const {
    std::vector<IdRange> ranges(backlog_.begin(), backlog_.end());
    for (const Event& event : ready_) {
        ranges.push_back(IdRange{event.id, event.id});
    }
    for (const SplitBatch& split : split_batches_) {
        for (const std::vector<Event>& part : split.parts) {
            for (const Event& event : part) {
                ranges.push_back(IdRange{event.id, event.id});
            }
        }
    }
    IdSet owed(std::move(ranges));
    owed.AddAll(in_flight_);
    return owed;
}

void DatasetQueue::Occupy(const std::vector<Event>& events) {
    for (const Event& event : events) {
        if (event.lead_id != 0) {
            ++busy_leads_[event.lead_id];
        }
    }
}

void DatasetQueue::Vacate(const std::vector<Event>& events) {
    for (const Event& event : events) {
        auto lead = busy_leads_.find(event.lead_id);
        if (lead != busy_leads_.end() && --lead->second == 0) {
            busy_leads_.erase(lead);
        }
    }
}

std::list<DatasetQueue::SplitBatch>::iterator DatasetQueue::FindSplit(uint64_t number) {
    return std::find_if(split_batches_.begin(), split_batches_.end(),
                        [number](const SplitBatch& split) { return split.number == number; });
}

void DatasetQueue::PartLanded(uint64_t number) {
    auto split = FindSplit(number);
    split->in_flight = false;
    if (split->parts.empty()) {
        split_batches_.erase(split);
    }
}

}  // namespace crm_capi
