// bisection.cpp - finds the events at fault in a batch that was refused as a whole.
#include "core/dispatch/bisection.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace crm_capi {

Bisection::Bisection(std::vector<Event> refused) {
    Halve(std::move(refused));
}

// A part that is at fault by elimination is halved unsent, down to a single event.
bool Bisection::Next(std::vector<Event>* part) {
    if (under_way_ || waiting_.empty()) {
        return false;
    }
    while (waiting_.front().is_at_fault && waiting_.front().events.size() > 1) {
        std::vector<Event> known = std::move(waiting_.front().events);
        waiting_.pop_front();
        Halve(std::move(known));
    }
    under_way_ = true;
    first_half_under_way_ = waiting_.front().is_first_half;
    *part = std::move(waiting_.front().events);
    waiting_.pop_front();
    return true;
}

// An accepted first half proves the fault of the second.
void Bisection::Accepted() {
    if (first_half_under_way_) {
        waiting_.front().is_at_fault = true;
    }
    Ended();
}

void Bisection::Ended() {
    under_way_ = false;
    first_half_under_way_ = false;
}

void Bisection::Returned(std::vector<Event> part) {
    waiting_.push_front(Part{std::move(part), first_half_under_way_, false});
    Ended();
}

void Bisection::Refused(std::vector<Event> part) {
    Halve(std::move(part));
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
        first_half_under_way_ = false;
        for (Part& part : waiting_) {
            part.is_first_half = false;
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

// Puts the two halves in front of all that waits, the first half first.
void Bisection::Halve(std::vector<Event> events) {
    const auto middle = events.begin() + static_cast<std::ptrdiff_t>(events.size() / 2);
    Part second;
    second.events.assign(std::make_move_iterator(middle), std::make_move_iterator(events.end()));
    events.erase(middle, events.end());
    waiting_.push_front(std::move(second));
    waiting_.push_front(Part{std::move(events), true, false});
}

}  // namespace crm_capi
