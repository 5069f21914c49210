// pacing.cpp - slowing down before Meta blocks us.
#include "core/answer/pacing.hpp"

#include <algorithm>

#include "core/answer/reply.hpp"

namespace crm_capi {

Pace PaceAskedFor(const HttpAnswer& http) {
    Usage usage;
    for (const auto& [name, value] : http.headers) {
        if (name == "x-app-usage" || name == "x-ad-account-usage" ||
            name == "x-business-use-case-usage") {
            ReadUsage(value, &usage);
        }
    }
    Pace pace;
    pace.percentage = usage.highest_percentage;
    const int over = std::clamp(usage.highest_percentage, kPaceFromPercent, 100) - kPaceFromPercent;
    pace.pause = std::max(usage.minutes_to_regain_access * 60 * kMicrosPerSecond,
                          kLongestPace * over / (100 - kPaceFromPercent));
    return pace;
}

}  // namespace crm_capi
