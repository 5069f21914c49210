// bisection.hpp - finds the events at fault in a batch that was refused as a whole (reference 1.5).
//
// The batch goes again in two parts, one at a time and in order, since its leads' events must not
// overtake each other. A part that is refused is parted in turn, down to single events. If the
// first part is accepted, the second is known to hold a fault without being sent, and is parted
// unsent: so n events with k bad ones take at most k*(2*log2(n/k)+2)+1 requests, the first one
// included.
//
// The first part has three tenths of the events. Refused requests are what costs: Meta grants its
// access tier to those of whose last 500 calls less than 15 % failed. A small part that is accepted
// is cheap, and what lies behind a fault goes on as one suspect. Halves would need as many
// requests, and nearly twice as many refused ones: at most k*(0.6*log2(n/k)+2.3)+1 are refused.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "core/dispatch/shelf.hpp"
#include "core/event/event.hpp"
#include "core/ids/id_bits.hpp"
#include "core/ids/id_set.hpp"

namespace crm_capi {

class Bisection {
public:
    // The batch has at least two events.
    explicit Bisection(std::vector<Event> refused);

    // The part that is to be sent now, of at most so many events, which is then under way; false
    // while another one is, or if nothing is left.
    bool Next(size_t max_events, std::vector<Event>* part);

    // What became of the part under way: accepted, done with in another way, to be sent again, or
    // refused. A refused part has at least two events; a single one is done with.
    void Accepted();
    void Ended();
    void Returned(std::vector<Event> part);
    void Refused(std::vector<Event> part);

    // Takes these events out of the parts that wait, and returns them.
    std::vector<Event> Drop(const IdSet& ids);

    bool HasWaiting() const { return !waiting_.empty(); }
    size_t waiting_count() const;
    bool IsOver() const { return waiting_.empty() && !under_way_; }
    void AddWaitingTo(IdBits* ids) const;
    // Appends the ids of those that wait and need a recheck.
    void AppendRechecks(std::vector<int64_t>* ids) const;
    // Appends those whose condition has to be checked before the next part goes; none while a part
    // is under way.
    void AppendAwaiting(UnixMicros now, std::vector<const Event*>* awaiting) const;
    bool AwaitsConditions(UnixMicros now) const;
    // The condition of the event holds; false if the event does not wait here.
    bool Permit(int64_t id, UnixMicros now);

private:
    struct Part {
        std::vector<Event> events;
        bool is_first = false;     // of two parts; the one behind it is the other
        bool is_at_fault = false;  // it was refused, or is so by elimination
    };

    void CutFront(size_t events);
    void PartFront(size_t max_events);

    std::deque<Part> waiting_;
    bool under_way_ = false;
    bool first_under_way_ = false;
};

}  // namespace crm_capi
