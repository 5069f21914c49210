// event_pump.hpp - all sockets and the timer of a libcurl multi handle behind one descriptor.
//
// libcurl tells through two callbacks which sockets and which time it waits for. The sockets go
// into an epoll set, whose own descriptor the caller can wait on among other things; the time is
// kept here for the caller to ask for. Idea: PostgreSQL's oauth-curl.c.
#pragma once

#include <chrono>
#include <optional>

#include <curl/curl.h>

namespace crm_capi {

class EventPump {
public:
    // Throws std::runtime_error if the kernel grants no epoll set.
    EventPump();
    ~EventPump();
    EventPump(const EventPump&) = delete;
    EventPump& operator=(const EventPump&) = delete;

    // From now on `multi` reports to this pump, which must outlive it. False if libcurl refuses.
    bool Attach(CURLM* multi) noexcept;

    int Descriptor() const { return epoll_; }

    // Milliseconds until Run is due, rounded up so that a caller does not spin; -1 = no limit.
    long TimeoutMs() const;

    // Hands everything that is ready, and the timer if it is due, to libcurl. Never waits. Anything
    // but CURLM_OK means that no transfer of `multi` can be trusted to end.
    CURLMcode Run(CURLM* multi);

    // Whether the kernel has refused to watch a socket since the last call, or the last Run. To be
    // asked when a transfer was added: not every libcurl tells that a callback has failed.
    bool TakeRefusal();

private:
    // Sets *any if a socket was ready.
    CURLMcode RunOnce(CURLM* multi, bool* any);
    CURLMcode Act(CURLM* multi, curl_socket_t socket, int ready);
    static int OnSocket(CURL* easy, curl_socket_t socket, int what, void* self,
                        void* socket_data) noexcept;
    static int OnTimer(CURLM* multi, long timeout_ms, void* self) noexcept;

    int epoll_;
    bool refused_ = false;
    std::optional<std::chrono::steady_clock::time_point> due_;
};

}  // namespace crm_capi
