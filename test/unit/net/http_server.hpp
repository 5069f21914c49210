// http_server.hpp - a small HTTP/1.1 server on the loopback interface, for tests of the transport.
//
// One thread accepts, one thread serves each connection. What is answered, and how badly, is the
// handler's choice: it returns the bytes to send as they are, or none to cut the connection. Bytes
// with a line "Connection: close" are the connection's last.
#pragma once

#include <openssl/ssl.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "socket_server.hpp"

namespace crm_capi_test {

struct SeenRequest {
    std::string start_line;                                    // "POST /v1/events HTTP/1.1"
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;
    int connection = 0;  // 1, 2, ... in the order of acceptance

    // The value of the first header of this name; empty if there is none.
    std::string Header(const std::string& name) const;
};

// A complete answer that keeps the connection open. `headers` are whole lines with their ends.
std::string HttpReply(int status, const std::string& body, const std::string& headers = "");

class HttpServer {
public:
    using Handler = std::function<std::string(const SeenRequest&)>;

    // With a TLS context it speaks https. A port of 0 is a free one.
    explicit HttpServer(Handler handler, std::shared_ptr<SSL_CTX> tls = nullptr,
                        const char* address = "127.0.0.1", int port = 0);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    int Port() const { return sockets_.Port(); }
    std::string Url(const std::string& path = "/") const;

    std::vector<SeenRequest> Requests() const;
    int RequestCount() const;
    int Accepted() const { return sockets_.Accepted(); }
    int Open() const { return sockets_.Open(); }

    // New connections are refused from now on.
    void CloseListener() { sockets_.CloseListener(); }
    // Shuts every connection from the server's side.
    void CloseConnections() { sockets_.CloseConnections(); }

    // For handlers: waits until the test calls Release (or the server ends).
    void WaitForRelease();
    // For handlers: waits until this many requests have arrived in all (or Release).
    void WaitForRequests(int count);
    void Release();

private:
    class Connection;

    void Serve(int socket, int number);
    void Record(const SeenRequest& request);

    const Handler handler_;
    const std::shared_ptr<SSL_CTX> tls_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool released_ = false;
    std::vector<SeenRequest> requests_;
    SocketServer sockets_;
};

// Listens and never says a word: connections are established by the kernel, and that is all.
class SilentListener {
public:
    SilentListener();
    ~SilentListener();
    SilentListener(const SilentListener&) = delete;
    SilentListener& operator=(const SilentListener&) = delete;
    int Port() const { return port_; }

private:
    int port_ = 0;  // before socket_, whose initialiser sets it
    int socket_ = -1;
};

// Takes no connection at all: its queue is full, so that whoever knocks waits for an answer, as at
// an address that no packet reaches.
class DeafListener {
public:
    DeafListener(const char* address, int port);
    ~DeafListener();
    DeafListener(const DeafListener&) = delete;
    DeafListener& operator=(const DeafListener&) = delete;

private:
    std::vector<int> sockets_;
};

// A listening socket at an address of the loopback interface; a port of 0 becomes a free one.
// Throws std::runtime_error.
int Listen(const char* address, int* port, int backlog = 128);

// Whether this machine has ::1.
bool HasLoopback6();

// A port on which nobody listens (at the moment of asking).
int UnusedPort();

}  // namespace crm_capi_test
