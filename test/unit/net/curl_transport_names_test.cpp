// curl_transport_names_test.cpp - names that move, and names of two families of which one is dead.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "http2_server.hpp"
#include "http_server.hpp"
#include "system_calls.hpp"
#include "test_authority.hpp"
#include "transport_driver.hpp"

namespace crm_capi_test {
namespace {

using crm_capi::HttpAnswer;
using crm_capi::HttpRequest;
using crm_capi::MakeCurlTransport;
using crm_capi::TransportResult;

class CurlTransportNamesTest : public CurlTransportFixture {
protected:
    HttpRequest Request(int port, const std::string& path = "/") const {
        HttpRequest request = CurlTransportFixture::Request(std::string("https://") + kMovingHost +
                                                            ":" + std::to_string(port) + path);
        request.allow_plain_http = false;
        request.timeout_ms = 120000;
        return request;
    }

    std::shared_ptr<SSL_CTX> Tls() { return authority_.Issue(std::string("DNS:") + kMovingHost); }
};

// One stream is never answered before the end, so that the first connection is always in use; all
// others go over it, too, until its time is over.
TEST_F(CurlTransportNamesTest, FollowsANameThoughItsConnectionIsNeverIdle) {
    Http2Server before(
        [](const SeenStream& seen) {
            return FrameReply{seen.stream == 1 ? "" : OkFrames(seen.stream, kBody)};
        },
        Tls(), "127.0.0.1");
    Http2Server after(
        [](const SeenStream& seen) { return FrameReply{OkFrames(seen.stream, kBody)}; }, Tls(),
        "127.0.0.2", before.Port());
    NamedHost host({"127.0.0.1"});
    const auto transport = MakeCurlTransport(100000, std::chrono::milliseconds(500));
    const uint64_t held = transport->Start(Request(before.Port()));
    ASSERT_TRUE(DriveUntil(transport.get(), [&] { return before.StreamCount() == 1; }));
    host.Move({"127.0.0.2"});
    ASSERT_TRUE(DriveUntil(transport.get(), [&] {
        if (transport->InFlight() < 2) {
            transport->Start(Request(before.Port()));
        }
        HttpAnswer answer;
        while (transport->NextAnswer(&answer)) {
            EXPECT_EQ(answer.http_status, 200) << answer.error;
        }
        return after.StreamCount() >= 3;
    }));
    EXPECT_EQ(before.Accepted(), 1);
    EXPECT_EQ(after.Accepted(), 1) << "the new connection is kept as the old one was";
    before.Send(1, OkFrames(1, kBody));
    bool is_answered = false;
    EXPECT_TRUE(DriveUntil(transport.get(), [&] {
        HttpAnswer answer;
        while (transport->NextAnswer(&answer)) {
            is_answered = is_answered || (answer.ticket == held && answer.http_status == 200);
        }
        return is_answered;
    })) << "what was under way ends where it began";
}

TEST_F(CurlTransportNamesTest, KeepsItsConnectionForTheTimeThatItHas) {
    HttpServer before(AnswerOk, Tls(), "127.0.0.1");
    HttpServer after(AnswerOk, Tls(), "127.0.0.2", before.Port());
    NamedHost host({"127.0.0.1"});
    const auto transport = MakeCurlTransport(100000);
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(Exchange(transport.get(), Request(before.Port())).http_status, 200);
        host.Move({"127.0.0.2"});
    }
    EXPECT_EQ(before.Accepted(), 1);
    EXPECT_EQ(after.Accepted(), 0);
}

// No time is left to the connections at all: each request has its own.
TEST_F(CurlTransportNamesTest, ManyGenerationsOfConnectionsAreClosed) {
    HttpServer server(AnswerOk, Tls(), "127.0.0.1");
    NamedHost host({"127.0.0.1"});
    const auto transport = MakeCurlTransport(100000, std::chrono::milliseconds(0));
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(Exchange(transport.get(), Request(server.Port())).http_status, 200);
    }
    EXPECT_EQ(server.Accepted(), 20);
    EXPECT_TRUE(DriveUntil(transport.get(), [&] { return server.Open() <= 1; }));
}

// Whichever family is dead, and in whichever order the addresses come.
TEST_F(CurlTransportNamesTest, OneDeadFamilyHoldsNothingUp) {
    if (!HasLoopback6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    const std::pair<const char*, const char*> families[] = {{"127.0.0.1", "::1"},
                                                            {"::1", "127.0.0.1"}};
    for (const auto& [alive, dead] : families) {
        for (const bool is_silent : {false, true}) {
            HttpServer server(AnswerOk, Tls(), alive);
            std::unique_ptr<DeafListener> deaf;
            if (is_silent) {
                deaf = std::make_unique<DeafListener>(dead, server.Port());
            }
            for (const auto& addresses :
                 {std::vector<std::string>{dead, alive}, std::vector<std::string>{alive, dead}}) {
                NamedHost host(addresses);
                const auto transport = MakeCurlTransport(100000);
                const HttpAnswer answer = Exchange(transport.get(), Request(server.Port()));
                EXPECT_EQ(answer.http_status, 200)
                    << alive << (is_silent ? ", the other silent: " : ", the other refuses: ")
                    << answer.error;
            }
        }
    }
}

TEST_F(CurlTransportNamesTest, AHostWithIpv6AloneIsReached) {
    if (!HasLoopback6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    HttpServer server(AnswerOk, Tls(), "::1");
    NamedHost host({"::1"});
    const auto transport = MakeCurlTransport(100000);
    EXPECT_EQ(Exchange(transport.get(), Request(server.Port())).http_status, 200);
}

}  // namespace
}  // namespace crm_capi_test
