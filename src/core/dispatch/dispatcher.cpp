// dispatcher.cpp - decides what is sent, when, and what an answer means for its events.
#include "core/dispatch/dispatcher.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace crm_capi {

namespace {

// Whether the two would be written into an event alike.
bool SameConstants(const DatasetConstants& a, const DatasetConstants& b) {
    const auto all = [](const DatasetConstants& c) {
        return std::tie(c.dataset_id, c.lead_event_source, c.test_event_code, c.partner_agent,
                        c.data_processing_options, c.data_processing_options_country,
                        c.data_processing_options_state);
    };
    return all(a) == all(b);
}

// Whether nothing has changed that an answer could depend on. The name and the numbers are none
// of this: Meta never sees them.
bool SameSettings(const DatasetConfig& a, const DatasetConfig& b) {
    const auto all = [](const DatasetConfig& c) {
        return std::tie(c.hold, c.hold_detail, c.mode, c.resumes, c.endpoint, c.api_version,
                        c.ca_file, c.access_token, c.app_secret, c.token_place, c.batch_size,
                        c.max_in_flight, c.timeout_ms);
    };
    return all(a) == all(b) && SameConstants(a.constants, b.constants);
}

}  // namespace

void Dispatcher::Configure(std::vector<DatasetConfig> configs) {
    unknown_dataset_seen_ = false;
    for (auto& dataset : datasets_) {
        const uint32_t server = dataset->config.server;
        dataset->configured =
            server != 0 && std::any_of(configs.begin(), configs.end(),
                                       [=](const auto& config) { return config.server == server; });
    }
    for (DatasetConfig& config : configs) {
        Dataset* const dataset = FindOrAdd(config);
        if (!SameSettings(dataset->config, config)) {
            ++dataset->era;
            dataset->failures = 0;
            dataset->size = RequestSize();
            PauseUntil(dataset, 0);
            dataset->health = DatasetHealth();
        }
        // A number that is new shows no health yet.
        dataset->must_report = dataset->must_report || dataset->config.numbers != config.numbers;
        dataset->config = std::move(config);
        dataset->configured = true;
        for (const int number : dataset->config.numbers) {
            TakeOver(number, dataset);
        }
    }
}

// A dataset is known by its server, or, after DROP and CREATE SERVER, by one of its numbers. One
// whose own server is still there is never mistaken for another.
Dispatcher::Dataset* Dispatcher::FindOrAdd(const DatasetConfig& config) {
    for (auto& dataset : datasets_) {
        if (config.server != 0 && dataset->config.server == config.server) {
            return dataset.get();
        }
    }
    for (const int number : config.numbers) {
        const auto known = by_number_.find(number);
        if (known != by_number_.end() && !known->second->configured) {
            return known->second;
        }
    }
    datasets_.push_back(std::make_unique<Dataset>());
    return datasets_.back().get();
}

// Several numbers can turn out to be one dataset: what the others owe moves over, into the order of
// ids, because a lead may have events under several of them. What they have in flight ends where it
// began, so they are asked again later. A number that leaves a dataset which goes on leaves behind
// what it owes.
void Dispatcher::TakeOver(int number, Dataset* dataset) {
    Dataset*& known = by_number_[number];
    if (known != nullptr && known != dataset && !known->configured) {
        if (known->in_flight > 0) {
            unknown_dataset_seen_ = true;
            return;
        }
        dataset->queue.OweInOrder(known->queue.Owed());
        known->queue = DatasetQueue();
    }
    known = dataset;
}

void Dispatcher::Owe(int number, int64_t event) {
    Dataset*& dataset = by_number_[number];
    if (dataset == nullptr) {
        datasets_.push_back(std::make_unique<Dataset>());
        dataset = datasets_.back().get();
        unknown_dataset_seen_ = true;
    }
    dataset->queue.Owe(event);
}

