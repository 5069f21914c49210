// dispatcher_loading.cpp - which owed events are fetched from the log next.
//
// Datasets that want more take turns by the ids of their next events, so that the log is read in
// its order wherever their events lie in it: a descent of its index for each costs more than all
// that is done with the event. In a round each may load one batch, so that a long queue does not
// take all that a turn can load.
#include <algorithm>
#include <utility>

#include "core/dispatch/dispatcher.hpp"

namespace crm_capi {

namespace {

// How much is loaded beyond what can be sent at once: events of busy leads stay behind, and the
// batch should be full all the same.
constexpr size_t kLoadAhead = 2;

// While requests fly, what so many of the next ones will carry is loaded: an answer finds it ready.
constexpr int kSlotsAhead = 2;

// While others have something to send, a round begins when one in so many of those that have a long
// backlog has sent what it had loaded. What lies between the events of a round is passed over, so
// the more take part, the better. Not all of them: whoever waits for answers wants nothing.
constexpr size_t kLoadTogether = 2;

}  // namespace

// How many events should be there for the next requests of so many each.
size_t Dispatcher::CountWanted(const Dataset& dataset, size_t batch_size) const {
    const int slots = std::max(FreeSlots(dataset), std::min(dataset.in_flight, kSlotsAhead));
    return static_cast<size_t>(slots) * batch_size * kLoadAhead;
}

// How many more events to load now: what the next requests can carry, or, for a dataset that may
// not send, what has to be looked at for its deadlines. Those that load share the memory.
size_t Dispatcher::CountToLoad(const Dataset& dataset, UnixMicros now) const {
    const size_t batch_size = LargestRequest(dataset);
    const size_t ready = dataset.queue.ready_count();
    if (finishes_only_) {
        return 0;
    }
    if (MaySend(dataset, now)) {
        const size_t share = dataset.queue.CountThatFits() / std::max(loaders_, size_t{1});
        const size_t wanted =
            std::min(CountWanted(dataset, batch_size), std::max(batch_size, share));
        return wanted > ready ? wanted - ready : 0;
    }
    const bool holds_none = ready + dataset.queue.shelf().size() == 0;
    return MustSweep(dataset, now) && (holds_none || dataset.queue.returning_count() > 0)
               ? batch_size
               : 0;
}

// The dataset may load so much more in this round.
void Dispatcher::Enlist(Dataset* dataset, int64_t most) {
    if (most > 0 && dataset->queue.CanLoad()) {
        round_.push(LoadTurn{dataset->queue.NextToLoad(), most, dataset});
    }
}

// One dataset's events alone lie far apart: of those with a long backlog many should load together.
// Whoever has little to load does not wait for others; the end of a long backlog does.
bool Dispatcher::IsRoundWorthwhile(UnixMicros now) const {
    size_t wanting = 0;
    for (const auto& dataset : datasets_) {
        const bool wants = !HasFullBatch(*dataset) && WantsLoad(*dataset, now);
        if (wants && !dataset->was_full &&
            dataset->queue.backlog_count() < LargestRequest(*dataset)) {
            return true;
        }
        wanting += wants ? 1 : 0;
    }
    return wanting >= loaders_ / kLoadTogether;
}

// All that have something to load take part, whether they want it now or before the round is over.
void Dispatcher::BeginRound(UnixMicros now) {
    loaders_ = 0;
    for (const auto& dataset : datasets_) {
        loaders_ += dataset->queue.CanLoad() && MaySend(*dataset, now) ? 1 : 0;
        Enlist(dataset.get(), static_cast<int64_t>(LargestRequest(*dataset)));
    }
}

// What NextLoad promises, of those whose turn comes in this round.
bool Dispatcher::LoadInRound(UnixMicros now, Whose whose, int64_t max_count, IdRange* range) {
    while (!round_.empty()) {
        const LoadTurn turn = round_.top();
        round_.pop();
        if (whose == Whose::kWithoutFullBatch && HasFullBatch(*turn.dataset)) {
            continue;
        }
        const auto wanted = static_cast<int64_t>(CountToLoad(*turn.dataset, now));
        if (turn.dataset->queue.TakeIds(std::min({wanted, max_count, turn.most}), range)) {
            Enlist(turn.dataset, turn.most - range->Count());
            loading_ = turn.dataset;
            return true;
        }
    }
    return false;
}

bool Dispatcher::NextLoad(UnixMicros now, Whose whose, int64_t max_count, IdRange* range) {
    HeedClock(now);
    if (LoadInRound(now, whose, max_count, range)) {
        return true;
    }
    if (whose == Whose::kWithoutFullBatch && !IsRoundWorthwhile(now)) {
        return false;
    }
    BeginRound(now);
    return LoadInRound(now, whose, max_count, range);
}

// An unknown number seen before may turn out to be this dataset's: its events go first then.
bool Dispatcher::LoadsAtOnce(int number, UnixMicros now) {
    const auto found = by_number_.find(number);
    HeedClock(now);
    if (unknown_dataset_seen_ || found == by_number_.end() || found->second->queue.HasBacklog() ||
        CountToLoad(*found->second, now) == 0) {
        return false;
    }
    loading_ = found->second;
    return true;
}

bool Dispatcher::WantsLoad(UnixMicros now) const {
    return std::any_of(datasets_.begin(), datasets_.end(),
                       [=](const auto& dataset) { return WantsLoad(*dataset, now); });
}

// Whether something is there that it can use now.
bool Dispatcher::WantsLoad(const Dataset& dataset, UnixMicros now) const {
    return dataset.queue.CanLoad() && CountToLoad(dataset, now) > 0;
}

void Dispatcher::Load(Event event) {
    event.in_doubt_since = doubts_.Since(event.id);
    rechecks_seen_ = rechecks_seen_ || event.needs_recheck;
    if (event.texts.has_condition()) {
        TakePermission(&event);
    }
    loading_->queue.Load(std::move(event), LargestRequest(*loading_));
}

}  // namespace crm_capi
