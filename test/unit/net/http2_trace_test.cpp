// http2_trace_test.cpp - the lines of several libcurl are understood, and no others.
#include "net/http2_trace.hpp"

#include <gtest/gtest.h>

namespace crm_capi {
namespace {

TEST(Http2Trace, ReadsTheNumberOfAStream) {
    EXPECT_EQ(StreamOpenedBy("Using Stream ID: 3 (easy handle 0x55d0c8)\n"), 3u);  // 7.88
    EXPECT_EQ(StreamOpenedBy("Using Stream ID: 15\n"), 15u);                       // 8.2
    EXPECT_EQ(StreamOpenedBy("[HTTP/2] [7] OPENED stream for https://a.test/v27.0/1/events\n"), 7u);
    for (const char* const line : {"", "Using Stream ID: x", "[HTTP/2] [7] [:method: POST]",
                                   "[HTTP/2] [] OPENED stream for a", "> POST / HTTP/2",
                                   "Connection #0 to host a left intact"}) {
        EXPECT_FALSE(StreamOpenedBy(line)) << line;
    }
}

TEST(Http2Trace, ReadsTheLastStreamOfAGoaway) {
    EXPECT_EQ(LastStreamOf("recveived GOAWAY, error=0, last_stream=5\n"), 5u);  // 7.88
    EXPECT_EQ(LastStreamOf("received GOAWAY, error=11, last_stream=0\n"), 0u);  // 8.14
    for (const char* const line : {"", "received GOAWAY", "last_stream=5", "GOAWAY received",
                                   "received GOAWAY, last_stream="}) {
        EXPECT_FALSE(LastStreamOf(line)) << line;
    }
}

TEST(Http2Trace, KnowsRefusalsAndRepetitions) {
    EXPECT_TRUE(TellsOfARefusal("REFUSED_STREAM, retrying a fresh connect\n"));
    EXPECT_TRUE(
        TellsOfARefusal("HTTP/2 stream 3 refused by server, try again on a new connection\n"));
    EXPECT_FALSE(TellsOfARefusal("HTTP/2 stream 3 was not closed cleanly: CANCEL (err 8)\n"));
    EXPECT_TRUE(TellsOfARepetition("Connection died, retrying a fresh connect (retry count: 1)\n"));
    EXPECT_FALSE(TellsOfARepetition("Connection died, tried 5 times before giving up\n"));
}

}  // namespace
}  // namespace crm_capi
