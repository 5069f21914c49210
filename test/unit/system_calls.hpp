// system_calls.hpp - stands between libcurl and two calls of the system, to make them misbehave.
//
// The test program defines getaddrinfo and epoll_ctl itself; they go through to the real ones
// unless a test says otherwise.
#pragma once

namespace crm_capi_test {

// Looking up this name takes until the object dies, like a name server that does not answer.
constexpr const char* kStalledHost = "stalled.test";

// Nobody has this name, and one learns it at once, whatever name server the machine has.
constexpr const char* kUnknownHost = "unknown.test";

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
