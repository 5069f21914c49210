// host_list.hpp - whether a list of host names and patterns, as in crm_capi.hosts, names a host.
#pragma once

#include <string_view>

namespace crm_capi {

// The list is separated by commas. In a pattern * stands for any characters and ? for one of them;
// case does not matter, as everywhere in host names. A list without a name in it names every host.
bool ListNamesHost(std::string_view list, std::string_view host);

}  // namespace crm_capi
