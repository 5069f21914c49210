// curl_transport_http2_test.cpp - HTTP/2, spoken by nghttpx (Debian: nghttp2-proxy) in front of the
// test server. Skipped where that program is missing.
#include <gtest/gtest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>

#include "http_server.hpp"
#include "test_authority.hpp"
#include "transport_driver.hpp"

namespace crm_capi_test {
namespace {

using crm_capi::HttpAnswer;
using crm_capi::HttpRequest;
using crm_capi::MakeCurlTransport;
using crm_capi::TransportResult;

bool Accepts(int port) {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool accepted =
        connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(probe);
    return accepted;
}

// nghttpx between the transport and a test server: TLS and HTTP/2 outside, HTTP/1.1 inside.
class Http2Front {
public:
    Http2Front(int backend_port, TestAuthority* authority) : port_(UnusedPort()) {
        authority->Issue("IP:127.0.0.1");
        log_ = authority->Folder() + "/connections.log";
        const std::vector<std::string> words = {
            "nghttpx",
            "--frontend=127.0.0.1," + std::to_string(port_),
            "--backend=127.0.0.1," + std::to_string(backend_port),
            "--conf=/dev/null",
            "--single-process",
            "--workers=1",
            "--no-ocsp",
            "--errorlog-file=/dev/null",
            "--accesslog-file=" + log_,
            "--accesslog-format=$remote_port",
            authority->KeyFile(),
            authority->CertificateFile()};
        std::vector<char*> arguments;
        for (const std::string& word : words) {
            arguments.push_back(const_cast<char*>(word.c_str()));
        }
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t quiet;
        posix_spawn_file_actions_init(&quiet);
        posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (posix_spawnp(&process_, "nghttpx", &quiet, nullptr, arguments.data(), environ) != 0) {
            process_ = -1;
        }
        posix_spawn_file_actions_destroy(&quiet);
    }

    ~Http2Front() { Kill(); }
    Http2Front(const Http2Front&) = delete;
    Http2Front& operator=(const Http2Front&) = delete;

    // False if there is no nghttpx, or it does not come up.
    bool WaitUntilReady() {
        for (int i = 0; i < 1000 && process_ > 0; i++) {
            if (Accepts(port_)) {
                return true;
            }
            if (waitpid(process_, nullptr, WNOHANG) == process_) {
                process_ = -1;
            }
            poll(nullptr, 0, 10);
        }
        return false;
    }

    void Kill() {
        if (process_ > 0) {
            kill(process_, SIGKILL);
            waitpid(process_, nullptr, 0);
            process_ = -1;
        }
    }

    std::string Url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/v1/events"; }

    // How many requests it has logged, and over how many connections they came.
    std::pair<int, int> RequestsAndConnections() const {
        std::ifstream log(log_);
        std::multiset<std::string> ports;
        for (std::string line; std::getline(log, line);) {
            ports.insert(line);
        }
        return {static_cast<int>(ports.size()),
                static_cast<int>(std::set<std::string>(ports.begin(), ports.end()).size())};
    }

private:
    int port_;
    std::string log_;
    pid_t process_ = -1;
};

class CurlTransportHttp2Test : public testing::Test {
protected:
    void SetUp() override {
        ForgetProxies();
        if (!front_.WaitUntilReady()) {
            GTEST_SKIP() << "no nghttpx here";
        }
    }

    HttpRequest Request() const {
        HttpRequest request = NewRequest(front_.Url());
        request.ca_file = authority_.CaFile();
        request.allow_plain_http = false;
        return request;
    }

    // The log is written after the answer.
    void ExpectLogged(int requests, int most_connections) {
        EXPECT_TRUE(DriveUntil(transport_.get(),
                               [&] { return front_.RequestsAndConnections().first == requests; }));
        EXPECT_LE(front_.RequestsAndConnections().second, most_connections);
    }

    std::string Answer(const SeenRequest&) {
        server_.WaitForRequests(hold_until_requests_);
        return HttpReply(200, std::string(20000, 'x'));
    }

