// bisection.hpp - finds the events at fault in a batch that was refused as a whole (reference 1.5).
//
// The batch goes again in halves, one part at a time and in order, since its leads' events must
// not overtake each other. A part that is refused is halved in turn, down to single events. If the
// first half of a refused part is accepted, the second is known to hold a fault without being sent:
// so n events with k bad ones take at most k*(2*log2(n/k)+2)+1 requests, the first one included.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "core/event/event.hpp"
#include "core/ids/id_bits.hpp"
#include "core/ids/id_set.hpp"

namespace crm_capi {

class Bisection {
public:
    // The batch has at least two events.
    explicit Bisection(std::vector<Event> refused);

    // The part that is to be sent now, which is then under way; false while another one is, or if
    // nothing is left.
    bool Next(std::vector<Event>* part);

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

private:
    struct Part {
        std::vector<Event> events;
        bool is_first_half = false;  // the part behind it is the other half
        bool is_at_fault = false;    // by elimination
    };

    void Halve(std::vector<Event> events);

    std::deque<Part> waiting_;
    bool under_way_ = false;
    bool first_half_under_way_ = false;
};

}  // namespace crm_capi
