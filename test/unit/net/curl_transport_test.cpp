// curl_transport_test.cpp - exchanges that work: what is sent, what is heard, what is shared.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <set>

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

constexpr size_t kCap = 100000;

int OpenDescriptors() {
    const std::filesystem::directory_iterator descriptors("/proc/self/fd");
    return static_cast<int>(std::distance(begin(descriptors), end(descriptors)));
}

class CurlTransportTest : public CurlTransportFixture {
protected:
    std::unique_ptr<crm_capi::Transport> transport_ = MakeCurlTransport(kCap);
};

TEST_F(CurlTransportTest, SendsTheRequestAsGivenAndReturnsTheAnswer) {
    HttpServer server(AnswerOk);
    const HttpRequest request = Request(server.Url("/v1/events"));
    const HttpAnswer answer = Exchange(transport_.get(), request);
    EXPECT_EQ(answer.result, TransportResult::kAnswered);
    EXPECT_EQ(answer.http_status, 200);
    EXPECT_EQ(answer.body, "{\"events_received\":1}");
    ASSERT_EQ(server.RequestCount(), 1);
    const SeenRequest seen = server.Requests().front();
    EXPECT_EQ(seen.start_line, std::string("POST /v1/events?access_token=") + kToken + " HTTP/1.1");
    EXPECT_EQ(seen.Header("authorization"), std::string("Bearer ") + kToken);
    EXPECT_EQ(seen.Header("content-type"), "application/json");
    EXPECT_EQ(seen.Header("user-agent"), "crm_capi/1.0");
    EXPECT_EQ(seen.Header("accept-encoding"), "");
    EXPECT_EQ(seen.body, request.body);
}

TEST_F(CurlTransportTest, SendsABodyOfMegabytesWithoutAskingFirst) {
    HttpServer server(AnswerOk);
    HttpRequest request = Request(server.Url());
    request.body.assign(5000000, 'x');
    EXPECT_EQ(Exchange(transport_.get(), request).result, TransportResult::kAnswered);
    EXPECT_EQ(server.Requests().front().Header("expect"), "");
    EXPECT_EQ(server.Requests().front().body.size(), 5000000U);
}

TEST_F(CurlTransportTest, SendsAnEmptyBody) {
    HttpServer server(AnswerOk);
    HttpRequest request = Request(server.Url());
    request.body.clear();
    EXPECT_EQ(Exchange(transport_.get(), request).result, TransportResult::kAnswered);
    EXPECT_EQ(server.Requests().front().Header("content-length"), "0");
}

TEST_F(CurlTransportTest, TrustsTheGivenAuthority) {
    HttpServer server(AnswerOk, authority_.Issue("IP:127.0.0.1"));
    HttpRequest request = Request(server.Url());
    request.allow_plain_http = false;
    EXPECT_EQ(Exchange(transport_.get(), request).result, TransportResult::kAnswered);
}

TEST_F(CurlTransportTest, ReturnsARedirectInsteadOfFollowingIt) {
    HttpServer server(
        [](const SeenRequest&) { return HttpReply(302, "", "Location: /elsewhere\r\n"); });
    const HttpAnswer answer = Exchange(transport_.get(), Request(server.Url()));
    EXPECT_EQ(answer.result, TransportResult::kAnswered);
    EXPECT_EQ(answer.http_status, 302);
    EXPECT_EQ(server.RequestCount(), 1);
}

TEST_F(CurlTransportTest, KeepsTheWantedHeadersOfTheFinalAnswerOnly) {
    HttpServer server([](const SeenRequest&) {
        const std::string huge = "X-Ad-Account-Usage: " + std::string(9000, '9') + "\r\n";
        return "HTTP/1.1 103 Early\r\nX-App-Usage: {\"old\":1}\r\n\r\n" +
               HttpReply(200, "{}",
                         "X-App-Usage:  {\"call_count\":28} \r\nSet-Cookie: a=b\r\n"
                         "x-fb-trace-id: Abc\r\n" +
                             huge);
    });
    const HttpAnswer answer = Exchange(transport_.get(), Request(server.Url()));
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"x-app-usage", "{\"call_count\":28}"}, {"x-fb-trace-id", "Abc"}};
    EXPECT_EQ(answer.headers, expected);
}

TEST_F(CurlTransportTest, KeepsABoundedNumberOfHeaders) {
    HttpServer server([](const SeenRequest&) {
        std::string headers;
        for (int i = 0; i < 100; i++) {
            headers += "Date: today\r\n";
        }
        return HttpReply(200, "{}", headers);
    });
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).headers.size(), 16U);
}

