// api_version.cpp - the one table of Graph API versions.
#include "core/dispatch/api_version.hpp"

#include <charconv>
#include <utility>

#include "core/event/calendar.hpp"

namespace crm_capi {

namespace {

struct Row {
    int major;
    std::string_view ends;  // "2028-07-29"; empty = Meta has fixed none
};

// Meta's list of versions, https://developers.facebook.com/docs/graph-api/changelog/versions, as it
// stood in November 2026 after the release of v27.0. Newest first; a version that is older than the
// last row has ended. The Conversions API follows this calendar of the Graph API, not the shorter
// one of the Marketing API.
constexpr Row kRows[] = {
    {27, ""},           {26, ""},           {25, "2028-07-29"}, {24, "2028-02-18"},
    {23, "2027-10-08"}, {22, "2027-05-20"}, {21, "2027-01-21"}, {20, "2026-09-24"},
};

// Half a year: changing an option is quick, but a release of an application that sets it is not.
constexpr UnixMicros kNotice = 183 * kMicrosPerDay;

// The first moment at which the version is served no longer; 0 = not fixed.
constexpr UnixMicros EndOf(const Row& row) {
    if (row.ends.empty()) {
        return 0;
    }
    const auto number = [&row](size_t at, size_t length) {
        int value = 0;
        for (const char digit : row.ends.substr(at, length)) {
            value = 10 * value + (digit - '0');
        }
        return value;
    };
    return DayNumber(number(0, 4), number(5, 2), number(8, 2)) * kMicrosPerDay;
}
static_assert(EndOf({20, "2026-09-24"}) == 20720 * kMicrosPerDay);

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
        const UnixMicros end = EndOf(row);
        const bool is_fixed = end != 0;
        if (is_fixed && now >= end) {
            return {VersionAge::kEnded, row.ends};
        }
        return {is_fixed && now >= end - kNotice ? VersionAge::kEnding : VersionAge::kServed,
                row.ends};
    }
    return {VersionAge::kEnded, {}};
}

}  // namespace crm_capi
