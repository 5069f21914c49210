// ready_events.hpp - loaded events of a dataset, in the order in which they must go.
//
// They lie in pieces as large as a request: mostly a request takes a whole piece, and no event is
// moved for it. In smaller ones, which datasets that take turns in the log would get and give back
// in different orders, memory itself would cost a tenth of all that is done for an event.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "core/event/event.hpp"

namespace crm_capi {

// Moves those that stay together, in order, and returns where they end. `leaves` may move an event
// elsewhere when it says that it leaves.
template <class Iterator, class Leaves>
Iterator Sift(Iterator first, Iterator last, const Leaves& leaves) {
    Iterator kept = first;
    for (Iterator event = first; event != last; ++event) {
        if (leaves(*event)) {
            continue;
        }
        if (kept != event) {
            *kept = std::move(*event);
        }
        ++kept;
    }
    return kept;
}

class ReadyEvents {
public:
    // Asking costs nothing.
    bool empty() const { return count_ == 0; }
    // Likewise: events, not pieces.
    size_t size() const { return count_; }

    // Behind all others. `together`: the room of a piece, if this event begins one.
    void Add(Event&& event, size_t together);

    // Before all others.
    void PutBack(std::vector<Event>&& events);

    // Moves the first `most` that may go to *taken, which is empty.
    template <class MayGo>
    void Take(size_t most, const MayGo& may_go, std::vector<Event>* taken) {
        for (auto piece = pieces_.begin(); piece != pieces_.end() && taken->size() < most;) {
            if (taken->empty() && GoesWhole(*piece, most, may_go)) {
                *taken = std::move(piece->events);
                piece->events.clear();
            } else {
                taken->reserve(std::min(most, taken->size() + count_));
                TakeSome(&*piece, most, may_go, taken);
            }
            piece = piece->size() == 0 ? pieces_.erase(piece) : piece + 1;
        }
        count_ -= taken->size();
    }

    // See above.
    template <class Leaves>
    void Sift(const Leaves& leaves) {
        count_ = 0;
        for (auto piece = pieces_.begin(); piece != pieces_.end();) {
            std::vector<Event>& events = piece->events;
            events.erase(crm_capi::Sift(piece->begin(), events.end(), leaves), events.end());
            count_ += piece->size();
            piece = piece->size() == 0 ? pieces_.erase(piece) : piece + 1;
        }
    }

    // Whether one of them fits.
    template <class Fits>
    bool AnyOf(const Fits& fits) const {
        return std::any_of(pieces_.begin(), pieces_.end(), [&fits](const Piece& piece) {
            return std::any_of(piece.begin(), piece.events.end(), fits);
        });
    }

    // In order.
    template <class Visit>
    void ForEach(const Visit& visit) const {
        for (const Piece& piece : pieces_) {
            std::for_each(piece.begin(), piece.events.end(), visit);
        }
    }

private:
    struct Piece {
        std::vector<Event> events;
        size_t gone = 0;  // so many at its front have been taken one by one

        std::vector<Event>::iterator begin() {
            return events.begin() + static_cast<std::ptrdiff_t>(gone);
        }
        std::vector<Event>::const_iterator begin() const {
            return events.begin() + static_cast<std::ptrdiff_t>(gone);
        }
        size_t size() const { return events.size() - gone; }
    };

    template <class MayGo>
    static bool GoesWhole(const Piece& piece, size_t most, const MayGo& may_go) {
        return piece.gone == 0 && piece.size() <= most &&
               std::all_of(piece.events.begin(), piece.events.end(), may_go);
    }

    // Those that may not go move up to those that nobody has looked at, which are mostly more.
    template <class MayGo>
    static void TakeSome(Piece* piece, size_t most, const MayGo& may_go,
                         std::vector<Event>* taken) {
        auto kept = piece->begin();
        auto event = kept;
        for (; event != piece->events.end() && taken->size() < most; ++event) {
            if (may_go(*event)) {
                taken->push_back(std::move(*event));
            } else {
                if (kept != event) {
                    *kept = std::move(*event);
                }
                ++kept;
            }
        }
        if (kept == event) {
            return;
        }
        const auto first = std::move_backward(piece->begin(), kept, event);
        piece->gone = static_cast<size_t>(first - piece->events.begin());
    }

    std::deque<Piece> pieces_;  // none is empty
    size_t count_ = 0;
};

}  // namespace crm_capi
