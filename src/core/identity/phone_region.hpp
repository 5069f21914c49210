// phone_region.hpp - what the rest of the product needs to know of the phone room.
#pragma once

#include <string_view>

namespace crm_capi {

// Whether telephone numbers of this country (an ISO code, in any case) can be completed.
bool IsPhoneRegion(std::string_view country);

// Reads the tables of all countries, which takes some ten milliseconds: once in the postmaster
// instead of in each session.
void WarmPhoneRoom();

}  // namespace crm_capi
