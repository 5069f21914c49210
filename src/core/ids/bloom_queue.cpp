// bloom_queue.cpp - filters over leads that are made while the log is read.
#include "core/ids/bloom_queue.hpp"

#include <algorithm>
#include <iterator>

namespace crm_capi {

namespace {

// With more events than that beyond its measure a filter would let too many leads pass in vain.
constexpr int kMostLateEvents = kEventsPerBloom / 4;

// 0 stands for an event without a lead.
void Add(BloomQueue::Run* run, int64_t lead_id) {
    ++run->events;
    if (lead_id != 0) {
        run->bloom.Add(lead_id);
    }
}

bool IsFull(const BloomQueue::Run& run) {
    return run.events >= kEventsPerBloom;
}

}  // namespace

void BloomQueue::Saw(int64_t id, int64_t lead_id) {
    if (id <= seen_up_to_) {
        SawLate(id, lead_id);
        return;
    }
    const bool joins = !has_loss_ && !runs_.empty() && !IsFull(runs_.back()) &&
                       id - seen_up_to_ <= kMostLateEvents;
    if (joins || BeginRun(id)) {
        runs_.back().range.last = id;
        Add(&runs_.back(), lead_id);
    }
    seen_up_to_ = id;
}

// The run begins right behind the one before: an id between them may still come. Not where so many
// may come that they need runs of their own, nor where something is missing. False if there is no
// room.
bool BloomQueue::BeginRun(int64_t id) {
    if (runs_.size() == kMostRuns) {
        has_loss_ = true;
        return false;
    }
    const bool stands_apart = has_loss_ || id - seen_up_to_ > kMostLateEvents;
    const IdRange range{stands_apart ? id : seen_up_to_ + 1, id};
    runs_.push_back(Run{range, 0, LeadBloom(), has_loss_});
    has_loss_ = false;
    return true;
}

// Its transaction ended after others had got greater ids.
void BloomQueue::SawLate(int64_t id, int64_t lead_id) {
    auto run = std::partition_point(runs_.begin(), runs_.end(),
                                    [id](const Run& r) { return r.range.last < id; });
    if (run != runs_.end() && id < run->range.first) {
        run = RunBetween(run, id);
    }
    if (run == runs_.end()) {
        return;
    }
    Add(&*run, lead_id);
    if (run->events > kEventsPerBloom + kMostLateEvents) {
        runs_.clear();
        has_loss_ = true;
    }
}

// The run of an id that lies in none, before `next`: the one before, or a new one behind that. The
// end if there is none, because there is no room or was none for others of these ids.
BloomQueue::Runs::iterator BloomQueue::RunBetween(Runs::iterator next, int64_t id) {
    const bool is_first = next == runs_.begin();
    if (next->follows_loss) {
        return runs_.end();
    }
    if (!is_first && !IsFull(*std::prev(next))) {
        std::prev(next)->range.last = id;
        return std::prev(next);
    }
    if (runs_.size() == kMostRuns) {
        next->follows_loss = true;
        return runs_.end();
    }
    const int64_t first = is_first ? std::min(wanted_from_, id) : std::prev(next)->range.last + 1;
    return runs_.insert(next, Run{IdRange{first, id}, 0, LeadBloom(), false});
}

const BloomQueue::Run* BloomQueue::From(int64_t from) {
    wanted_from_ = from;
    while (!runs_.empty() && runs_.front().range.last < from) {
        runs_.pop_front();
    }
    const bool covers =
        !runs_.empty() && runs_.front().range.first <= from && IsFull(runs_.front());
    return covers ? &runs_.front() : nullptr;
}

bool BloomQueue::Awaits(int64_t from) const {
    if (runs_.empty() || runs_.front().range.first > from) {
        return false;
    }
    return IsFull(runs_.front()) ? runs_.front().range.last >= from : runs_.size() == 1;
}

}  // namespace crm_capi
