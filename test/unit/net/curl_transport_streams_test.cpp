// curl_transport_streams_test.cpp - what a peer says that it has not acted on is not in doubt, and
// nothing else is taken for that.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "http2_server.hpp"
#include "http_server.hpp"
#include "test_authority.hpp"
#include "transport_driver.hpp"

namespace crm_capi_test {
namespace {

using crm_capi::HttpAnswer;
using crm_capi::HttpRequest;
using crm_capi::MakeCurlTransport;
using crm_capi::TransportResult;

FrameReply Ok(const SeenStream& seen) {
    return {OkFrames(seen.stream, kBody)};
}

class CurlTransportStreamsTest : public CurlTransportFixture {
protected:
    HttpRequest Request(int port) const {
        HttpRequest request =
            CurlTransportFixture::Request("https://127.0.0.1:" + std::to_string(port) + "/");
        request.allow_plain_http = false;
        return request;
    }

    std::shared_ptr<SSL_CTX> Tls() { return authority_.Issue("IP:127.0.0.1"); }

    std::unique_ptr<crm_capi::Transport> transport_ = MakeCurlTransport(100000);
};

TEST_F(CurlTransportStreamsTest, ARefusedStreamGoesAgainOverAnotherConnection) {
    Http2Server server(
        [](const SeenStream& seen) {
            return seen.connection == 1 ? FrameReply{ResetFrame(seen.stream, kRefusedStream)}
                                        : Ok(seen);
        },
        Tls());
    const HttpAnswer answer = Exchange(transport_.get(), Request(server.Port()));
    EXPECT_EQ(answer.result, TransportResult::kAnswered) << answer.error;
    EXPECT_EQ(answer.body, kBody);
    EXPECT_EQ(server.StreamCount(), 2);
    EXPECT_EQ(server.Streams()[1].body, Request(1).body) << "whole, and once";
}

// Where the connection had been used before, libcurl tells the two apart no more.
TEST_F(CurlTransportStreamsTest, ARefusedStreamOfAKeptConnectionGoesAgainToo) {
    Http2Server server(
        [](const SeenStream& seen) {
            return seen.connection == 1 && seen.stream > 1
                       ? FrameReply{ResetFrame(seen.stream, kRefusedStream)}
                       : Ok(seen);
        },
        Tls());
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Port())).http_status, 200);
    const HttpAnswer answer = Exchange(transport_.get(), Request(server.Port()));
    EXPECT_EQ(answer.result, TransportResult::kAnswered) << answer.error;
    EXPECT_EQ(server.StreamCount(), 3);
    EXPECT_EQ(server.Accepted(), 2);
    EXPECT_EQ(server.Streams()[2].body, Request(1).body) << "whole, and once";
}

TEST_F(CurlTransportStreamsTest, AnEndpointThatRefusesEveryStreamHasProcessedNone) {
    Http2Server server(
        [](const SeenStream& seen) { return FrameReply{ResetFrame(seen.stream, kRefusedStream)}; },
        Tls());
    const HttpAnswer answer = Exchange(transport_.get(), Request(server.Port()));
    EXPECT_EQ(answer.result, TransportResult::kNotProcessed) << answer.error;
    EXPECT_LE(server.StreamCount(), 10) << "it is not asked for ever";
}

// As nginx does with its keepalive_requests: the first is answered, and those behind it are named
// as not looked at.
TEST_F(CurlTransportStreamsTest, StreamsBehindTheLastOneOfAGoawayGoAgain) {
    std::atomic<uint32_t> last{0};
    Http2Server server(
        [&](const SeenStream& seen) -> FrameReply {
            if (seen.connection > 1 || seen.stream == 1) {
                return Ok(seen);
            }
            if (last == 0) {
                last = seen.stream;
                return {};
            }
            return seen.stream < last + 4 ? FrameReply{}
                                          : FrameReply{GoawayFrame(last) + OkFrames(last, kBody),
                                                       Then::kCloseInGoodOrder};
        },
        Tls());
    EXPECT_EQ(Exchange(transport_.get(), Request(server.Port())).http_status, 200);
    for (int i = 0; i < 3; i++) {
        transport_->Start(Request(server.Port()));
    }
    for (const HttpAnswer& answer : TakeAnswers(transport_.get(), 3)) {
        EXPECT_EQ(answer.result, TransportResult::kAnswered) << answer.error;
        EXPECT_EQ(answer.body, kBody);
    }
    const std::vector<SeenStream> streams = server.Streams();
    EXPECT_EQ(std::count_if(streams.begin(), streams.end(),
                            [](const SeenStream& seen) { return seen.connection > 1; }),
              2);
}

