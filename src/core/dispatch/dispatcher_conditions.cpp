// dispatcher_conditions.cpp - events that wait until somebody has checked the condition of their
// watch (shelf.hpp).
#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "core/dispatch/dispatcher.hpp"
#include "core/event/validation.hpp"

namespace crm_capi {

void Dispatcher::AppendWatchesToCheck(UnixMicros now, std::vector<std::string>* watches) {
    if (!conditions_seen_) {
        return;
    }
    HeedClock(now);
    for (const auto& dataset : datasets_) {
        if (MaySend(*dataset, now)) {
            dataset->queue.AppendWatches(now, watches);
        }
    }
}

// What the next requests can carry is checked, and no more: it would not hold until then. But one
// event of each watch at least, so that those of a watch that hangs do not stand for all.
size_t Dispatcher::CountToCheck(const Dataset& dataset, const std::string& watch,
                                UnixMicros now) const {
    if (!MaySend(dataset, now)) {
        return 0;
    }
    const DatasetQueue& queue = dataset.queue;
    const size_t wanted = CountWanted(dataset, BatchSize(dataset));
    const size_t there = queue.ready_count() + static_cast<size_t>(queue.returning_count()) +
                         queue.shelf().asked_count();
    if (wanted > there) {
        return wanted - there;
    }
    return queue.shelf().IsAsked(watch) ? 0 : 1;
}

void Dispatcher::TakeConditions(const std::string& watch, size_t most, UnixMicros now,
                                std::vector<ConditionToCheck>* taken) {
    const size_t end = taken->size() + most;
    for (const auto& dataset : datasets_) {
        const size_t before = taken->size();
        const size_t count = std::min(end - before, CountToCheck(*dataset, watch, now));
        dataset->queue.TakeConditions(watch, count, now, taken);
        for (size_t i = before; i < taken->size(); ++i) {
            (*taken)[i].dataset = dataset->config.numbers.front();
        }
    }
}

void Dispatcher::ConditionHolds(int64_t event, UnixMicros now) {
    for (const auto& dataset : datasets_) {
        if (dataset->queue.Permit(event, now)) {
            permitted_[event] = now;
        }
    }
}

// An event that does not wait any more was cancelled, or has ended in another way, meanwhile.
void Dispatcher::ConditionsEnd(std::vector<EndedEvent> ended) {
    const auto is_gone = [this](const EndedEvent& event) {
        return std::none_of(datasets_.begin(), datasets_.end(), [&event](const auto& dataset) {
            return dataset->queue.shelf().Contains(event.event);
        });
    };
    ended.erase(std::remove_if(ended.begin(), ended.end(), is_gone), ended.end());
    EndUnsent(std::move(ended));
}

void Dispatcher::ConditionUnknown(EndedEvent ended, UnixMicros now) {
    for (const auto& dataset : datasets_) {
        DatasetQueue& queue = dataset->queue;
        if (!queue.shelf().Contains(ended.event)) {
            continue;
        }
        const UnixMicros event_time = queue.shelf().EventTimeOf(ended.event);
        const UnixMicros again = queue.PostponeCondition(ended.event, now);
        if (DeadlinePassed(event_time, again, MarginOf(dataset->config))) {
            std::vector<EndedEvent> all;
            all.push_back(std::move(ended));
            ConditionsEnd(std::move(all));
        }
        return;
    }
}

void Dispatcher::AskAgain(int64_t event) {
    for (const auto& dataset : datasets_) {
        dataset->queue.AskAgain(event);
    }
}

// Of all datasets.
Dispatcher::Conditions Dispatcher::CountConditions() const {
    Conditions all;
    for (const auto& dataset : datasets_) {
        const Shelf& shelf = dataset->queue.shelf();
        all.waiting += static_cast<int64_t>(shelf.size()) + dataset->queue.overflow_count();
        all.postponed += static_cast<int64_t>(shelf.postponed_count());
    }
    return all;
}

// An event that comes back from the shelf brings what was found there.
void Dispatcher::TakePermission(Event* event) {
    conditions_seen_ = true;
    const auto permitted = permitted_.find(event->id);
    if (permitted != permitted_.end()) {
        event->condition_held_at = permitted->second;
        permitted_.erase(permitted);
    }
}

// Events that are dropped on their way back from the shelf.
void Dispatcher::ForgetPermissions(const IdSet& events) {
    for (auto event = permitted_.begin(); event != permitted_.end();) {
        event = events.Contains(event->first) ? permitted_.erase(event) : std::next(event);
    }
}

}  // namespace crm_capi
