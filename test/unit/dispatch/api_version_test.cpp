// api_version_test.cpp - how long the versions of the Graph API are served.
#include "core/dispatch/api_version.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/dispatch/dataset_config.hpp"
#include "core/answer/http_date.hpp"

namespace crm_capi {
namespace {

UnixMicros At(const char* date) {
    return *ReadHttpDate(std::string("Mon, ") + date + " 00:00:00 GMT");
}

TEST(ApiVersionTest, AgesByItsTable) {
    const struct {
        const char* version;
        const char* date;
        VersionAge age;
        const char* ends;
    } rows[] = {
        {"v27.0", "25 Nov 2026", VersionAge::kServed, ""},
        {"v26.0", "25 Nov 2026", VersionAge::kServed, ""},
        {"v26.0", "01 Jan 2040", VersionAge::kServed, ""},
        {"v25.0", "25 Nov 2026", VersionAge::kServed, "2028-07-29"},
        {"v22.0", "17 Nov 2026", VersionAge::kServed, "2027-05-20"},
        {"v22.0", "18 Nov 2026", VersionAge::kEnding, "2027-05-20"},
        {"v21.0", "21 Jul 2026", VersionAge::kServed, "2027-01-21"},
        {"v21.0", "22 Jul 2026", VersionAge::kEnding, "2027-01-21"},
        {"v21.0", "20 Jan 2027", VersionAge::kEnding, "2027-01-21"},
        {"v21.0", "21 Jan 2027", VersionAge::kEnded, "2027-01-21"},
        {"v20.0", "25 Nov 2026", VersionAge::kEnded, "2026-09-24"},
        {"v19.0", "25 Nov 2026", VersionAge::kEnded, ""},
        {"v1.0", "25 Nov 2026", VersionAge::kEnded, ""},
        {"v27.1", "25 Nov 2026", VersionAge::kUnknown, ""},
        {"v28.0", "25 Nov 2026", VersionAge::kUnknown, ""},
        {"v999.9", "25 Nov 2026", VersionAge::kUnknown, ""},
        {"", "25 Nov 2026", VersionAge::kEnded, ""},
    };
    for (const auto& row : rows) {
        const VersionLife life = LifeOfVersion(row.version, At(row.date));
        EXPECT_EQ(life.age, row.age) << row.version << " on " << row.date;
        EXPECT_EQ(life.ends, row.ends) << row.version << " on " << row.date;
    }
}

TEST(ApiVersionTest, TheDefaultIsTheNewestKnown) {
    const UnixMicros now = At("25 Nov 2026");
    EXPECT_EQ(LifeOfVersion(kNewestApiVersion, now).age, VersionAge::kServed);
    const std::string next =
        "v" + std::to_string(std::stoi(std::string(kNewestApiVersion.substr(1))) + 1) + ".0";
    EXPECT_EQ(LifeOfVersion(next, now).age, VersionAge::kUnknown);
}

}  // namespace
}  // namespace crm_capi
