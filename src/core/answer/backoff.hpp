// backoff.hpp - how long to wait before the next try.
#pragma once

#include <cstdint>

namespace crm_capi {

// Exponential growth with full jitter: uniform between a tenth of the bound and the bound, which is
// min(cap, base * 2^(failures-1)); the tenth keeps an unlucky draw from hammering. Randomness is
// injected: `random` is uniform over all 64-bit values. Result in milliseconds, at least 1;
// failures >= 1.
struct BackoffLimits {
    int64_t base_ms = 500;
    // Five minutes: an endpoint that comes back is noticed soon, and a seven-day outage costs some
    // two thousand probes.
    int64_t cap_ms = 5 * 60 * 1000;
};
int64_t BackoffMs(int failures, uint64_t random, const BackoffLimits& limits);

}  // namespace crm_capi
