// countries.hpp - the codes that stand for countries and for states of the USA.
#pragma once

#include <string_view>

namespace crm_capi {

// The two-letter code, in lower case, of a country given by either ISO code or its English name, in
// lower-case letters only ("us", "usa", "unitedstates"); empty if there is no such country.
std::string_view CountryCode(std::string_view letters);

// The two-letter code of a state of the USA given by its name ("newyork"); empty for anything else,
// the code itself included.
std::string_view UsStateCode(std::string_view letters);

}  // namespace crm_capi