// The peer may have acted on these: nobody has said that it did not.
TEST_F(CurlTransportStreamsTest, StreamsThatEndInAnyOtherWayAreMaybeDelivered) {
    const std::function<FrameReply(const SeenStream&)> ends[] = {
        [](const SeenStream& seen) { return FrameReply{ResetFrame(seen.stream, kInternalError)}; },
        [](const SeenStream& seen) { return FrameReply{ResetFrame(seen.stream, kCancel)}; },
        [](const SeenStream&) { return FrameReply{"", Then::kCut}; },
        [](const SeenStream&) { return FrameReply{"", Then::kCloseInGoodOrder}; },
        [](const SeenStream& seen) { return FrameReply{GoawayFrame(seen.stream), Then::kCut}; },
        [](const SeenStream& seen) {
            return FrameReply{GoawayFrame(seen.stream), Then::kCloseInGoodOrder};
        },
        [](const SeenStream&) { return FrameReply{"no frame at all", Then::kCut}; },
    };
    for (const bool is_kept : {false, true}) {
        for (size_t i = 0; i < std::size(ends); i++) {
            Http2Server server(
                [&](const SeenStream& seen) {
                    return is_kept && seen.stream == 1 ? Ok(seen) : ends[i](seen);
                },
                Tls());
            if (is_kept) {
                EXPECT_EQ(Exchange(transport_.get(), Request(server.Port())).http_status, 200);
            }
            const HttpAnswer answer = Exchange(transport_.get(), Request(server.Port()));
            EXPECT_EQ(answer.result, TransportResult::kMaybeDelivered)
                << "end " << i << (is_kept ? " of a kept connection" : "") << ": " << answer.error;
            EXPECT_EQ(server.StreamCount(), is_kept ? 2 : 1)
                << "end " << i << ": it is not repeated";
        }
    }
}

TEST_F(CurlTransportStreamsTest, ACompleteAnswerCountsHoweverTheConnectionEnds) {
    for (const Then then : {Then::kCut, Then::kCloseInGoodOrder}) {
        Http2Server server(
            [then](const SeenStream& seen) {
                return FrameReply{OkFrames(seen.stream, kBody), then};
            },
            Tls());
        const HttpAnswer answer = Exchange(transport_.get(), Request(server.Port()));
        EXPECT_EQ(answer.result, TransportResult::kAnswered) << answer.error;
        EXPECT_EQ(answer.body, kBody);
    }
}

// HTTP/1, where the end of the connection is the end of the answer. The server of these tests never
// says close_notify.
TEST_F(CurlTransportStreamsTest, AnAnswerThatEndsWithItsTlsConnectionCounts) {
    const std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    const struct {
        std::string answer;
        TransportResult result;
    } cases[] = {
        {head + "\r\n" + kBody, TransportResult::kAnswered},
        {head + "Content-Length: 21\r\n\r\n" + kBody, TransportResult::kAnswered},
        {head + "Content-Length: 30\r\n\r\n" + kBody, TransportResult::kMaybeDelivered},
        {head + "Transfer-Encoding: chunked\r\n\r\n15\r\n" + kBody,
         TransportResult::kMaybeDelivered},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Le", TransportResult::kMaybeDelivered},
    };
    for (const auto& c : cases) {
        HttpServer server([&](const SeenRequest&) { return c.answer; }, Tls());
        const HttpAnswer answer = Exchange(transport_.get(), Request(server.Port()));
        EXPECT_EQ(answer.result, c.result) << c.answer << ": " << answer.error;
        EXPECT_EQ(answer.body, c.result == TransportResult::kAnswered ? kBody : "");
    }
}

}  // namespace
}  // namespace crm_capi_test