void Dispatcher::Drop(const IdSet& events) {
    dropped_ = events;
    doubts_.Forget(events);
    ForgetPermissions(events);
    for (auto& dataset : datasets_) {
        dataset->queue.Drop(events);
    }
}

// Whether settings let anything go, pauses aside.
bool Dispatcher::IsOpen(const Dataset& dataset) const {
    return dataset.configured && dataset.config.hold == Reason::kNone &&
           dataset.config.mode != Mode::kPaused;
}

// Whether a request may go now, as far as settings and pauses decide.
bool Dispatcher::MaySend(const Dataset& dataset, UnixMicros now) const {
    return IsOpen(dataset) && now >= dataset.not_before;
}

// While a dataset fails, one request at a time finds out whether it still does; while it is slowed,
// each answer says how long to leave until the next request.
int Dispatcher::FreeSlots(const Dataset& dataset) const {
    const bool one_by_one = dataset.failures > 0 || dataset.health.health == Health::kSlowed;
    const int allowed = one_by_one ? 1 : dataset.config.max_in_flight;
    return std::max(0, allowed - dataset.in_flight);
}

// As many events as are set, or as few as get through.
size_t Dispatcher::LargestRequest(const Dataset& dataset) {
    return dataset.size.Limit(static_cast<size_t>(dataset.config.batch_size));
}

// A held dataset is probed with a single event: if the operator's remedy was wrong, little is
// sent in vain.
size_t Dispatcher::BatchSize(const Dataset& dataset) {
    const bool probing = dataset.failures > 0 && dataset.health.health == Health::kHeld;
    return probing ? 1 : LargestRequest(dataset);
}

bool Dispatcher::HasFullBatch(UnixMicros now) const {
    return std::any_of(datasets_.begin(), datasets_.end(), [=](const auto& dataset) {
        return MaySend(*dataset, now) && FreeSlots(*dataset) > 0 && HasFullBatch(*dataset);
    });
}

// Whether loading more would not make the next request any fuller.
bool Dispatcher::HasFullBatch(const Dataset& dataset) const {
    return dataset.queue.ready_count() >= LargestRequest(dataset);
}

void Dispatcher::AppendRechecks(UnixMicros now, std::vector<int64_t>* ids) const {
    if (!rechecks_seen_) {
        return;
    }
    for (const auto& dataset : datasets_) {
        if (MaySend(*dataset, now) && FreeSlots(*dataset) > 0) {
            dataset->queue.AppendRechecks(ids);
        }
    }
}

void Dispatcher::EndUnsent(std::vector<EndedEvent> ended) {
    std::vector<IdRange> ids;
    for (EndedEvent& event : ended) {
        ids.push_back(IdRange{event.event, event.event});
        overdue_.push_back(std::move(event));
    }
    if (ids.empty()) {
        return;
    }
    const IdSet dropped(std::move(ids));
    ForgetPermissions(dropped);
    for (auto& dataset : datasets_) {
        dataset->queue.Drop(dropped);
    }
}

void Dispatcher::Prepare(UnixMicros now, int max_requests) {
    HeedClock(now);
    outgoing_.clear();
    departing_.clear();
    for (auto& dataset : datasets_) {
        if (MustSweep(*dataset, now)) {
            Sweep(dataset.get(), now);
        }
    }
    MakeRequests(now, max_requests);
    for (auto& dataset : datasets_) {
        if (!dataset->queue.shelf().empty()) {
            SweepShelf(dataset.get(), now);
        }
    }
}

// Round after round, so that a dataset with a long queue does not take all requests of a turn.
void Dispatcher::MakeRequests(UnixMicros now, int max_requests) {
    bool progress = true;
    while (progress) {
        progress = false;
        for (auto at = datasets_.begin(); at != datasets_.end(); ++at) {
            if (static_cast<int>(outgoing_.size()) == max_requests) {
                // The next turn begins with those that have not had theirs.
                datasets_.splice(datasets_.end(), datasets_, datasets_.begin(), at);
                return;
            }
            progress |= PrepareOne(at->get(), now);
        }
    }
}

