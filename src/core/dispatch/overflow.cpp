// overflow.cpp - events of a dataset for which the shelf has no room.
#include "core/dispatch/overflow.hpp"

#include <algorithm>

namespace crm_capi {

bool Overflow::Blocks(const Event& event) const {
    const auto lead = leads_.find(event.lead_id);
    return lead != leads_.end() && lead->second.last < event.id;
}

bool Overflow::IsBetween(const Event& event) const {
    const auto lead = leads_.find(event.lead_id);
    return lead != leads_.end() && lead->second.behind < event.id && event.id < lead->second.last;
}

void Overflow::Put(const Event& event) {
    ids_.Push(event.id);
    if (event.lead_id != 0) {
        Lead& lead = leads_.try_emplace(event.lead_id, Lead{event.id - 1, 0, 0}).first->second;
        lead.last = event.id;
        ++lead.count;
    }
}

bool Overflow::TakeRun(int64_t max_count, IdRange* range) {
    if (!ids_.TakeRun(max_count, range)) {
        return false;
    }
    run_ = *range;
    run_left_ = range->Count();
    return true;
}

void Overflow::Loaded(const Event& event) {
    if (run_left_ == 0 || event.id < run_.first || event.id > run_.last) {
        return;
    }
    --run_left_;
    const auto lead = leads_.find(event.lead_id);
    if (lead == leads_.end()) {
        return;
    }
    lead->second.behind = event.id;
    if (--lead->second.count == 0) {
        leads_.erase(lead);
    }
}

bool Overflow::Misses(const IdSet& ids) const {
    const auto in_run = [this](const IdRange& range) {
        return range.first <= run_.last && range.last >= run_.first;
    };
    if (run_left_ > 0 && std::any_of(ids.ranges().begin(), ids.ranges().end(), in_run)) {
        return true;
    }
    IdBits waiting;
    AddTo(&waiting);
    return waiting.CountIn(ids) > 0;
}

IdSet Overflow::TakeAll() {
    IdBits all;
    AddTo(&all);
    *this = Overflow();
    return all.ToSet();
}

}  // namespace crm_capi
