// notice.hpp - what the shipper tells those who LISTEN: short JSON, and nothing about any person.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "core/dispatch/dispatcher.hpp"

namespace crm_capi {

// {"kind":"health","dataset":"sales","health":"held","reason_code":...,"reason":...,"hint":...};
// the last three are null when all is well.
std::string HealthNotice(std::string_view dataset, std::string_view health, Reason reason);

// {"kind":"parked","dataset":"sales","reason_code":...,"reason":...,"hint":...}; the dataset is
// null (an empty name here) if the event names none that is known.
std::string ParkedNotice(const std::string& dataset, Reason reason);

// Which kinds of parked events have been told of: a kind is a reason in a dataset. An import of a
// million bad rows is one notice, and a fault that stays is one a day.
class ParkedKinds {
public:
    bool MustTell(const std::string& dataset, Reason reason, UnixMicros now);

private:
    std::map<std::pair<std::string, Reason>, UnixMicros> told_at_;
};

}  // namespace crm_capi
