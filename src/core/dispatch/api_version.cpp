// api_version.cpp - the one table of Graph API versions.
#include "core/dispatch/api_version.hpp"

#include <charconv>
#include <utility>

namespace crm_capi {

namespace {

struct Row {
    int major;
    std::string_view ends;
    UnixMicros ends_at;  // 0 = not fixed
};

constexpr UnixMicros kDay = 24 * 3600 * kMicrosPerSecond;

// Meta announces two years ahead, so a quarter of a year is enough to change an option.
constexpr UnixMicros kNotice = 90 * kDay;

// As Meta's list of versions stood in September 2026. Newest first; an older one than the last has
// ended. The Conversions API follows the calendar of the Graph API.
constexpr Row kRows[] = {
    {26, "", 0},
    {25, "2028-07-29", 21394 * kDay},
    {24, "2028-02-18", 21232 * kDay},
    {23, "2027-10-08", 21099 * kDay},
    {22, "2027-05-20", 20958 * kDay},
    {21, "2027-01-21", 20839 * kDay},
    {20, "2026-09-24", 20720 * kDay},
};

// Every version of the last years was a ".0".
std::pair<int, int> Numbers(std::string_view version) {
    int major = 0;
    int minor = 0;
    const char* const end = version.data() + version.size();
    const auto read = std::from_chars(version.data() + (version.empty() ? 0 : 1), end, major);
    if (read.ptr != end) {
        std::from_chars(read.ptr + 1, end, minor);
    }
    return {major, minor};
}

}  // namespace

// Compares with the newest row first: what is newer is unknown, not ended.
VersionLife LifeOfVersion(std::string_view version, UnixMicros now) {
    const auto [major, minor] = Numbers(version);
    if (std::pair(major, minor) > std::pair(kRows[0].major, 0)) {
        return {VersionAge::kUnknown, {}};
    }
    for (const Row& row : kRows) {
        if (row.major != major) {
            continue;
        }
        const bool is_fixed = row.ends_at != 0;
        if (is_fixed && now >= row.ends_at) {
            return {VersionAge::kEnded, row.ends};
        }
        return {
            is_fixed && now >= row.ends_at - kNotice ? VersionAge::kEnding : VersionAge::kServed,
            row.ends};
    }
    return {VersionAge::kEnded, {}};
}

}  // namespace crm_capi
