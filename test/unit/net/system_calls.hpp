// system_calls.hpp - stands between libcurl and two calls of the system, to make them misbehave.
//
// The test program defines getaddrinfo and epoll_ctl itself; they go through to the real ones
// unless a test says otherwise.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace crm_capi_test {

// Looking up this name takes until the object dies, like a name server that does not answer.
constexpr const char* kStalledHost = "stalled.test";

// Nobody has this name, and one learns it at once, whatever name server the machine has.
constexpr const char* kUnknownHost = "unknown.test";

// This name has the addresses that a NamedHost gives it, and is unknown without one.
constexpr const char* kMovingHost = "moving.test";

class NamedHost {
public:
    explicit NamedHost(std::vector<std::string> addresses) { Move(std::move(addresses)); }
    ~NamedHost() { Move({}); }
    NamedHost(const NamedHost&) = delete;
    NamedHost& operator=(const NamedHost&) = delete;

    // From now on it is looked up there.
    void Move(std::vector<std::string> addresses);
};

class StalledResolver {
public:
    StalledResolver();
    ~StalledResolver();  // lets every lookup end (the name is then unknown), and waits for that
    StalledResolver(const StalledResolver&) = delete;
    StalledResolver& operator=(const StalledResolver&) = delete;

    // Lookups that hang at the moment.
    int Waiting() const;
    // Whether every lookup so far ran with PostgreSQL's signals blocked.
    bool SignalsWereBlocked() const;
};

// While it lives, the kernel refuses to watch sockets.
class RefusedEpoll {
public:
    RefusedEpoll();
    ~RefusedEpoll();
    RefusedEpoll(const RefusedEpoll&) = delete;
    RefusedEpoll& operator=(const RefusedEpoll&) = delete;
};

}  // namespace crm_capi_test
