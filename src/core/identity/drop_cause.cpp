// drop_cause.cpp - see drop_cause.hpp.
#include "core/identity/drop_cause.hpp"

namespace crm_capi {
namespace {

struct Row {
    std::string_view code;
    std::string_view text;
};

// In the order of the enumeration.
constexpr Row kRows[] = {
    {"", ""},
    {"form", "It does not have the form of this identity, and would match nobody."},
    {"several", "It holds several values, and it is not plain which one is meant."},
    {"rounded", "It is a number that a spreadsheet has rounded: its last digits are lost."},
    {"text",
     "It is a telephone number with letters in it, or with a text around it that may "
     "belong to it."},
    {"length", "It is a telephone number of fewer than 7 or more than 15 digits."},
};

}  // namespace

std::string_view DropCauseCode(DropCause cause) {
    return kRows[static_cast<size_t>(cause)].code;
}

std::string_view DropCauseText(DropCause cause) {
    return kRows[static_cast<size_t>(cause)].text;
}

}  // namespace crm_capi
