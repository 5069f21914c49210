// curl_transport_failure_test.cpp - failures, and what each says about the request's whereabouts.
#include <gtest/gtest.h>

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

std::string LoopbackUrl(const char* scheme, int port) {
    return scheme + ("://127.0.0.1:" + std::to_string(port)) + "/";
}

class CurlTransportFailureTest : public CurlTransportFixture {
protected:
    void ExpectNotSent(HttpRequest request, const std::string& error) {
        const HttpAnswer answer = Exchange(transport_.get(), std::move(request));
        EXPECT_EQ(answer.result, TransportResult::kNotSent);
        EXPECT_EQ(answer.http_status, 0);
        EXPECT_NE(answer.error.find(error), std::string::npos) << answer.error;
    }

    void ExpectMaybeDelivered(HttpRequest request) {
        const HttpAnswer answer = Exchange(transport_.get(), std::move(request));
        EXPECT_EQ(answer.result, TransportResult::kMaybeDelivered) << answer.error;
        EXPECT_EQ(answer.body, "");
    }

    std::unique_ptr<crm_capi::Transport> transport_ = MakeCurlTransport(100000);
};

// Nothing left.

TEST_F(CurlTransportFailureTest, RefusedConnectionIsNotSent) {
    ExpectNotSent(Request(LoopbackUrl("http", UnusedPort())), "onnect to server");
    ExpectNotSent(Request(LoopbackUrl("https", UnusedPort())), "onnect to server");
}

TEST_F(CurlTransportFailureTest, UnknownHostIsNotSent) {
    ExpectNotSent(Request(std::string("https://") + kUnknownHost), "resolve");
}

TEST_F(CurlTransportFailureTest, UnknownAuthorityIsNotSent) {
    HttpServer server(AnswerOk, authority_.Issue("IP:127.0.0.1"));
    const TestAuthority stranger;
    HttpRequest request = Request(server.Url());
    request.ca_file = stranger.CaFile();
    ExpectNotSent(request, "certificate");
    request.ca_file.clear();  // nor does the system know it
    ExpectNotSent(request, "certificate");
    EXPECT_EQ(server.RequestCount(), 0);
}

TEST_F(CurlTransportFailureTest, MissingAuthorityFileIsNotSent) {
    HttpServer server(AnswerOk, authority_.Issue("IP:127.0.0.1"));
    HttpRequest request = Request(server.Url());
    request.ca_file = authority_.Folder() + "/missing.pem";
    ExpectNotSent(request, "");
    EXPECT_EQ(server.RequestCount(), 0);
}

TEST_F(CurlTransportFailureTest, CertificateOfAnotherHostIsNotSent) {
    HttpServer server(AnswerOk, authority_.Issue("DNS:other.test"));
    ExpectNotSent(Request(server.Url()), "127.0.0.1");
    EXPECT_EQ(server.RequestCount(), 0);
}

TEST_F(CurlTransportFailureTest, TlsToAPlainServerIsNotSent) {
    HttpServer server(AnswerOk);
    ExpectNotSent(Request(LoopbackUrl("https", server.Port())), "SSL");
}

TEST_F(CurlTransportFailureTest, TimeOutDuringTheHandshakeIsNotSent) {
    const SilentListener listener;
    HttpRequest request = Request(LoopbackUrl("https", listener.Port()));
    request.timeout_ms = 100;
    ExpectNotSent(request, "Timeout");
}

// The lookup's thread is left alone: Pump must not wait for it, and no signal may run there.
TEST_F(CurlTransportFailureTest, TimeOutDuringTheLookupIsNotSentAndDoesNotBlock) {
    const StalledResolver resolver;
    HttpRequest request = Request(std::string("https://") + kStalledHost);
    request.timeout_ms = 100;
    ExpectNotSent(request, "Timeout");
    EXPECT_TRUE(IsOneLookUp(resolver.Waiting())) << resolver.Waiting();
    EXPECT_TRUE(resolver.SignalsWereBlocked());
}

TEST_F(CurlTransportFailureTest, PlainHttpIsRefusedUnlessAllowed) {
    HttpServer server(AnswerOk);
    HttpRequest request = Request(server.Url());
    request.allow_plain_http = false;
    ExpectNotSent(request, "protocol");
    EXPECT_EQ(server.Accepted(), 0);
}

TEST_F(CurlTransportFailureTest, PlainHttpIsRefusedToAnotherMachine) {
    ExpectNotSent(Request("http://192.0.2.1/"), "protocol");
    ExpectNotSent(Request("http://127.0.0.1.example.test/"), "protocol");
}

TEST_F(CurlTransportFailureTest, OtherProtocolsAndBadUrlsAreNotSent) {
    ExpectNotSent(Request("ftp://127.0.0.1/"), "");
    ExpectNotSent(Request("file:///etc/passwd"), "");
    ExpectNotSent(Request("127.0.0.1:1/"), "");
    ExpectNotSent(Request("https://user:password@127.0.0.1/"), "");
    ExpectNotSent(Request("https://a b/"), "");
    ExpectNotSent(Request(""), "");
    ExpectNotSent(Request(std::string("https://127.0.0.1/\0cut", 21)), "");
}

