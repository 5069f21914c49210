// dataset_queue_conditions.cpp - events on their way to the shelf and back, while the condition of
// their watch is checked.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/dispatch/dataset_queue.hpp"

namespace crm_capi {

namespace {

// A refused batch waits for the conditions of its events, because only together they tell which of
// them is at fault. But not for long: others are in it that have no such watch.
constexpr UnixMicros kSplitWaits = 10 * kMicrosPerSecond;

}  // namespace

// A loaded event waits for a condition: on the shelf, or behind it. Never behind a later one of its
// lead: what has been retried, or was loaded before and comes back, goes to the shelf at any rate.
void DatasetQueue::Shelve(const Event& event) {
    if (overflow_.IsBetween(event)) {
        EmptyOverflow();
    }
    if (overflow_.Blocks(event) || (RoomOnShelf() <= 0 && !shelf_.HasLater(event))) {
        overflow_.Put(event);
    } else {
        shelf_.Put(event);
    }
}

// Everything in it is loaded again in its time, and judged again.
void DatasetQueue::EmptyOverflow() {
    OweInOrder(overflow_.TakeAll());
}

// What must wait goes, and with it what of its lead comes later: the order of `ready` is that of
// each lead.
template <class MustWait>
void DatasetQueue::ShelveReady(const MustWait& must_wait) {
    if (!has_conditions_) {
        return;
    }
    ready_.Sift([&](const Event& event) {
        const bool waits = must_wait(event) || shelf_.Blocks(event);
        if (waits) {
            shelf_.Put(event);
        }
        return waits;
    });
}

// What comes back from an attempt is checked anew.
void DatasetQueue::ShelveReturned() {
    ShelveReady(IsUnchecked);
}

// That a condition holds counts for some seconds only.
void DatasetQueue::ShelveStale(UnixMicros now) {
    if (!has_conditions_) {
        return;
    }
    for (auto split = split_batches_.begin(); split != split_batches_.end();) {
        const auto here = split++;
        ShelvePart(&*here, now);
        ForgetIfOver(here);
    }
    ShelveReady([now](const Event& event) { return AwaitsCondition(event, now); });
}

// Events of a refused batch wait for their conditions where they are; those that wait for too long
// leave it.
void DatasetQueue::ShelvePart(SplitBatch* split, UnixMicros now) {
    std::vector<const Event*> awaiting;
    split->bisection.AppendAwaiting(now, &awaiting);
    if (awaiting.empty()) {
        split->awaits_since = 0;
        return;
    }
    if (split->awaits_since == 0 || now < split->awaits_since) {
        split->awaits_since = now;
    }
    if (now - split->awaits_since < kSplitWaits) {
        for (const Event* event : awaiting) {
            if (!shelf_.Contains(event->id)) {
                shelf_.Put(*event, true);
            }
        }
        return;
    }
    IdSet ids;
    for (const Event* event : awaiting) {
        ids.Add(event->id);
    }
    const std::vector<Event> leaving = split->bisection.Drop(ids);
    Vacate(leaving);
    for (const Event& event : leaving) {
        shelf_.Put(event);
    }
    split->awaits_since = 0;
}

// Released in order, they are loaded in order.
void DatasetQueue::LoadAgain(const std::vector<int64_t>& released) {
    for (const int64_t id : released) {
        returning_.Push(id);
    }
}

bool DatasetQueue::Permit(int64_t id, UnixMicros now) {
    std::vector<int64_t> released;
    if (!shelf_.Release(id, &released)) {
        return false;
    }
    LoadAgain(released);
    return std::none_of(split_batches_.begin(), split_batches_.end(),
                        [id, now](SplitBatch& split) { return split.bisection.Permit(id, now); });
}

void DatasetQueue::AppendWatches(UnixMicros now, std::vector<std::string>* watches) {
    if (has_conditions_) {
        ShelveStale(now);
        shelf_.AppendWatches(now, watches);
    }
}

void DatasetQueue::TakeConditions(const std::string& watch, size_t most, UnixMicros now,
                                  std::vector<ConditionToCheck>* taken) {
    const auto is_busy = [this](int64_t lead) { return IsBusy(lead); };
    shelf_.TakeDue(watch, most, now, is_busy, taken);
}

UnixMicros DatasetQueue::NextShelfDue() const {
    UnixMicros next = shelf_.NextDue();
    for (const SplitBatch& split : split_batches_) {
        if (split.awaits_since != 0) {
            NoteTime(split.awaits_since + kSplitWaits, &next);
        }
    }
    return next;
}

// While a refused batch waits for conditions, so does what of its leads comes later.
bool DatasetQueue::HasSendable(UnixMicros now) const {
    if (!has_conditions_ || split_batches_.empty()) {
        return !ready_.empty() || !split_batches_.empty();
    }
    const auto part_may_go = [now](const SplitBatch& split) {
        return split.bisection.HasWaiting() && !split.bisection.AwaitsConditions(now);
    };
    const auto may_go = [this](const Event& event) { return !IsBusy(event.lead_id); };
    return std::any_of(split_batches_.begin(), split_batches_.end(), part_may_go) ||
           ready_.AnyOf(may_go);
}

}  // namespace crm_capi