    std::atomic<int> hold_until_requests_{0};
    TestAuthority authority_;
    HttpServer server_{[this](const SeenRequest& request) { return Answer(request); }};
    Http2Front front_{server_.Port(), &authority_};
    std::unique_ptr<crm_capi::Transport> transport_ = MakeCurlTransport(100000);
};

// Nobody is answered before all have arrived, and all came over one connection.
TEST_F(CurlTransportHttp2Test, CarriesManyRequestsAtOnceOverOneConnection) {
    EXPECT_EQ(Exchange(transport_.get(), Request()).http_status, 200);
    hold_until_requests_ = 17;
    for (int i = 0; i < 16; i++) {
        transport_->Start(Request());
    }
    for (const HttpAnswer& answer : TakeAnswers(transport_.get(), 16)) {
        EXPECT_EQ(answer.http_status, 200);
        EXPECT_EQ(answer.body.size(), 20000U);
    }
    for (const SeenRequest& seen : server_.Requests()) {
        EXPECT_EQ(seen.Header("via"), "2 nghttpx");
        EXPECT_EQ(seen.Header("authorization"), std::string("Bearer ") + kToken);
        EXPECT_EQ(seen.Header("user-agent"), "crm_capi/1.0");
    }
    ExpectLogged(17, 1);
}

TEST_F(CurlTransportHttp2Test, BeginsWithABurstAndSettlesOnOneConnection) {
    hold_until_requests_ = 8;
    for (int i = 0; i < 8; i++) {
        transport_->Start(Request());
    }
    for (const HttpAnswer& answer : TakeAnswers(transport_.get(), 8)) {
        EXPECT_EQ(answer.http_status, 200);
    }
    ExpectLogged(8, 8);
    for (int i = 0; i < 50; i++) {
        ASSERT_EQ(Exchange(transport_.get(), Request()).http_status, 200);
    }
    ExpectLogged(58, 8);
}

TEST_F(CurlTransportHttp2Test, KeepsTheConnectionForLaterRequests) {
    for (int i = 0; i < 100; i++) {
        ASSERT_EQ(Exchange(transport_.get(), Request()).http_status, 200);
    }
    EXPECT_TRUE(
        DriveUntil(transport_.get(), [&] { return front_.RequestsAndConnections().first == 100; }));
    EXPECT_EQ(front_.RequestsAndConnections().second, 1);
}

// More than the windows of HTTP/2's flow control, several streams side by side.
TEST_F(CurlTransportHttp2Test, SendsLargeBodiesSideBySide) {
    hold_until_requests_ = 4;
    for (int i = 0; i < 4; i++) {
        HttpRequest request = Request();
        request.body.assign(2000000 + i, 'x');
        transport_->Start(request);
    }
    for (const HttpAnswer& answer : TakeAnswers(transport_.get(), 4)) {
        EXPECT_EQ(answer.http_status, 200) << answer.error;
    }
    std::set<size_t> sizes;
    for (const SeenRequest& seen : server_.Requests()) {
        sizes.insert(seen.body.size());
    }
    EXPECT_EQ(sizes, (std::set<size_t>{2000000, 2000001, 2000002, 2000003}));
}

TEST_F(CurlTransportHttp2Test, WaitsQuietlyForAnAnswer) {
    hold_until_requests_ = 2;
    transport_->Start(Request());
    ASSERT_TRUE(DriveUntil(transport_.get(), [&] { return server_.RequestCount() == 1; }));
    EXPECT_LE(PumpsWanted(transport_.get()), 5);
    server_.Release();
    EXPECT_EQ(TakeAnswer(transport_.get()).http_status, 200);
    EXPECT_TRUE(DriveUntil(transport_.get(), [&] { return transport_->TimeoutMs() == -1; }));
}

TEST_F(CurlTransportHttp2Test, TimeOutOfOneStreamLeavesTheOthersAlone) {
    hold_until_requests_ = 3;
    HttpRequest hasty = Request();
    hasty.timeout_ms = 2000;  // enough for the handshake on a busy machine
    const uint64_t hasty_ticket = transport_->Start(hasty);
    const uint64_t patient_ticket = transport_->Start(Request());
    const HttpAnswer first = TakeAnswer(transport_.get());
    EXPECT_EQ(first.ticket, hasty_ticket);
    EXPECT_EQ(first.result, TransportResult::kMaybeDelivered);
    server_.Release();
    const HttpAnswer second = TakeAnswer(transport_.get());
    EXPECT_EQ(second.ticket, patient_ticket);
    EXPECT_EQ(second.http_status, 200);
}

TEST_F(CurlTransportHttp2Test, DeathOfTheConnectionMakesAllItsRequestsMaybeDelivered) {
    hold_until_requests_ = 100;
    for (int i = 0; i < 3; i++) {
        transport_->Start(Request());
    }
    ASSERT_TRUE(DriveUntil(transport_.get(), [&] { return server_.RequestCount() == 3; }));
    front_.Kill();
    for (const HttpAnswer& answer : TakeAnswers(transport_.get(), 3)) {
        EXPECT_EQ(answer.result, TransportResult::kMaybeDelivered) << answer.error;
    }
    HttpAnswer next = Exchange(transport_.get(), Request());
    for (int kept = 3; kept > 0 && MayHaveMetADeadConnection(next); kept--) {
        next = Exchange(transport_.get(), Request());
    }
    EXPECT_EQ(next.result, TransportResult::kNotSent) << next.error;
}

TEST_F(CurlTransportHttp2Test, EndsAtOnceWithStreamsInFlight) {
    hold_until_requests_ = 100;
    for (int i = 0; i < 3; i++) {
        transport_->Start(Request());
    }
    ASSERT_TRUE(DriveUntil(transport_.get(), [&] { return server_.RequestCount() == 3; }));
    transport_.reset();
}

}  // namespace
}  // namespace crm_capi_test
