// tls_connection.cpp - see tls_connection.hpp.
#include "tls_connection.hpp"

#include <openssl/err.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace bench {

namespace {

constexpr size_t kFirstBuffer = 512 * 1024;  // a request of a thousand events
constexpr size_t kLargestRead = 64 * 1024;

// The value of Content-Length; 0 if there is none.
size_t ContentLength(std::string_view head) {
    constexpr std::string_view kName = "\r\ncontent-length:";
    for (size_t at = head.find("\r\n"); at != std::string_view::npos;
         at = head.find("\r\n", at + 2)) {
        if (head.size() - at > kName.size() &&
            strncasecmp(head.data() + at, kName.data(), kName.size()) == 0) {
            return std::strtoull(head.data() + at + kName.size(), nullptr, 10);
        }
    }
    return 0;
}

}  // namespace

int64_t NowNs() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

TlsConnection::TlsConnection(int socket, SSL_CTX* context)
    : socket_(socket), tls_(SSL_new(context)) {
    if (tls_ == nullptr) {
        throw std::runtime_error("SSL_new failed");
    }
    SSL_set_fd(tls_, socket);
    SSL_set_accept_state(tls_);
    in_.resize(kFirstBuffer);
}

TlsConnection::~TlsConnection() {
    SSL_free(tls_);
    close(socket_);
}

bool TlsConnection::Read() {
    for (;;) {
        if (in_.size() - in_size_ < kLargestRead) {
            in_.resize(in_.size() * 2);
        }
        ERR_clear_error();  // what another connection has met would be taken for this one's end
        const int got = SSL_read(tls_, in_.data() + in_size_, kLargestRead);
        if (got <= 0) {
            const int error = SSL_get_error(tls_, got);
            return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        }
        if (in_size_ == 0) {
            arrived_ns_ = NowNs();
        }
        in_size_ += static_cast<size_t>(got);
    }
}

size_t TlsConnection::RequestSize() {
    if (request_size_ == 0) {
        const std::string_view seen(in_.data(), in_size_);
        const size_t end = seen.find("\r\n\r\n");
        if (end == std::string_view::npos) {
            return 0;
        }
        head_size_ = end + 4;
        request_size_ = head_size_ + ContentLength(seen.substr(0, head_size_));
    }
    return request_size_;
}

bool TlsConnection::NextRequest(Request* request) {
    const size_t size = RequestSize();
    if (size == 0 || in_size_ < size) {
        return false;
    }
    const std::string_view head(in_.data(), head_size_);
    const size_t path = std::min(head.find(' '), head.size() - 1) + 1;
    request->arrived_ns = arrived_ns_;
    request->path = head.substr(path, head.find(' ', path) - path);
    request->body = std::string_view(in_.data() + head_size_, size - head_size_);
    return true;
}

bool TlsConnection::Answer(std::string_view body) {
    in_size_ = 0;
    request_size_ = 0;
    out_.append("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n\r\n")
        .append(body);
    return Flush();
}

bool TlsConnection::Flush() {
    if (out_.empty()) {
        return true;
    }
    ERR_clear_error();
    const int sent = SSL_write(tls_, out_.data(), static_cast<int>(out_.size()));
    if (sent <= 0) {
        const int error = SSL_get_error(tls_, sent);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    }
    out_.clear();
    return true;
}

}  // namespace bench
