/*
 * phone_country.cpp - the country that completes telephone numbers without one.
 */
#include "pg/catalog/phone_country.hpp"

#include "core/identity/phone_region.hpp"
#include "pg/base/guard.hpp"
#include "pg/catalog/dataset.hpp"

namespace crm_capi {

const char*
default_country_of(Oid server)
{
    return option_value(GetForeignServer(server)->options, "default_country");
}

bool
is_phone_region(const char* code)
{
    bool known = false;

    call_cpp("look up a country", [&] { known = IsPhoneRegion(code); });
    return known;
}

void
warm_phone_room()
{
    call_cpp("read the tables of telephone numbers", [] { WarmPhoneRoom(); });
}

}  // namespace crm_capi
