// tls_connection.hpp - one client of the load endpoint: bytes in, requests out, answers back.
//
// One thread serves all connections through epoll. A connection carries one request at a time
// (HTTP/1.1 without pipelining), because that is how the clients measured here talk to it.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bench {

// CLOCK_MONOTONIC, which other processes of this machine read as well.
int64_t NowNs();

struct Request {
    int64_t arrived_ns;     // when its first byte was there
    std::string_view path;  // both lie in the connection's memory
    std::string_view body;
};

class TlsConnection {
public:
    // Owns the socket.
    TlsConnection(int socket, SSL_CTX* context);
    ~TlsConnection();
    TlsConnection(const TlsConnection&) = delete;
    TlsConnection& operator=(const TlsConnection&) = delete;

    int Socket() const { return socket_; }
    // Reads what is there. False if the connection is over.
    bool Read();
    // A request that has come in whole; valid until Answer. False if there is none yet.
    bool NextRequest(Request* request);
    // Answers the request. False if the connection is over.
    bool Answer(std::string_view body);
    // Sends what is left of an answer. False if the connection is over.
    bool Flush();
    bool HasUnsent() const { return !out_.empty(); }

private:
    // 0 = the request's head is not complete.
    size_t RequestSize();

    int socket_;
    SSL* tls_;
    std::string in_;
    size_t in_size_ = 0;  // of in_, what has been read
    size_t head_size_ = 0;
    size_t request_size_ = 0;
    int64_t arrived_ns_ = 0;
    std::string out_;
};

}  // namespace bench
