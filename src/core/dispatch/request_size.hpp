// request_size.hpp - how many events a request may carry, as experience teaches.
//
// Meta answers "reduce the amount of data" with the same code as a hiccup (code 1), and a proxy
// that lets no large body through cuts the connection or answers with a page of its own. What fails
// again and again is therefore tried in smaller requests, down to a single event, and in larger
// ones again once requests get through.
//
//   every request is as large as is set
//     two failures in a row          -> half of what failed, and half again with each further one
//     a full request gets through    -> twice as much, as long as that is less than what failed
//     many full ones in a row do     -> a trial of twice as much; if it fails, back at once, and
//     the
//                                       next trial comes after twice as many
//     a request of one event fails   -> it is not the size: nothing is known to fail any more
#pragma once

#include <cstddef>

namespace crm_capi {

class RequestSize {
public:
    // The most events that a request may carry: `configured`, or less.
    size_t Limit(size_t configured) const;
    // The same, but 0 if it is `configured`.
    size_t Reduced(size_t configured) const;

    // Larger ones than these failed when somebody else tried; 0 = none did.
    void Resume(size_t reduced) { limit_ = reduced; }

    // A request of so many events was taken in and judged, whatever the verdict on its events.
    void GotThrough(size_t events, size_t configured);
    // One failed in a way in which a smaller one might not have.
    void Failed(size_t events);
    // One was refused for its size in so many words.
    void TooLarge(size_t events);

private:
    // Small enough to be back at full size soon where the cause has passed, large enough for trials
    // that fail, each of which costs a pause, to be rare.
    static constexpr int kLeastPatience = 16;
    // Where a limit is there to stay, a trial in some hundred thousand events.
    static constexpr int kMostPatience = 2048;

    bool FellBack(size_t events);
    void Halve(size_t events);

    size_t limit_ = 0;     // 0 = as configured
    size_t fallback_ = 0;  // the limit before it was raised, which got through; 0 = it was lowered
    size_t failing_ = 0;   // the smallest request that is known to fail; 0 = none is
    int failures_ = 0;     // in a row
    int passed_ = 0;       // full requests since the limit was set
    int patience_ = kLeastPatience;  // so many pass before a trial
};

}  // namespace crm_capi
