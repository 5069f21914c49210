// bisection.cpp - finds the events at fault in a batch that was refused as a whole.
#include "core/dispatch/bisection.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace crm_capi {

Bisection::Bisection(std::vector<Event> refused) {
    waiting_.push_back(Part{std::move(refused), false, true});
}

bool Bisection::Next(size_t max_events, std::vector<Event>* part) {
    if (under_way_ || waiting_.empty()) {
        return false;
    }
    PartFront(std::max<size_t>(max_events, 1));
    under_way_ = true;
    first_under_way_ = waiting_.front().is_first;
    *part = std::move(waiting_.front().events);
    waiting_.pop_front();
    return true;
}

// An accepted first part proves the fault of the second.
void Bisection::Accepted() {
    if (first_under_way_) {
        waiting_.front().is_at_fault = true;
    }
    Ended();
}

void Bisection::Ended() {
    under_way_ = false;
    first_under_way_ = false;
}

void Bisection::Returned(std::vector<Event> part) {
    waiting_.push_front(Part{std::move(part), first_under_way_, false});
    Ended();
}

void Bisection::Refused(std::vector<Event> part) {
    waiting_.push_front(Part{std::move(part), false, true});
    Ended();
}

// Without the event that was dropped, a half that is accepted says nothing about the other.
std::vector<Event> Bisection::Drop(const IdSet& ids) {
    std::vector<Event> dropped;
    for (Part& part : waiting_) {
        const auto kept =
            std::stable_partition(part.events.begin(), part.events.end(),
                                  [&ids](const Event& event) { return !ids.Contains(event.id); });
        std::move(kept, part.events.end(), std::back_inserter(dropped));
        part.events.erase(kept, part.events.end());
    }
    if (!dropped.empty()) {
        first_under_way_ = false;
        for (Part& part : waiting_) {
            part.is_first = false;
            part.is_at_fault = false;
        }
    }
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                  [](const Part& part) { return part.events.empty(); }),
                   waiting_.end());
    return dropped;
}

size_t Bisection::waiting_count() const {
    size_t count = 0;
    for (const Part& part : waiting_) {
        count += part.events.size();
    }
    return count;
}

void Bisection::AddWaitingTo(IdBits* ids) const {
    for (const Part& part : waiting_) {
        for (const Event& event : part.events) {
            ids->Add(IdRange{event.id, event.id});
        }
    }
}

void Bisection::AppendRechecks(std::vector<int64_t>* ids) const {
    for (const Part& part : waiting_) {
        for (const Event& event : part.events) {
            if (event.needs_recheck) {
                ids->push_back(event.id);
            }
        }
    }
}

void Bisection::AppendAwaiting(UnixMicros now, std::vector<const Event*>* awaiting) const {
    if (under_way_) {
        return;
    }
    for (const Part& part : waiting_) {
        for (const Event& event : part.events) {
            if (AwaitsCondition(event, now)) {
                awaiting->push_back(&event);
            }
        }
    }
}

bool Bisection::AwaitsConditions(UnixMicros now) const {
    return std::any_of(waiting_.begin(), waiting_.end(), [now](const Part& part) {
        return std::any_of(part.events.begin(), part.events.end(),
                           [now](const Event& event) { return AwaitsCondition(event, now); });
    });
}

bool Bisection::Permit(int64_t id, UnixMicros now) {
    for (Part& part : waiting_) {
        for (Event& event : part.events) {
            if (event.id == id) {
                event.condition_held_at = now;
                return true;
            }
        }
    }
    return false;
}

// Makes two parts of the one in front; the first gets so many events.
void Bisection::CutFront(size_t events) {
    std::vector<Event>& all = waiting_.front().events;
    const auto cut = all.begin() + static_cast<std::ptrdiff_t>(events);
    Part first;
    first.events.assign(std::make_move_iterator(all.begin()), std::make_move_iterator(cut));
    all.erase(all.begin(), cut);
    waiting_.front().is_first = false;
    waiting_.front().is_at_fault = false;
    waiting_.push_front(std::move(first));
}

// What is known to hold a fault is parted unsent. What is merely too large for a request is cut,
// and of such a piece nothing is concluded.
void Bisection::PartFront(size_t max_events) {
    const size_t count = waiting_.front().events.size();
    if (waiting_.front().is_at_fault && count > 1) {
        const size_t wanted = std::max<size_t>((3 * count + 5) / 10, 1);
        CutFront(std::min(wanted, max_events));
        waiting_.front().is_first = true;
    } else if (count > max_events) {
        CutFront(max_events);
    }
}

}  // namespace crm_capi