// One request, or none and false. Events that are overdue end here; a batch of nothing else is
// progress, too, but no request.
bool Dispatcher::PrepareOne(Dataset* dataset, UnixMicros now) {
    Batch batch;
    if (!MaySend(*dataset, now) || FreeSlots(*dataset) == 0 ||
        !dataset->queue.NextBatch(finishes_only_ ? 0 : BatchSize(*dataset),
                                  LargestRequest(*dataset), &batch, now)) {
        return false;
    }
    DropOverdue(dataset, &batch, now);
    if (batch.events.empty()) {
        dataset->queue.Settle(batch);
        return true;
    }
    dataset->was_full = batch.events.size() >= LargestRequest(*dataset);
    OutgoingRequest request;
    request.dataset = dataset->config.numbers.front();
    request.events = IdsOf(batch.events);
    request.event_count = static_cast<int>(batch.events.size());
    request.dry_run = dataset->config.mode == Mode::kDryRun;
    request.http = BuildRequest(dataset->config, batch.events);
    outgoing_.push_back(std::move(request));
    departing_.push_back(Flight{dataset, 0, dataset->era, now, std::move(batch)});
    if (outgoing_.back().dry_run) {
        dataset->queue.Settle(departing_.back().batch);
    } else {
        ++dataset->in_flight;
    }
    return true;
}

void Dispatcher::Sent(size_t index, uint64_t ticket) {
    departing_[index].request = outgoing_[index].request;
    flights_.emplace(ticket, std::move(departing_[index]));
}

// Pauses are spans of time, held as the moments at which they end. If the clock is put back, they
// end that much sooner; else an hour put back would be an hour of silence.
void Dispatcher::HeedClock(UnixMicros now) {
    const UnixMicros put_back = clock_ - now;
    clock_ = now;
    if (put_back <= 0) {
        return;
    }
    for (auto& dataset : datasets_) {
        dataset->not_before -= std::min(dataset->not_before, put_back);
        dataset->sweep_at -= std::min(dataset->sweep_at, put_back);
        dataset->shelf_sweep_at = 0;
        dataset->queue.EndPauses();
    }
}

// The clock may have been put back since the turn set its pauses; nobody would look again before
// the hour is over.
UnixMicros Dispatcher::NextDue(UnixMicros now) {
    UnixMicros due = 0;
    HeedClock(now);
    const auto wait_for = [&](UnixMicros time) { NoteTime(std::max(time, now), &due); };
    for (const auto& dataset : datasets_) {
        const bool answer_will_come = dataset->in_flight > 0 && dataset->not_before <= now;
        if (!dataset->queue.HasWaiting()) {
            continue;
        }
        const bool is_pause = dataset->not_before > now;
        if (finishes_only_ && !dataset->queue.HasParts()) {
            continue;
        }
        if (IsOpen(*dataset) && !answer_will_come &&
            (is_pause || dataset->queue.HasSendable(now) || WantsLoad(*dataset, now))) {
            wait_for(dataset->not_before);
        }
        if (!dataset->queue.shelf().empty() && MaySend(*dataset, now)) {
            const UnixMicros shelf_due = dataset->queue.NextShelfDue();
            wait_for(shelf_due == 0 ? dataset->shelf_sweep_at
                                    : std::min(shelf_due, dataset->shelf_sweep_at));
        }
        if (MayEndUnsent(*dataset, now) && dataset->sweep_at != 0) {
            wait_for(dataset->sweep_at);
        }
    }
    return due;
}

bool Dispatcher::HasOwed() const {
    return std::any_of(datasets_.begin(), datasets_.end(), [](const auto& dataset) {
        return dataset->in_flight > 0 || dataset->queue.HasWaiting();
    });
}

}  // namespace crm_capi
