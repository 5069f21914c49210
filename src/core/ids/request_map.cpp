// request_map.cpp - which requests each event was in: a sweep over the ends of all ranges.
#include "core/ids/request_map.hpp"

#include <algorithm>

namespace crm_capi {

void RequestMap::AddRequest(const RequestTraits& traits) {
    requests_.push_back(traits);
}

void RequestMap::AddRange(IdRange range) {
    ranges_.push_back({range, static_cast<int32_t>(requests_.size()) - 1});
}

// `open`: the ranges that cover the run, at least one.
RequestMap::Run RequestMap::MakeRun(IdRange range, const std::vector<RangeOfRequest>& open) const {
    Run run{range, open.front().request, 0, 0};
    for (const RangeOfRequest& covering : open) {
        const RequestTraits& traits = requests_[covering.request];
        if (traits.id > requests_[run.latest].id) {
            run.latest = covering.request;
        }
        run.attempts += traits.is_attempt ? 1 : 0;
        run.is_in_doubt |= traits.is_in_doubt ? 1U : 0U;
    }
    return run;
}

// From one end of a range to the next end of any range the same requests are open. An event is
// repeated a few times at the most, so few are.
void RequestMap::Finish() {
    std::vector<RangeOfRequest> open;
    const auto by_start = [](const RangeOfRequest& a, const RangeOfRequest& b) {
        return a.range.first < b.range.first;
    };
    if (!std::is_sorted(ranges_.begin(), ranges_.end(), by_start)) {
        std::sort(ranges_.begin(), ranges_.end(), by_start);
    }
    runs_.reserve(ranges_.size());
    int64_t at = 0;
    for (size_t next = 0; next < ranges_.size() || !open.empty();) {
        if (open.empty()) {
            at = ranges_[next].range.first;
        }
        for (; next < ranges_.size() && ranges_[next].range.first == at; ++next) {
            open.push_back(ranges_[next]);
        }
        int64_t last = open.front().range.last;
        for (const RangeOfRequest& covering : open) {
            last = std::min(last, covering.range.last);
        }
        if (next < ranges_.size()) {
            last = std::min(last, ranges_[next].range.first - 1);
        }
        runs_.push_back(MakeRun({at, last}, open));
        at = last + 1;
        open.erase(std::remove_if(
                       open.begin(), open.end(),
                       [at](const RangeOfRequest& covering) { return covering.range.last < at; }),
                   open.end());
    }
    ranges_ = {};
}

// The run that the event is in, or nullptr. Mostly it is the last one found or one beside it;
// behind that run and before the next one there are events that were in no request.
const RequestMap::Run* RequestMap::FindRun(int64_t event) const {
    const auto begins_before_next = [this, event](size_t place) {
        return place < runs_.size() && runs_[place].range.first <= event &&
               (place + 1 == runs_.size() || event < runs_[place + 1].range.first);
    };
    size_t place = last_found_;
    if (!begins_before_next(place) && !begins_before_next(++place) &&
        !begins_before_next(place = last_found_ == 0 ? 0 : last_found_ - 1)) {
        const auto behind =
            std::upper_bound(runs_.begin(), runs_.end(), event,
                             [](int64_t id, const Run& run) { return id < run.range.first; });
        if (behind == runs_.begin()) {
            return nullptr;
        }
        place = static_cast<size_t>(behind - runs_.begin()) - 1;
    }
    last_found_ = place;
    return event <= runs_[place].range.last ? &runs_[place] : nullptr;
}

EventRequests RequestMap::Find(int64_t event) const {
    const Run* const run = FindRun(event);
    if (run == nullptr) {
        EventRequests none;
        none.alike = {event, event};
        return none;
    }
    const RequestTraits& latest = requests_[run->latest];
    return {latest.id, latest.state, run->attempts, run->is_in_doubt != 0, run->latest, run->range};
}

}  // namespace crm_capi