TEST_F(CurlTransportTest, AcceptsAnAnswerAsLargeAsTheCapAndAbandonsALargerOne) {
    size_t size = kCap;
    HttpServer server([&](const SeenRequest&) { return HttpReply(200, std::string(size, 'x')); });
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).body.size(), kCap);
    size++;
    const HttpAnswer answer = Exchange(transport_.get(), Request(server.Url()));
    EXPECT_EQ(answer.result, TransportResult::kAnswerTooLarge);
    EXPECT_EQ(answer.http_status, 200);
    EXPECT_EQ(answer.body, "");
}

TEST_F(CurlTransportTest, SendsAThousandRequestsOverOneConnection) {
    HttpServer server(AnswerOk, authority_.Issue("IP:127.0.0.1"));
    for (int i = 0; i < 1000; i++) {
        ASSERT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
    }
    EXPECT_EQ(server.Accepted(), 1);
}

TEST_F(CurlTransportTest, TakesAFreshConnectionWhenTheServerHasClosedTheKeptOne) {
    HttpServer server(AnswerOk);
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
    server.CloseConnections();
    ASSERT_TRUE(DriveUntil(transport_.get(), [&] { return server.Open() == 0; }));
    HttpAnswer answer = Exchange(transport_.get(), Request(server.Url()));
    if (MayHaveMetADeadConnection(answer)) {
        answer = Exchange(transport_.get(), Request(server.Url()));
    }
    EXPECT_EQ(answer.http_status, 200) << answer.error;
    EXPECT_EQ(server.Accepted(), 2);
}

// A connection that one authority vouched for must not serve a request that trusts another.
TEST_F(CurlTransportTest, SharesNoConnectionBetweenAuthorities) {
    HttpServer server(AnswerOk, authority_.Issue("IP:127.0.0.1"));
    const TestAuthority stranger;
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
    HttpRequest distrustful = Request(server.Url());
    distrustful.ca_file = stranger.CaFile();
    EXPECT_EQ(Exchange(transport_.get(), distrustful).result, TransportResult::kNotSent);
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
    EXPECT_EQ(server.RequestCount(), 2);
}

// The handler answers nobody before all have arrived, so a transport that queues would hang.
TEST_F(CurlTransportTest, HasEightRequestsInFlightAtOnce) {
    for (const bool with_tls : {false, true}) {
        HttpServer* waiting_for = nullptr;
        HttpServer server(
            [&](const SeenRequest& request) {
                waiting_for->WaitForRequests(8);
                return AnswerOk(request);
            },
            with_tls ? authority_.Issue("IP:127.0.0.1") : nullptr);
        waiting_for = &server;
        std::set<uint64_t> tickets;
        for (int i = 0; i < 8; i++) {
            tickets.insert(transport_->Start(Request(server.Url())));
        }
        EXPECT_EQ(tickets.size(), 8U);
        EXPECT_EQ(tickets.count(0), 0U);
        EXPECT_EQ(transport_->InFlight(), 8);
        for (const HttpAnswer& answer : TakeAnswers(transport_.get(), 8)) {
            EXPECT_EQ(answer.http_status, 200);
            EXPECT_EQ(tickets.erase(answer.ticket), 1U);
        }
        EXPECT_EQ(transport_->InFlight(), 0);
    }
}

TEST_F(CurlTransportTest, OpensABoundedNumberOfConnections) {
    HttpServer* waiting_for = nullptr;
    HttpServer server([&](const SeenRequest& request) {
        waiting_for->WaitForRelease();
        return AnswerOk(request);
    });
    waiting_for = &server;
    for (int i = 0; i < 300; i++) {
        transport_->Start(Request(server.Url()));
    }
    ASSERT_TRUE(DriveUntil(transport_.get(), [&] { return server.RequestCount() == 256; }));
    EXPECT_EQ(server.Open(), 256);
    server.Release();
    TakeAnswers(transport_.get(), 300);
    EXPECT_EQ(server.RequestCount(), 300);
    EXPECT_TRUE(DriveUntil(transport_.get(), [&] { return server.Open() <= 64; }));
}

TEST_F(CurlTransportTest, KeepsTheConnectionsOfAllThatAreInFlight) {
    HttpServer server(AnswerOk);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 16; i++) {
            transport_->Start(Request(server.Url()));
        }
        TakeAnswers(transport_.get(), 16);
    }
    EXPECT_EQ(server.RequestCount(), 64);
    EXPECT_LE(server.Accepted(), 16);
}

