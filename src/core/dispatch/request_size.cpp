// request_size.cpp - see request_size.hpp.
#include "core/dispatch/request_size.hpp"

#include <algorithm>

namespace crm_capi {

namespace {

// One failure is a hiccup more often than not.
constexpr int kFailuresToBelieve = 2;

}  // namespace

size_t RequestSize::Limit(size_t configured) const {
    return limit_ == 0 ? configured : std::min(limit_, configured);
}

size_t RequestSize::Reduced(size_t configured) const {
    return limit_ != 0 && limit_ < configured ? limit_ : 0;
}

void RequestSize::GotThrough(size_t events, size_t configured) {
    failures_ = 0;
    if (limit_ == 0) {
        return;
    }
    if (events >= configured) {
        *this = RequestSize();
        return;
    }
    if (failing_ != 0 && events >= failing_) {
        failing_ = 0;
        patience_ = kLeastPatience;
    }
    if (events < limit_) {
        return;  // says nothing about larger ones
    }
    const size_t next = 2 * limit_;
    if (failing_ != 0 && next >= failing_ && ++passed_ < patience_) {
        return;
    }
    fallback_ = limit_;
    limit_ = std::min(next, configured);
    passed_ = 0;
}

void RequestSize::Failed(size_t events) {
    if (!FellBack(events) && ++failures_ >= kFailuresToBelieve) {
        Halve(events);
    }
}

// Requests that were on their way together may all be told so; only what is still to be sent
// counts.
void RequestSize::TooLarge(size_t events) {
    if (!FellBack(events) && (limit_ == 0 || events <= limit_)) {
        Halve(events);
    }
}

// Whether this was a trial of a larger request, which is over then.
bool RequestSize::FellBack(size_t events) {
    if (fallback_ == 0 || events <= fallback_) {
        return false;
    }
    limit_ = fallback_;
    fallback_ = 0;
    failing_ = events;
    passed_ = 0;
    patience_ = std::min(2 * patience_, kMostPatience);
    return true;
}

// What failed is not sent again in that size.

void RequestSize::Halve(size_t events) {
    limit_ = std::max<size_t>(events / 2, 1);
    fallback_ = 0;
    failing_ = events > 1 ? events : 0;
    passed_ = 0;
}

}  // namespace crm_capi