TEST_F(CurlTransportFailureTest, HeaderWithALineBreakIsNotSent) {
    HttpServer server(AnswerOk);
    HttpRequest request = Request(server.Url());
    request.body.clear();
    EXPECT_EQ(Exchange(transport_.get(), request).http_status, 200);  // of which nothing may stick
    request.headers.push_back("X-Token: a\nX-Smuggled: b");
    ExpectNotSent(request, "bad argument");
    EXPECT_EQ(server.RequestCount(), 1);
}

// It left, or may have left.

TEST_F(CurlTransportFailureTest, CutWithoutAnAnswerIsMaybeDelivered) {
    HttpServer server([](const SeenRequest&) { return ""; });
    ExpectMaybeDelivered(Request(server.Url()));
    HttpServer tls_server([](const SeenRequest&) { return ""; }, authority_.Issue("IP:127.0.0.1"));
    ExpectMaybeDelivered(Request(tls_server.Url()));
    EXPECT_EQ(server.RequestCount() + tls_server.RequestCount(), 2);
}

TEST_F(CurlTransportFailureTest, AnswerCutInTheMiddleIsMaybeDelivered) {
    HttpServer server([](const SeenRequest&) {
        return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{\"events";
    });
    ExpectMaybeDelivered(Request(server.Url()));
    EXPECT_EQ(server.RequestCount(), 1);
}

TEST_F(CurlTransportFailureTest, AnswerThatIsNotHttpIsMaybeDelivered) {
    HttpServer server([](const SeenRequest&) { return "SSH-2.0-OpenSSH_9.2\r\n"; });
    ExpectMaybeDelivered(Request(server.Url()));
}

TEST_F(CurlTransportFailureTest, TimeOutAfterSendingIsMaybeDelivered) {
    HttpServer* waiting_for = nullptr;
    HttpServer server([&](const SeenRequest&) {
        waiting_for->WaitForRelease();
        return "";
    });
    waiting_for = &server;
    HttpRequest request = Request(server.Url());
    request.timeout_ms = 200;
    ExpectMaybeDelivered(request);
    EXPECT_EQ(server.RequestCount(), 1);
}

TEST_F(CurlTransportFailureTest, TimeOutOfAnEmptyBodyAfterSendingIsMaybeDelivered) {
    const SilentListener listener;
    HttpRequest request = Request(LoopbackUrl("http", listener.Port()));
    request.timeout_ms = 200;
    request.body.clear();
    ExpectMaybeDelivered(request);
}

// Nobody can have read its end.
TEST_F(CurlTransportFailureTest, TimeOutInTheMiddleOfTheBodyIsNotProcessed) {
    const SilentListener listener;
    HttpRequest request = Request(LoopbackUrl("http", listener.Port()));
    request.timeout_ms = 200;
    request.body.assign(50000000, 'x');
    EXPECT_EQ(Exchange(transport_.get(), request).result, TransportResult::kNotProcessed);
}

// libcurl would send again over a new connection, and nobody would know of the first time.
TEST_F(CurlTransportFailureTest, DeathOfAKeptConnectionDoesNotSendTwice) {
    for (const bool with_tls : {false, true}) {
        int requests = 0;
        HttpServer server(
            [&](const SeenRequest& request) { return ++requests == 2 ? "" : AnswerOk(request); },
            with_tls ? authority_.Issue("IP:127.0.0.1") : nullptr);
        EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
        ExpectMaybeDelivered(Request(server.Url()));
        EXPECT_EQ(server.RequestCount(), 2);
        EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
        EXPECT_EQ(server.RequestCount(), 3);
    }
}

// libcurl's own code is "could not connect" here.
TEST_F(CurlTransportFailureTest, DeathOfAKeptConnectionAndOfTheServerIsMaybeDelivered) {
    HttpServer* own = nullptr;
    int requests = 0;
    HttpServer server([&](const SeenRequest& request) -> std::string {
        if (++requests == 1) {
            return AnswerOk(request);
        }
        own->CloseListener();
        return "";
    });
    own = &server;
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
    ExpectMaybeDelivered(Request(server.Url()));
    EXPECT_EQ(server.RequestCount(), 2);
}

// The transport itself.

TEST_F(CurlTransportFailureTest, RefusalOfTheKernelEndsAllRequestsAndIsOvercome) {
    HttpServer server(AnswerOk);
    transport_->Start(Request(server.Url()));
    transport_->Start(Request(server.Url()));
    {
        const RefusedEpoll refused;
        for (const HttpAnswer& answer : TakeAnswers(transport_.get(), 2)) {
            EXPECT_EQ(answer.result, TransportResult::kNotSent);
        }
    }
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Url())).http_status, 200);
}

TEST_F(CurlTransportFailureTest, FailuresDoNotSpoilTheHandleForTheNextRequest) {
    HttpServer server(AnswerOk, authority_.Issue("IP:127.0.0.1"));
    for (int i = 0; i < 20; i++) {
        ExpectNotSent(Request(LoopbackUrl("https", UnusedPort())), "");
        const HttpAnswer answer = Exchange(transport_.get(), Request(server.Url()));
        EXPECT_EQ(answer.result, TransportResult::kAnswered);
        EXPECT_EQ(answer.error, "");
    }
}

}  // namespace
}  // namespace crm_capi_test
