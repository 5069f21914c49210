// shelf.hpp - events of a dataset that wait until the condition of their watch has been checked.
//
// A condition is somebody else's code and may take its time, or for ever. Whatever it does, only
// its own events wait for it, and what follows them on their leads, which must not overtake. So
// they leave the lanes: only what is needed to choose among them stays here, and they are loaded
// again when they may go.
//
//   blocked     an earlier event of the lead waits here
//   due         its condition can be asked for; of each lead the first event only
//   asked       somebody is checking it
//   postponed   nobody could tell; it is due again after a pause
//
// An event may also stay where it is, in a part of a refused batch, while it waits here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/event/event.hpp"
#include "core/ids/id_bits.hpp"
#include "core/ids/id_set.hpp"

namespace crm_capi {

// That a condition holds counts for so long: until the next requests are made, and no longer.
constexpr UnixMicros kConditionLasts = 5 * kMicrosPerSecond;

// An event of which nobody could tell is due again after pauses that double.
constexpr UnixMicros kFirstConditionPause = kMicrosPerSecond;
constexpr UnixMicros kLongestConditionPause = 300 * kMicrosPerSecond;

// So many events wait on a shelf, the others behind it (overflow.hpp): about as many bytes each as
// an event without user data.
constexpr size_t kMostOnShelf = 100000;

// Whether it has a condition that was not found to hold for the attempt that is to come.
inline bool IsUnchecked(const Event& event) {
    return event.texts.has_condition() && event.condition_held_at == 0;
}

// Whether the event must not go before its condition has been checked, for the first time or anew.
// What was found may be a little younger than the `now` of a turn; much younger it is only if the
// clock was put back.
inline bool AwaitsCondition(const Event& event, UnixMicros now) {
    return event.texts.has_condition() &&
           (IsUnchecked(event) || event.condition_held_at - now > kConditionLasts ||
            now - event.condition_held_at > kConditionLasts);
}

struct ConditionToCheck {
    int64_t event;
    int dataset = 0;  // number in the log
};

class Shelf {
public:
    // Whether an earlier event of the same lead waits here.
    bool Blocks(const Event& event) const;
    // Whether a later one does.
    bool HasLater(const Event& event) const;

    // The event waits from here on: for its condition if it has one, else for those before it on
    // its lead. `stays_in_part`: it is in a part of a refused batch, and stays there. One that is
    // here already keeps its pause.
    void Put(const Event& event, bool stays_in_part = false);

    // The condition of the event holds: takes it off, and those that waited for nothing but it, and
    // appends the ids of all that are to be loaded again, in order. False if it is not here.
    bool Release(int64_t id, std::vector<int64_t>* released);

    // Takes events off that are done with; what they held up is appended.
    void Drop(const IdSet& ids, std::vector<int64_t>* released);

    // Appends the watches that have an event due, each once.
    void AppendWatches(UnixMicros now, std::vector<std::string>* watches);

    // Appends at most so many due events of the watch, which are asked from here on; is_busy tells
    // of a lead whether an earlier event is under way.
    template <class IsBusy>
    void TakeDue(const std::string& watch, size_t most, UnixMicros now, const IsBusy& is_busy,
                 std::vector<ConditionToCheck>* taken);

    // Whoever was asked has not answered: it is due again.
    void AskAgain(int64_t id);

    // Nobody can tell now: the event is due again later. When, or 0 if it is not here.
    UnixMicros Postpone(int64_t id, UnixMicros now);

    // The clock was put back: all pauses are over.
    void EndPauses();

    // When the first event that is postponed is due again; 0 = none is.
    UnixMicros NextDue() const;

    // Visits those that wait here and nowhere else: events with id, lead_id, event_time and
    // in_doubt_since. They are not gathered: a full shelf would be a list of ten megabytes.
    template <class Visit>
    void ForEachWaiting(const Visit& visit) const {
        for (const auto& [id, entry] : events_) {
            if (!entry.stays_in_part) {
                visit(OutlineOf(id, entry));
            }
        }
    }
    void AddTo(IdBits* ids) const;

    bool Contains(int64_t id) const { return events_.count(id) != 0; }
    UnixMicros EventTimeOf(int64_t id) const { return events_.at(id).event_time; }
    bool empty() const { return events_.empty(); }
    // Those that wait here and nowhere else.
    size_t size() const { return events_.size() - in_parts_; }
    size_t asked_count() const { return asked_; }
    bool IsAsked(const std::string& watch) const;
    // Those of which nobody could tell so far.
    size_t postponed_count() const { return postponed_; }

private:
    enum class State { kBlocked, kDue, kAsked, kPostponed };

    // Few, however many events there are.
    struct Watch {
        std::set<int64_t> due;
        std::set<std::pair<UnixMicros, int64_t>> postponed;  // until when
        size_t asked = 0;
        size_t count = 0;
    };
    using Watches = std::map<std::string, Watch>;

    struct Entry {
        int64_t lead;
        UnixMicros event_time;
        UnixMicros in_doubt_since;
        Watches::iterator watch;  // end() = it waits for those before it only
        State state;
        bool stays_in_part;
        UnixMicros pause;
        UnixMicros until;  // of the pause; 0 = it has had none
    };
    using Entries = std::map<int64_t, Entry>;

    static Event OutlineOf(int64_t id, const Entry& entry);
    bool IsFirst(const Entry& entry, int64_t id) const;
    void Rise(int64_t id, Entry* entry);
    void Sink(int64_t id, Entry* entry);
    void Wake(Watch* watch, UnixMicros now);
    void Remove(Entries::iterator event);
    void ReleaseFollowers(int64_t lead, std::vector<int64_t>* released);

    Entries events_;
    std::unordered_map<int64_t, std::set<int64_t>> leads_;  // those that have an event here
    Watches watches_;
    size_t in_parts_ = 0;
    size_t asked_ = 0;
    size_t postponed_ = 0;  // and not checked since
};

// Skips leads that are busy: no more of those than are under way.
template <class IsBusy>
void Shelf::TakeDue(const std::string& name, size_t most, UnixMicros now, const IsBusy& is_busy,
                    std::vector<ConditionToCheck>* taken) {
    const auto watch = watches_.find(name);
    if (watch == watches_.end()) {
        return;
    }
    Wake(&watch->second, now);
    std::set<int64_t>& due = watch->second.due;
    for (auto id = due.begin(); id != due.end() && most > 0;) {
        Entry& entry = events_.at(*id);
        if (!entry.stays_in_part && is_busy(entry.lead)) {
            ++id;
            continue;
        }
        taken->push_back(ConditionToCheck{*id});
        entry.state = State::kAsked;
        ++watch->second.asked;
        ++asked_;
        --most;
        id = due.erase(id);
    }
}

}  // namespace crm_capi
