// identities.hpp - the identities of a lead (user_data), from what a CRM holds to what Meta wants.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/event/reason.hpp"
#include "core/identity/drop_cause.hpp"

namespace crm_capi {

// What is known beside the identities themselves.
struct IdentityContext {
    std::string_view default_country;  // of the dataset: an ISO code in any case, or empty
    int current_year = 0;
};

// A value that is of no use to Meta.
struct DroppedValue {
    std::string_view key;  // of the table of keys
    DropCause cause = DropCause::kNone;
};

struct Identities {
    // kNone, or why user_data cannot be taken at all: kUserDataUnreadable, kIdentityUnknown,
    // kIdentityType, kIdentityTooMany.
    Reason reason = Reason::kNone;
    std::string key;  // at fault if there is a reason
    // Values that had to be dropped though something is there, such as an e-mail address without a
    // domain, in the order of the keys.
    std::vector<DroppedValue> dropped;
    int64_t lead_id = 0;  // taken out of user_data; 0 = none there
    // Whether Meta would take an event with these identities and no lead id (reference 2.4).
    bool sufficient = false;
    // A JSON object without blanks, hashed where Meta wants a hash, without the lead id: the same
    // bytes for the same identities in whatever order they came. Empty if nothing is left.
    std::string json;
};

// The text is JSON as PostgreSQL's jsonb prints it: an object of texts, whole numbers and lists of
// them. What is null, blank or a placeholder is dropped in silence, as is what appears twice.
// Telephone numbers are completed with the lead's own country if the object names one, else with
// the default. Does not throw for anything that the text may hold.
Identities NormalizeUserData(std::string_view json, const IdentityContext& context);

}  // namespace crm_capi
