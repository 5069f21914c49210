// http_server.cpp - a small HTTP/1.1 server on the loopback interface, for tests of the transport.
#include "http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace crm_capi_test {

namespace {

// Puts the address and the port into *storage and returns how long that is; 0 = it is none.
socklen_t WriteAddress(const char* address, int port, sockaddr_storage* storage) {
    *storage = {};
    auto* const four = reinterpret_cast<sockaddr_in*>(storage);
    auto* const six = reinterpret_cast<sockaddr_in6*>(storage);
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(static_cast<uint16_t>(port));
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(static_cast<uint16_t>(port));
        return sizeof *six;
    }
    return 0;
}

}  // namespace

int Listen(const char* address, int* port, int backlog) {
    sockaddr_storage storage;
    socklen_t length = WriteAddress(address, *port, &storage);
    auto* const generic = reinterpret_cast<sockaddr*>(&storage);
    const int listener = socket(generic->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, generic, length) != 0 || listen(listener, backlog) != 0 ||
        getsockname(listener, generic, &length) != 0) {
        throw std::runtime_error("could not listen on the loopback interface");
    }
    // The port lies at the same place for both families.
    *port = ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
    return listener;
}

bool HasLoopback6() {
    int port = 0;
    try {
        close(Listen("::1", &port));
    } catch (const std::runtime_error&) {
        return false;
    }
    return true;
}

DeafListener::DeafListener(const char* address, int port) {
    sockets_.push_back(Listen(address, &port, 0));
    sockaddr_storage storage;
    const socklen_t length = WriteAddress(address, port, &storage);
    for (int i = 0; i < 8; i++) {
        const int full = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(full, reinterpret_cast<sockaddr*>(&storage), length);
        sockets_.push_back(full);
    }
}

DeafListener::~DeafListener() {
    for (const int socket : sockets_) {
        close(socket);
    }
}

// One connection: bytes in, bytes out, with or without TLS.
class HttpServer::Connection {
public:
    Connection(int socket, SSL_CTX* tls) : socket_(socket) {
        if (tls != nullptr) {
            ssl_.reset(SSL_new(tls));
            SSL_set_fd(ssl_.get(), socket);
            ready_ = SSL_accept(ssl_.get()) == 1;
        }
    }

    bool Ready() const { return ready_; }

    // False once the peer is gone.
    bool ReadRequest(SeenRequest* request) {
        constexpr char kTlsRecord = 0x16;
        size_t end;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
            if (!ReadMore() || buffer_.front() == kTlsRecord) {
                return false;
            }
        }
        ParseHead(buffer_.substr(0, end + 2), request);
        buffer_.erase(0, end + 4);
        const std::string length_text = request->Header("content-length");
        const size_t length = length_text.empty() ? 0 : std::stoul(length_text);
        while (buffer_.size() < length) {
            if (!ReadMore()) {
                return false;
            }
        }
        request->body = buffer_.substr(0, length);
        buffer_.erase(0, length);
        return true;
    }

    void Write(const std::string& bytes) {
        size_t done = 0;
        while (done < bytes.size()) {
            const char* const rest = bytes.data() + done;
            const int size = static_cast<int>(bytes.size() - done);
            const ssize_t sent = ssl_ ? SSL_write(ssl_.get(), rest, size)
                                      : send(socket_, rest, bytes.size() - done, MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            done += static_cast<size_t>(sent);
        }
    }

private:
    struct SslDeleter {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };

    bool ReadMore() {
        char bytes[16384];
        const ssize_t got = ssl_ ? SSL_read(ssl_.get(), bytes, sizeof(bytes))
                                 : recv(socket_, bytes, sizeof(bytes), 0);
        if (got <= 0) {
            return false;
        }
        buffer_.append(bytes, static_cast<size_t>(got));
        return true;
    }

    static void ParseHead(const std::string& head, SeenRequest* request) {
        size_t begin = head.find("\r\n");
        request->start_line = head.substr(0, begin);
        for (begin += 2; begin < head.size();) {
            const size_t end = head.find("\r\n", begin);
            const std::string line = head.substr(begin, end - begin);
            begin = end + 2;
            const size_t colon = line.find(':');
            std::string name = line.substr(0, colon);
            std::transform(name.begin(), name.end(), name.begin(),
                           [](unsigned char c) { return std::tolower(c); });
            const size_t value = line.find_first_not_of(' ', colon + 1);
            request->headers.emplace_back(name,
                                          value == std::string::npos ? "" : line.substr(value));
        }
    }

    const int socket_;
    std::unique_ptr<SSL, SslDeleter> ssl_;
    bool ready_ = true;
    std::string buffer_;
};

std::string SeenRequest::Header(const std::string& name) const {
    for (const auto& header : headers) {
        if (header.first == name) {
            return header.second;
        }
    }
    return "";
}

std::string HttpReply(int status, const std::string& body, const std::string& headers) {
    return "HTTP/1.1 " + std::to_string(status) + " Whatever\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

HttpServer::HttpServer(Handler handler, std::shared_ptr<SSL_CTX> tls, const char* address, int port)
    : handler_(std::move(handler)), tls_(std::move(tls)), sockets_(address, port) {
    sockets_.Start([this](int socket, int number) { Serve(socket, number); });
}

HttpServer::~HttpServer() {
    Release();
    sockets_.Stop();
}

std::string HttpServer::Url(const std::string& path) const {
    return (tls_ ? "https" : "http") + ("://127.0.0.1:" + std::to_string(Port())) + path;
}

std::vector<SeenRequest> HttpServer::Requests() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
}

int HttpServer::RequestCount() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<int>(requests_.size());
}

void HttpServer::WaitForRelease() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return released_; });
}

void HttpServer::WaitForRequests(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return released_ || static_cast<int>(requests_.size()) >= count; });
}

void HttpServer::Release() {
    const std::lock_guard<std::mutex> lock(mutex_);
    released_ = true;
    changed_.notify_all();
}

void HttpServer::Serve(int socket, int number) {
    Connection connection(socket, tls_.get());
    SeenRequest request;
    while (connection.Ready() && connection.ReadRequest(&request)) {
        request.connection = number;
        Record(request);
        const std::string answer = handler_(request);
        if (answer.empty()) {
            break;
        }
        connection.Write(answer);
        if (answer.find("Connection: close\r\n") != std::string::npos) {
            break;
        }
        request = SeenRequest();
    }
}

void HttpServer::Record(const SeenRequest& request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
}

SilentListener::SilentListener() : socket_(Listen("127.0.0.1", &port_)) {}

SilentListener::~SilentListener() {
    close(socket_);
}

int UnusedPort() {
    int port = 0;
    close(Listen("127.0.0.1", &port));
    return port;
}

}  // namespace crm_capi_test
