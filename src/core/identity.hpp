// identity.hpp - the identities of a lead (user_data) as a caller gives them, checked before they
// are enqueued (reference 2.3).
#pragma once

#include <string>
#include <string_view>

namespace crm_capi {

enum class MemberFault {
    kNone,
    kNotAnObject,
    kUnknownKey,  // Meta has no such key
    kFixedKey,    // written by us: lead_id, event_source, lead_event_source
    kNotHashed,   // must be a SHA-256 in hexadecimal
    kWrongType,   // neither a text nor a list of texts
};

struct CheckedMembers {
    MemberFault fault = MemberFault::kNone;
    std::string key;   // at fault
    std::string json;  // an object without blanks, hashes in lower case; empty if there are none
};

// The text is JSON as PostgreSQL's jsonb prints it. Null members are dropped: they say nothing.
CheckedMembers CheckUserData(std::string_view json);

}  // namespace crm_capi
