// endpoint.cpp - reading the base URL of an endpoint, far enough to judge whether it is safe.
#include "core/dispatch/endpoint.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "core/text/ascii.hpp"

namespace crm_capi {

namespace {

// Labels between dots, none of them empty. Addresses of four numbers are of this form too.
bool IsHostName(std::string_view host) {
    char before = '.';
    for (const char c : host) {
        const bool fits = IsAsciiAlphanumeric(c) || (before != '.' && (c == '-' || c == '.'));
        if (!fits) {
            return false;
        }
        before = c;
    }
    return before != '.';
}

// Takes the prefix off the text if it is there.
bool TakePrefix(std::string_view prefix, std::string_view* text) {
    if (text->substr(0, prefix.size()) != prefix) {
        return false;
    }
    text->remove_prefix(prefix.size());
    return true;
}

// Digits only, since from_chars would take a sign.
bool IsPort(std::string_view text) {
    int port = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), port);
    return !text.empty() && std::all_of(text.begin(), text.end(), IsAsciiDigit) &&
           end.ec == std::errc() && port >= 1 && port <= 65535;
}

// Only what inet_pton takes is an address to everybody. "127.evil.example" and "127.0.0.999" are
// names, which a resolver may look up anywhere.
bool IsLoopbackAddress4(const std::string& host) {
    in_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

// No zones, and no zero byte that would hide the rest from inet_pton.
bool IsAddress6(std::string_view text) {
    in6_addr address{};
    return text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
           inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

}  // namespace

bool ReadEndpoint(std::string_view url, Endpoint* endpoint) {
    Endpoint result;
    result.https = TakePrefix("https://", &url);
    if (!result.https && !TakePrefix("http://", &url)) {
        return false;
    }
    if (!url.empty() && url.back() == '/') {
        url.remove_suffix(1);
    }
    const bool bracketed = TakePrefix("[", &url);
    const size_t host_end = std::min(url.find(bracketed ? ']' : ':'), url.size());
    const std::string host(url.substr(0, host_end));
    url.remove_prefix(host_end);
    if (bracketed ? !IsAddress6(host) || !TakePrefix("]", &url) : !IsHostName(host)) {
        return false;
    }
    if (!url.empty() && (url.front() != ':' || !IsPort(url.substr(1)))) {
        return false;
    }
    result.loopback = bracketed ? host == "::1" : (host == "localhost" || IsLoopbackAddress4(host));
    *endpoint = result;
    return true;
}

}  // namespace crm_capi
