// drop_cause.hpp - why a value of user_data was dropped, for whoever wants to put it right.
#pragma once

#include <string_view>

namespace crm_capi {

enum class DropCause {
    kNone,
    kForm,     // it does not have the form of the identity
    kSeveral,  // several values in one field, and it is not plain which one is meant
    kRounded,  // a number that a spreadsheet has rounded: its last digits are gone
    kText,  // a telephone number with letters in it, or with a text around it that may belong to it
    kLength,  // a telephone number of fewer than 7 or more than 15 digits
};

// The word for it in capi_event_log.dropped, in capi_check() and in the documentation.
std::string_view DropCauseCode(DropCause cause);

// A sentence about the value.
std::string_view DropCauseText(DropCause cause);

}  // namespace crm_capi