TEST_F(CurlTransportTest, PumpReturnsWhileTheServerKeepsSilent) {
    HttpServer* waiting_for = nullptr;
    HttpServer server([&](const SeenRequest& request) {
        waiting_for->WaitForRelease();
        return AnswerOk(request);
    });
    waiting_for = &server;
    transport_->Start(Request(server.Url()));
    ASSERT_TRUE(DriveUntil(transport_.get(), [&] { return server.RequestCount() == 1; }));
    HttpAnswer answer;
    for (int i = 0; i < 100; i++) {
        transport_->Pump();
        ASSERT_FALSE(transport_->NextAnswer(&answer));
    }
    EXPECT_EQ(transport_->InFlight(), 1);
    EXPECT_LE(PumpsWanted(transport_.get()), 5);
    server.Release();
    EXPECT_EQ(TakeAnswer(transport_.get()).http_status, 200);
}

// Nothing to do must mean nothing done: no timer, no readable descriptor, even after the server has
// closed the kept connection.
TEST_F(CurlTransportTest, AsksForNoAttentionWhenIdle) {
    HttpServer server(AnswerOk);
    const int descriptor = transport_->Descriptor();
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
    server.CloseConnections();
    ASSERT_TRUE(DriveUntil(transport_.get(), [&] { return server.Open() == 0; }));
    EXPECT_TRUE(DriveUntil(transport_.get(), [&] { return transport_->TimeoutMs() == -1; }));
    pollfd idle = {transport_->Descriptor(), POLLIN, 0};
    EXPECT_EQ(poll(&idle, 1, 0), 0);
    EXPECT_EQ(transport_->Descriptor(), descriptor);
}

TEST_F(CurlTransportTest, EndsAtOnceWithRequestsInFlightAndLeavesNothingOpen) {
    transport_.reset();
    HttpServer* waiting_for = nullptr;
    HttpServer server([&](const SeenRequest& request) {
        waiting_for->WaitForRelease();
        return AnswerOk(request);
    });
    waiting_for = &server;
    const SilentListener no_handshake;
    const StalledResolver no_address;
    const int before = OpenDescriptors();
    transport_ = MakeCurlTransport(kCap);
    transport_->Start(Request(server.Url()));
    transport_->Start(Request("https://127.0.0.1:" + std::to_string(no_handshake.Port())));
    transport_->Start(Request(std::string("https://") + kStalledHost));
    ASSERT_TRUE(DriveUntil(transport_.get(), [&] {
        return server.RequestCount() == 1 && IsOneLookUp(no_address.Waiting());
    }));
    EXPECT_EQ(transport_->InFlight(), 3);
    transport_.reset();
    EXPECT_TRUE(IsOneLookUp(no_address.Waiting())) << "it has waited for the resolver";
    server.Release();
    for (int i = 0; i < 1000 && server.Open() > 0; i++) {
        poll(nullptr, 0, 10);
    }
    EXPECT_LE(OpenDescriptors(), before + 2);  // the stalled lookup holds a pair of its own
}

TEST_F(CurlTransportTest, AGetHasNoBody) {
    HttpServer server(AnswerOk);
    HttpRequest request;
    request.method = crm_capi::HttpMethod::kGet;
    request.url = server.Url("/v1/events");
    request.allow_plain_http = true;
    EXPECT_EQ(Exchange(transport_.get(), request).http_status, 200);
    ASSERT_EQ(server.RequestCount(), 1);
    EXPECT_EQ(server.Requests().front().start_line, "GET /v1/events HTTP/1.1");
    EXPECT_EQ(server.Requests().front().body, "");
    EXPECT_EQ(server.Requests().front().Header("content-length"), "");
    // The handle is used again, for a request with a body.
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url("/v1/events"))).http_status, 200);
    EXPECT_EQ(server.Requests().back().start_line.substr(0, 5), "POST ");
}

TEST_F(CurlTransportTest, NeverSendsLoopbackTrafficThroughAProxy) {
    HttpServer server(AnswerOk);
    setenv("http_proxy", ("http://127.0.0.1:" + std::to_string(UnusedPort())).c_str(), 1);
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
    unsetenv("http_proxy");
}

TEST_F(CurlTransportTest, ShowsAProxyNoToken) {
    HttpServer proxy([](const SeenRequest&) { return HttpReply(403, "no"); });
    setenv("https_proxy", proxy.Url().c_str(), 1);
    const HttpAnswer answer =
        Exchange(transport_.get(), Request("https://graph.example.test/v1/events"));
    unsetenv("https_proxy");
    EXPECT_EQ(answer.result, TransportResult::kNotSent);
    ASSERT_EQ(proxy.RequestCount(), 1);
    EXPECT_EQ(proxy.Requests().front().start_line, "CONNECT graph.example.test:443 HTTP/1.1");
    EXPECT_EQ(proxy.Requests().front().Header("authorization"), "");
}

}  // namespace
}  // namespace crm_capi_test
