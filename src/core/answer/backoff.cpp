// backoff.cpp - see backoff.hpp.
#include "core/answer/backoff.hpp"

#include <algorithm>

namespace crm_capi {

int64_t BackoffMs(int failures, uint64_t random, const BackoffLimits& limits) {
    const int64_t base = std::max<int64_t>(limits.base_ms, 1);
    const int64_t cap = std::max<int64_t>(limits.cap_ms, 1);
    const int doublings = std::clamp(failures - 1, 0, 62);
    // Compared on the cap's side, because base << doublings may not fit.
    const int64_t bound = base > cap >> doublings ? cap : base << doublings;
    const int64_t least = bound / 10 + (bound % 10 != 0 ? 1 : 0);
    const auto width = static_cast<uint64_t>(bound - least) + 1;
    return least + static_cast<int64_t>(random % width);
}

}  // namespace crm_capi
