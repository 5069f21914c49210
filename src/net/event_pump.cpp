// event_pump.cpp - all sockets and the timer of a libcurl multi handle behind one descriptor.
#include "net/event_pump.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace crm_capi {

namespace {

// libcurl writes a body in portions, one each time that its socket is ready: a large one should be
// out before the caller turns to its other work. What is ready after so many rounds, or beyond so
// many sockets, stays so for the next turn; the caller gets back to its interrupts in between.
constexpr int kRoundsPerTurn = 8;
constexpr int kEventsPerRound = 64;

// What libcurl waits for at a socket, in epoll's words.
uint32_t EpollEvents(int what) {
    switch (what) {
        case CURL_POLL_IN:
            return EPOLLIN;
        case CURL_POLL_OUT:
            return EPOLLOUT;
        default:
            return EPOLLIN | EPOLLOUT;
    }
}

// A socket in error is reported as ready for both, because then libcurl reads or writes and finds
// out what happened. CURL_CSELECT_ERR alone would end the transfer with a less exact code.
int ReadyFor(uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        return CURL_CSELECT_IN | CURL_CSELECT_OUT;
    }
    return ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
           ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0);
}

}  // namespace

EventPump::EventPump() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) {
        throw std::runtime_error("could not create an epoll set");
    }
}

EventPump::~EventPump() {
    close(epoll_);
}

bool EventPump::Attach(CURLM* multi) noexcept {
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &EventPump::OnSocket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &EventPump::OnTimer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this) == CURLM_OK;
}

long EventPump::TimeoutMs() const {
    if (!due_) {
        return -1;
    }
    const auto rest = *due_ - std::chrono::steady_clock::now();
    const auto rest_ms = std::chrono::ceil<std::chrono::milliseconds>(rest).count();
    return rest_ms > 0 ? static_cast<long>(rest_ms) : 0;
}

CURLMcode EventPump::Run(CURLM* multi) {
    for (int round = 0; round < kRoundsPerTurn; round++) {
        bool any = false;
        const CURLMcode code = RunOnce(multi, &any);
        if (code != CURLM_OK || !any) {
            return code;
        }
    }
    return CURLM_OK;
}

// One look at the sockets, and at the timer.
CURLMcode EventPump::RunOnce(CURLM* multi, bool* any) {
    std::array<epoll_event, kEventsPerRound> events;
    const int count = epoll_wait(epoll_, events.data(), kEventsPerRound, 0);
    for (int i = 0; i < count; i++) {
        const epoll_event& event = events[i];
        const CURLMcode code = Act(multi, event.data.fd, ReadyFor(event.events));
        if (code != CURLM_OK) {
            return code;
        }
    }
    *any = count > 0;
    if (TimeoutMs() != 0) {
        return CURLM_OK;
    }
    // Cleared first: libcurl sets the next time during the call, or none.
    due_.reset();
    return Act(multi, CURL_SOCKET_TIMEOUT, 0);
}

// Hands one socket, or the timer, to libcurl. A refusal of the kernel's counts as a breakdown.
CURLMcode EventPump::Act(CURLM* multi, curl_socket_t socket, int ready) {
    int running = 0;
    const CURLMcode code = curl_multi_socket_action(multi, socket, ready, &running);
    return TakeRefusal() && code == CURLM_OK ? CURLM_INTERNAL_ERROR : code;
}

bool EventPump::TakeRefusal() {
    return std::exchange(refused_, false);
}

// libcurl closes sockets without a word now and then, and the kernel forgets them on its own. So
// what the set holds is the kernel's knowledge, not ours: change, and add if there is none.
int EventPump::OnSocket(CURL*, curl_socket_t socket, int what, void* self, void*) noexcept {
    auto* const pump = static_cast<EventPump*>(self);
    const int epoll = pump->epoll_;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);
        return 0;
    }
    epoll_event event = {};
    event.events = EpollEvents(what);
    event.data.fd = socket;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) == 0) {
        return 0;
    }
    if (errno == ENOENT && epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) == 0) {
        return 0;
    }
    pump->refused_ = true;  // Run's caller then ends all transfers: unwatched ones would hang
    return -1;
}

// libcurl's one timer: -1 takes it away.
int EventPump::OnTimer(CURLM*, long timeout_ms, void* self) noexcept {
    auto& due = static_cast<EventPump*>(self)->due_;
    if (timeout_ms < 0) {
        due.reset();
    } else {
        due = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    }
    return 0;
}

}  // namespace crm_capi
