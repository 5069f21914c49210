// endpoint.hpp - reading the base URL of an endpoint, far enough to judge whether it is safe.
#pragma once

#include <string_view>

namespace crm_capi {

struct Endpoint {
    bool https = false;
    // The host is this machine: localhost, 127.0.0.0/8 or [::1]. Only there may a token travel in
    // the clear.
    bool loopback = false;
};

// False unless the text is http:// or https://, a host name or address, optionally ":port", and
// nothing else but one closing slash. User names, paths, queries and blanks are refused: a token is
// sent there, so there must be one way only to read it.
bool ReadEndpoint(std::string_view url, Endpoint* endpoint);

}  // namespace crm_capi
