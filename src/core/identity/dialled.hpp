// dialled.hpp - a telephone number as it stands in a CRM's field, with what stands around it.
#pragma once

#include <string>
#include <string_view>

#include "core/identity/drop_cause.hpp"

namespace crm_capi {

struct Dialled {
    std::string digits;                  // ASCII; whatever was read of them if there is a cause
    bool international = false;          // the country code is in front
    DropCause cause = DropCause::kNone;  // why the field is not one number, or kNone
};

// Reads the one number that is meant: a word before it, an extension, a note and further numbers
// behind it are left away where it is plain where it ends. Digits of any script become ASCII's;
// marks between them are no part of a number. The text is valid UTF-8. How many digits make a
// number is the caller's to know.
Dialled ReadDialled(std::string_view value);

}  // namespace crm_capi
