// shelf.cpp - events of a dataset that wait until the condition of their watch has been checked.
#include "core/dispatch/shelf.hpp"

#include <algorithm>
#include <limits>

namespace crm_capi {

bool Shelf::Blocks(const Event& event) const {
    const auto lead = leads_.find(event.lead_id);
    return lead != leads_.end() && *lead->second.begin() < event.id;
}

bool Shelf::HasLater(const Event& event) const {
    const auto lead = leads_.find(event.lead_id);
    return lead != leads_.end() && *lead->second.rbegin() > event.id;
}

void Shelf::Put(const Event& event, bool stays_in_part) {
    Entry entry{event.lead_id,
                event.event_time,
                event.in_doubt_since,
                watches_.end(),
                State::kBlocked,
                stays_in_part,
                0,
                0};
    const auto known = events_.find(event.id);
    if (known != events_.end()) {
        entry.pause = known->second.pause;
        entry.until = known->second.until;
        Remove(known);
    }
    if (event.texts.has_condition()) {
        entry.watch = watches_.try_emplace(std::string(event.texts.condition_of())).first;
        ++entry.watch->second.count;
    }
    in_parts_ += stays_in_part ? 1 : 0;
    postponed_ += entry.pause != 0 ? 1 : 0;
    if (event.lead_id != 0) {
        std::set<int64_t>& of_lead = leads_[event.lead_id];
        if (!of_lead.empty() && event.id < *of_lead.begin()) {
            Sink(*of_lead.begin(), &events_.at(*of_lead.begin()));
        }
        of_lead.insert(event.id);
    }
    Entry& here = events_.emplace(event.id, entry).first->second;
    if (IsFirst(here, event.id)) {
        Rise(event.id, &here);
    }
}

// Of its lead; each event without lead is.
bool Shelf::IsFirst(const Entry& entry, int64_t id) const {
    return entry.lead == 0 || *leads_.at(entry.lead).begin() == id;
}

// The event is the first of its lead now: it waits for its condition.
void Shelf::Rise(int64_t id, Entry* entry) {
    if (entry->watch == watches_.end() || entry->state != State::kBlocked) {
        return;
    }
    if (entry->until != 0) {
        entry->state = State::kPostponed;
        entry->watch->second.postponed.emplace(entry->until, id);
    } else {
        entry->state = State::kDue;
        entry->watch->second.due.insert(id);
    }
}

// It has come to stand behind another event of its lead, or leaves.
void Shelf::Sink(int64_t id, Entry* entry) {
    switch (entry->state) {
        case State::kDue:
            entry->watch->second.due.erase(id);
            break;
        case State::kPostponed:
            entry->watch->second.postponed.erase({entry->until, id});
            break;
        case State::kAsked:
            --entry->watch->second.asked;
            --asked_;
            break;
        case State::kBlocked:
            break;
    }
    entry->state = State::kBlocked;
}

// What was postponed until now is due.
void Shelf::Wake(Watch* watch, UnixMicros now) {
    while (!watch->postponed.empty() && watch->postponed.begin()->first <= now) {
        const int64_t id = watch->postponed.begin()->second;
        watch->postponed.erase(watch->postponed.begin());
        Entry& entry = events_.at(id);
        entry.until = 0;
        entry.state = State::kDue;
        watch->due.insert(id);
    }
}

// Takes one event off and forgets what nobody waits for any more; its followers stay.
void Shelf::Remove(Entries::iterator event) {
    Entry& entry = event->second;
    Sink(event->first, &entry);
    const auto lead = leads_.find(entry.lead);
    if (lead != leads_.end()) {
        lead->second.erase(event->first);
        if (lead->second.empty()) {
            leads_.erase(lead);
        }
    }
    if (entry.watch != watches_.end() && --entry.watch->second.count == 0) {
        watches_.erase(entry.watch);
    }
    in_parts_ -= entry.stays_in_part ? 1 : 0;
    postponed_ -= entry.pause != 0 ? 1 : 0;
    events_.erase(event);
}

// An event of the lead has gone: those go, too, that have no condition of their own, up to the next
// one that has.
void Shelf::ReleaseFollowers(int64_t lead, std::vector<int64_t>* released) {
    for (auto of_lead = leads_.find(lead); of_lead != leads_.end(); of_lead = leads_.find(lead)) {
        const auto next = events_.find(*of_lead->second.begin());
        if (next->second.watch != watches_.end()) {
            Rise(next->first, &next->second);
            return;
        }
        released->push_back(next->first);
        Remove(next);
    }
}

bool Shelf::Release(int64_t id, std::vector<int64_t>* released) {
    const auto event = events_.find(id);
    if (event == events_.end()) {
        return false;
    }
    const int64_t lead = event->second.lead;
    if (!event->second.stays_in_part) {
        released->push_back(id);
    }
    Remove(event);
    ReleaseFollowers(lead, released);
    return true;
}

void Shelf::Drop(const IdSet& ids, std::vector<int64_t>* released) {
    std::set<int64_t> leads;
    for (const IdRange& range : ids.ranges()) {
        auto event = events_.lower_bound(range.first);
        while (event != events_.end() && event->first <= range.last) {
            const auto here = event++;
            leads.insert(here->second.lead);
            Remove(here);
        }
    }
    for (const int64_t lead : leads) {
        ReleaseFollowers(lead, released);
    }
    std::sort(released->begin(), released->end());
}

void Shelf::AppendWatches(UnixMicros now, std::vector<std::string>* watches) {
    for (auto& [name, watch] : watches_) {
        Wake(&watch, now);
        if (!watch.due.empty() &&
            std::find(watches->begin(), watches->end(), name) == watches->end()) {
            watches->push_back(name);
        }
    }
}

void Shelf::AskAgain(int64_t id) {
    const auto event = events_.find(id);
    if (event != events_.end() && event->second.state == State::kAsked) {
        Sink(id, &event->second);
        Rise(id, &event->second);
    }
}

UnixMicros Shelf::Postpone(int64_t id, UnixMicros now) {
    const auto event = events_.find(id);
    if (event == events_.end()) {
        return 0;
    }
    Entry& entry = event->second;
    const bool rises = entry.state != State::kBlocked;
    Sink(id, &entry);
    postponed_ += entry.pause == 0 ? 1 : 0;
    entry.pause =
        entry.pause == 0 ? kFirstConditionPause : std::min(kLongestConditionPause, entry.pause * 2);
    entry.until = now + entry.pause;
    if (rises) {
        Rise(id, &entry);
    }
    return entry.until;
}

void Shelf::EndPauses() {
    for (auto& [name, watch] : watches_) {
        Wake(&watch, std::numeric_limits<UnixMicros>::max());
    }
}

UnixMicros Shelf::NextDue() const {
    UnixMicros next = 0;
    for (const auto& [name, watch] : watches_) {
        if (!watch.postponed.empty()) {
            NoteTime(watch.postponed.begin()->first, &next);
        }
    }
    return next;
}

// What is known here of an event that was loaded once.
Event Shelf::OutlineOf(int64_t id, const Entry& entry) {
    Event event;
    event.id = id;
    event.lead_id = entry.lead;
    event.event_time = entry.event_time;
    event.in_doubt_since = entry.in_doubt_since;
    return event;
}

void Shelf::AddTo(IdBits* ids) const {
    for (const auto& [id, entry] : events_) {
        ids->Add(IdRange{id, id});
    }
}

// Whether an event of the watch is being checked.
bool Shelf::IsAsked(const std::string& watch) const {
    const auto known = watches_.find(watch);
    return known != watches_.end() && known->second.asked > 0;
}

}  // namespace crm_capi
