// host_list.cpp - whether a list of host names and patterns, as in crm_capi.hosts, names a host.
#include "core/text/host_list.hpp"

#include <cstddef>

#include "core/text/ascii.hpp"

namespace crm_capi {

namespace {

// Blanks around a name, and the quotes that a list of PostgreSQL's may have, are no part of it.
std::string_view Trim(std::string_view name) {
    constexpr std::string_view kAround = " \t\r\n\"'";
    const size_t first = name.find_first_not_of(kAround);
    if (first == std::string_view::npos) {
        return {};
    }
    return name.substr(first, name.find_last_not_of(kAround) - first + 1);
}

// The latest * takes one character more whenever what follows it does not fit: nothing else has to
// be tried again, so the time is bounded by the product of the lengths.
bool Matches(std::string_view pattern, std::string_view host) {
    size_t at = 0;
    size_t star = std::string_view::npos;
    size_t behind_star = 0;
    size_t i = 0;
    while (i < host.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            behind_star = i;
        } else if (at < pattern.size() &&
                   (pattern[at] == '?' || LowerAscii(pattern[at]) == LowerAscii(host[i]))) {
            ++at;
            ++i;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            i = ++behind_star;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace

bool ListNamesHost(std::string_view list, std::string_view host) {
    bool any = false;
    while (!list.empty()) {
        const size_t comma = list.find(',');
        const std::string_view name = Trim(list.substr(0, comma));
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
        any = any || !name.empty();
        if (!name.empty() && Matches(name, host)) {
            return true;
        }
    }
    return !any;
}

}  // namespace crm_capi
