// transport_driver.hpp - drives a Transport as the shipper does: poll on its descriptor and time.
#pragma once

#include <curl/curlver.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "http_server.hpp"
#include "net/transport.hpp"
#include "test_authority.hpp"

namespace crm_capi_test {

// In the URL, a header and the body of every request of these tests, and never in an error text.
constexpr const char* kToken = "EAABsecrettoken";

constexpr const char* kBody = "{\"events_received\":1}";

inline std::string AnswerOk(const SeenRequest&) {
    return HttpReply(200, kBody);
}

// libcurl 8.23 does these things otherwise, 8.14 does not yet.
constexpr bool kIsLaterLibcurl = LIBCURL_VERSION_NUM > 0x080eff;

// Whether one host name is being looked up: later by a thread each for IPv4 and IPv6.
inline bool IsOneLookUp(int waiting) {
    return waiting == 1 || (kIsLaterLibcurl && waiting == 2);
}

// Whether the request may have met a kept connection that was dead: later ones are looked at only
// if they have rested for a second. The request is in doubt, and goes again over another one.
inline bool MayHaveMetADeadConnection(const crm_capi::HttpAnswer& answer) {
    return kIsLaterLibcurl && answer.result == crm_capi::TransportResult::kMaybeDelivered;
}

// Proxies of the machine that runs the tests are none of theirs.
inline void ForgetProxies() {
    for (const char* const name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                   "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
        unsetenv(name);
    }
}

inline crm_capi::HttpRequest NewRequest(const std::string& url) {
    crm_capi::HttpRequest request;
    request.url = url + "?access_token=" + kToken;
    request.headers = {"Content-Type: application/json",
                       std::string("Authorization: Bearer ") + kToken};
    request.body = std::string("{\"access_token\":\"") + kToken + "\"}";
    request.timeout_ms = 15000;
    request.allow_plain_http = true;
    return request;
}

// Sends over TLS with an authority of its own.
class CurlTransportFixture : public testing::Test {
protected:
    void SetUp() override { ForgetProxies(); }

    crm_capi::HttpRequest Request(const std::string& url) const {
        crm_capi::HttpRequest request = NewRequest(url);
        request.ca_file = authority_.CaFile();
        return request;
    }

    TestAuthority authority_;
};

// One turn of the shipper's loop. The wait is cut to a slice, because tests also wait for things
// that no descriptor tells.
inline void Turn(crm_capi::Transport* transport) {
    constexpr long kSliceMs = 20;
    const long timeout_ms = transport->TimeoutMs();
    const long wait_ms = timeout_ms < 0 ? kSliceMs : std::min(timeout_ms, kSliceMs);
    pollfd descriptor = {transport->Descriptor(), POLLIN, 0};
    if (poll(&descriptor, 1, static_cast<int>(wait_ms)) > 0 || transport->TimeoutMs() == 0) {
        transport->Pump();
    }
}

// False if `done` did not come true within a time that is ample on a loaded machine.
template <typename Predicate>
bool DriveUntil(crm_capi::Transport* transport, Predicate done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(180);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        Turn(transport);
    }
    return true;
}

// How often the transport asks to be pumped in a tenth of a second.
inline int PumpsWanted(crm_capi::Transport* transport) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    int pumps = 0;
    while (std::chrono::steady_clock::now() < end) {
        const long timeout_ms = transport->TimeoutMs();
        const long wait_ms = timeout_ms < 0 ? 100 : std::min(timeout_ms, 100L);
        pollfd descriptor = {transport->Descriptor(), POLLIN, 0};
        if (poll(&descriptor, 1, static_cast<int>(wait_ms)) > 0 || transport->TimeoutMs() == 0) {
            transport->Pump();
            pumps++;
        }
    }
    return pumps;
}

// The next answers, in the order of their arrival.
inline std::vector<crm_capi::HttpAnswer> TakeAnswers(crm_capi::Transport* transport, size_t count) {
    std::vector<crm_capi::HttpAnswer> answers;
    EXPECT_TRUE(DriveUntil(transport, [&] {
        crm_capi::HttpAnswer answer;
        while (transport->NextAnswer(&answer)) {
            EXPECT_EQ(answer.error.find(kToken), std::string::npos) << answer.error;
            EXPECT_EQ(answer.result == crm_capi::TransportResult::kAnswered, answer.error.empty());
            answers.push_back(std::move(answer));
        }
        return answers.size() >= count;
    }));
    answers.resize(count);
    return answers;
}

inline crm_capi::HttpAnswer TakeAnswer(crm_capi::Transport* transport) {
    return TakeAnswers(transport, 1).front();
}

inline crm_capi::HttpAnswer Exchange(crm_capi::Transport* transport,
                                     crm_capi::HttpRequest request) {
    const uint64_t ticket = transport->Start(std::move(request));
    crm_capi::HttpAnswer answer = TakeAnswer(transport);
    EXPECT_EQ(answer.ticket, ticket);
    EXPECT_EQ(transport->InFlight(), 0);
    return answer;
}

}  // namespace crm_capi_test
