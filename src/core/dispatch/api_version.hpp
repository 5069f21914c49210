// api_version.hpp - the versions of the Graph API and how long each is served (reference 3.1).
#pragma once

#include <string_view>

#include "core/event/event.hpp"

namespace crm_capi {

enum class VersionAge {
    kServed,   // no end is fixed, or it is far away
    kEnding,   // it ends within half a year
    kEnded,    // Meta answers in another version, or refuses
    kUnknown,  // newer than this release knows
};

struct VersionLife {
    VersionAge age;
    std::string_view ends;  // date as text, "2027-01-21"; empty = not fixed or not known
};

// `version` is of the form that the option api_version has: "v27.0".
VersionLife LifeOfVersion(std::string_view version, UnixMicros now);

}  // namespace crm_capi
