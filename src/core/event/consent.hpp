// consent.hpp - what a lead has said about the use of its data, for one event (reference 2.1).
//
// Meta takes these beside the event's data, not in it. What an event says overrides what the
// options of its dataset say for all events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crm_capi {

// Meta's number of a country or of a state: 0, 1, or 1000 to 1999.
using PlaceNumber = int16_t;

// Each member may be missing: then the event says nothing about it.
struct Consent {
    std::optional<bool> opt_out;         // true: for attribution only, not for the delivery of ads
    std::optional<bool> limited_use;     // data_processing_options: true = ["LDU"], false = []
    std::optional<PlaceNumber> country;  // of the limited use
    std::optional<PlaceNumber> state;
};

// A member, by the name that Meta, capi_watch() and capi_send_lead_event() have for it.
struct ConsentMember {
    std::string_view name;
    std::string_view requirement;  // what its value must be: completes "must be ..."
};

// In the order in which capi_watch() and capi_send_lead_event() take them.
constexpr ConsentMember kConsentMembers[] = {
    {"opt_out", "true or false"},
    {"data_processing_options", "[] or [\"LDU\"]"},
    {"data_processing_options_country", "0 or 1"},
    {"data_processing_options_state", "0 or a state code from 1000 to 1999"},
};

struct ConsentReading {
    Consent consent;
    const ConsentMember* fault = nullptr;  // the first member with another value than it must have
    bool is_object = true;                 // else nothing was read
};

// Reads a JSON object of such members, from the log or from a CRM: there numbers may come as texts,
// the options as the one text LDU, and a null or a blank text says nothing. Country and state stay
// only beside limited use, without which they mean nothing. Other members are no concern of ours.
ConsentReading ReadConsent(std::string_view json);

// The same as ReadConsent reads it; empty if nothing is said.
std::string WriteConsent(const Consent& consent);

// Appends ,"name":value for each member that is there. Country and state of a limited use that says
// neither are 0, by which Meta finds out itself: without any, it refuses the event.
void AppendConsent(const Consent& consent, std::string* out);

}  // namespace crm_capi
