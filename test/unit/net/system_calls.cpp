// system_calls.cpp - stands between libcurl and two calls of the system, to make them misbehave.
#include "system_calls.hpp"

#include <dlfcn.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <mutex>

namespace crm_capi_test {

namespace {

std::mutex mutex;
std::condition_variable changed;
bool stalled = false;
int waiting = 0;
bool signals_were_blocked = true;
std::atomic<bool> epoll_refused{false};

std::vector<std::string> addresses_of_host;

using Lookup = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

// Looks each address up in turn, and makes one list of what is found.
int LookUpNamedHost(Lookup look_up, const char* service, const addrinfo* hints, addrinfo** result) {
    const std::lock_guard<std::mutex> lock(mutex);
    addrinfo** end = result;
    *result = nullptr;
    for (const std::string& address : addresses_of_host) {
        if (look_up(address.c_str(), service, hints, end) != 0) {
            *end = nullptr;  // not of the family that is looked for
        }
        while (*end != nullptr) {
            end = &(*end)->ai_next;
        }
    }
    return *result == nullptr ? EAI_NONAME : 0;
}

int Stall() {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    std::unique_lock<std::mutex> lock(mutex);
    for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM}) {
        signals_were_blocked = signals_were_blocked && sigismember(&mask, signal) == 1;
    }
    ++waiting;
    changed.wait(lock, [] { return !stalled; });
    --waiting;
    changed.notify_all();
    return EAI_NONAME;
}

}  // namespace

void NamedHost::Move(std::vector<std::string> addresses) {
    const std::lock_guard<std::mutex> lock(mutex);
    addresses_of_host = std::move(addresses);
}

StalledResolver::StalledResolver() {
    const std::lock_guard<std::mutex> lock(mutex);
    stalled = true;
    signals_were_blocked = true;
}

StalledResolver::~StalledResolver() {
    std::unique_lock<std::mutex> lock(mutex);
    stalled = false;
    changed.notify_all();
    changed.wait(lock, [] { return waiting == 0; });
}

int StalledResolver::Waiting() const {
    const std::lock_guard<std::mutex> lock(mutex);
    return waiting;
}

bool StalledResolver::SignalsWereBlocked() const {
    const std::lock_guard<std::mutex> lock(mutex);
    return signals_were_blocked;
}

RefusedEpoll::RefusedEpoll() {
    epoll_refused = true;
}

RefusedEpoll::~RefusedEpoll() {
    epoll_refused = false;
}

}  // namespace crm_capi_test

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** result) {
    if (name != nullptr && std::strcmp(name, crm_capi_test::kStalledHost) == 0) {
        return crm_capi_test::Stall();
    }
    if (name != nullptr && std::strcmp(name, crm_capi_test::kUnknownHost) == 0) {
        return EAI_NONAME;
    }
    static const auto real =
        reinterpret_cast<crm_capi_test::Lookup>(dlsym(RTLD_NEXT, "getaddrinfo"));
    if (name != nullptr && std::strcmp(name, crm_capi_test::kMovingHost) == 0) {
        return crm_capi_test::LookUpNamedHost(real, service, hints, result);
    }
    return real(name, service, hints, result);
}

extern "C" int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
    if (crm_capi_test::epoll_refused && operation != EPOLL_CTL_DEL) {
        errno = ENOSPC;
        return -1;
    }
    return static_cast<int>(syscall(SYS_epoll_ctl, epoll, operation, descriptor, event));
}
