// bloom_queue.cpp - filters over leads that are made while the log is read.
#include "core/ids/bloom_queue.hpp"

#include <algorithm>

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
    const bool joins = !has_gap_ && !runs_.empty() && !IsFull(runs_.back());
    if (joins || BeginRun(id)) {
        runs_.back().range.last = id;
        Add(&runs_.back(), lead_id);
    }
    seen_up_to_ = id;
}

// Where nothing is missing the run begins right behind the one before: an id between them may still
// come. False if there is no room.
bool BloomQueue::BeginRun(int64_t id) {
    if (runs_.size() == kMostRuns) {
        has_gap_ = true;
        return false;
    }
    runs_.push_back(Run{IdRange{has_gap_ ? id : seen_up_to_ + 1, id}, 0, LeadBloom()});
    has_gap_ = false;
    return true;
}

// Its transaction ended after others had got greater ids. A bulk load does so with very many.
void BloomQueue::SawLate(int64_t id, int64_t lead_id) {
    const auto run = std::partition_point(runs_.begin(), runs_.end(),
                                          [id](const Run& r) { return r.range.last < id; });
    if (run == runs_.end() || run->range.first > id) {
        return;
    }
    Add(&*run, lead_id);
    if (run->events > kEventsPerBloom + kMostLateEvents) {
        runs_.clear();
        has_gap_ = true;
    }
}

const BloomQueue::Run* BloomQueue::From(int64_t from) {
    while (!runs_.empty() && runs_.front().range.last < from) {
        runs_.pop_front();
    }
    const bool covers =
        !runs_.empty() && runs_.front().range.first <= from && IsFull(runs_.front());
    return covers ? &runs_.front() : nullptr;
}

}  // namespace crm_capi
