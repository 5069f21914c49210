// dispatcher_health.cpp - how the datasets fare, as operators see it.
#include <algorithm>

#include "core/dispatch/dispatcher.hpp"

namespace crm_capi {

const char* HealthName(Health health) {
    switch (health) {
        case Health::kOk:
            return "ok";
        case Health::kSlowed:
            return "slowed";
        case Health::kRetrying:
            return "retrying";
        case Health::kHeld:
            return "held";
        case Health::kPaused:
            return "paused";
    }
    return "";
}

Health HealthFromName(std::string_view name) {
    for (const Health health :
         {Health::kSlowed, Health::kRetrying, Health::kHeld, Health::kPaused}) {
        if (name == HealthName(health)) {
            return health;
        }
    }
    return Health::kOk;
}

// What settings say comes before what the last answer said: it is what an operator can change.
DatasetHealth Dispatcher::CurrentHealth(const Dataset& dataset, UnixMicros now) {
    DatasetHealth health = dataset.health;
    if (dataset.config.hold != Reason::kNone) {
        health = {Health::kHeld, dataset.config.hold, dataset.config.hold_detail, 0, 0, 0};
    } else if (dataset.config.mode == Mode::kPaused) {
        health = {Health::kPaused, Reason::kPaused, {}, 0, 0, 0};
    } else if (dataset.not_before > now) {
        health.next_attempt_at = dataset.not_before;
    }
    health.failures = dataset.failures;
    health.request_size = dataset.size.Reduced(static_cast<size_t>(dataset.config.batch_size));
    return health;
}

// What settings said then they say again, if it still holds.
void Dispatcher::Resume(int number, const DatasetHealth& health) {
    const auto found = by_number_.find(number);
    if (found == by_number_.end() || !found->second->configured) {
        return;
    }
    Dataset* const dataset = found->second;
    dataset->reported = health;
    dataset->must_report = false;
    dataset->size.Resume(health.request_size);
    if (health.failures == 0 && health.health != Health::kSlowed) {
        return;
    }
    dataset->failures = health.failures;
    dataset->health = health;
    dataset->health.next_attempt_at = 0;
    PauseUntil(dataset, health.next_attempt_at);
}

// A pause that merely ended is no news; a later next attempt is, and another size of requests.
std::vector<HealthChange> Dispatcher::TakeHealthChanges(UnixMicros now) {
    std::vector<HealthChange> changes;
    for (auto& dataset : datasets_) {
        const DatasetHealth current = CurrentHealth(*dataset, now);
        DatasetHealth& reported = dataset->reported;
        const bool announce =
            current.health != reported.health || current.reason != reported.reason;
        const bool more = current.next_attempt_at > reported.next_attempt_at ||
                          current.detail != reported.detail ||
                          current.request_size != reported.request_size;
        if (dataset->configured && (announce || more || dataset->must_report)) {
            dataset->must_report = false;
            changes.push_back(
                HealthChange{dataset->config.server, dataset->config.name, current, announce});
            reported = current;
        }
    }
    return changes;
}

IdBits Dispatcher::OwedBits() const {
    IdBits owed;
    for (const auto& dataset : datasets_) {
        dataset->queue.AddOwedTo(&owed);
    }
    return owed;
}

int64_t Dispatcher::OldestRequestInFlight() const {
    int64_t oldest = 0;
    for (const auto& [ticket, flight] : flights_) {
        if (oldest == 0 || flight.request < oldest) {
            oldest = flight.request;
        }
    }
    return oldest;
}

std::vector<OwedOfDataset> Dispatcher::OwedByDataset() const {
    std::vector<OwedOfDataset> all;
    for (const auto& [number, dataset] : by_number_) {
        const std::vector<int>& numbers = dataset->config.numbers;
        if (!numbers.empty() && numbers.front() != number) {
            continue;
        }
        const DatasetQueue& queue = dataset->queue;
        OwedOfDataset figures{number, queue.CountOwed(), queue.in_flight_count(), 0};
        if (!doubts_.events().empty()) {
            IdBits owed;
            queue.AddOwedTo(&owed);
            figures.in_doubt = owed.CountIn(doubts_.events());
        }
        all.push_back(figures);
    }
    return all;
}

IdSet Dispatcher::FirstOwed(int dataset, int64_t count) const {
    IdBits owed;
    const auto found = by_number_.find(dataset);
    if (found != by_number_.end()) {
        found->second->queue.AddOwedTo(&owed);
    }
    return owed.First(count);
}

bool Dispatcher::IsParting(UnixMicros now) const {
    return std::any_of(datasets_.begin(), datasets_.end(), [&](const auto& dataset) {
        return dataset->queue.HasParts() && (dataset->in_flight > 0 || MaySend(*dataset, now));
    });
}

bool Dispatcher::HasHeld() const {
    return std::any_of(datasets_.begin(), datasets_.end(), [](const auto& dataset) {
        return dataset->config.hold != Reason::kNone || dataset->health.health == Health::kHeld;
    });
}

}  // namespace crm_capi
