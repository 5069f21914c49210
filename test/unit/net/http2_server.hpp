// http2_server.hpp - a small HTTP/2 server on the loopback interface, for what no well-behaved one
// can be asked to do: refuse streams, name the last one it has looked at, and hang up.
//
// One thread accepts, one thread serves each connection. It reads requests without their headers,
// and what is answered is the handler's choice: frames, made by the functions below.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "socket_server.hpp"

namespace crm_capi_test {

// A request that has arrived whole.
struct SeenStream {
    int connection = 0;  // 1, 2, ... in the order of acceptance
    uint32_t stream = 0;
    std::string body;
};

// Frames that end a stream, or say something of the connection's streams.
std::string OkFrames(uint32_t stream, const std::string& body);
std::string ResetFrame(uint32_t stream, uint32_t error_code);
std::string GoawayFrame(uint32_t last_stream);

constexpr uint32_t kInternalError = 2;
constexpr uint32_t kRefusedStream = 7;
constexpr uint32_t kCancel = 8;

// How a connection goes on when the frames are sent.
enum class Then { kGoOn, kCut, kCloseInGoodOrder };

struct FrameReply {
    std::string frames;
    Then then = Then::kGoOn;
};

class Http2Server {
public:
    using Handler = std::function<FrameReply(const SeenStream&)>;

    // `tls` is changed: it agrees on HTTP/2 from now on. A port of 0 is a free one.
    Http2Server(Handler handler, std::shared_ptr<SSL_CTX> tls, const char* address = "127.0.0.1",
                int port = 0);
    ~Http2Server();
    Http2Server(const Http2Server&) = delete;
    Http2Server& operator=(const Http2Server&) = delete;

    int Port() const { return sockets_.Port(); }
    std::vector<SeenStream> Streams() const;
    int StreamCount() const;
    int Accepted() const { return sockets_.Accepted(); }
    // Sends frames over a connection that is still open, from any thread.
    void Send(int connection, const std::string& frames);

private:
    class Connection;

    void Serve(int socket, int number);

    const Handler handler_;
    const std::shared_ptr<SSL_CTX> tls_;
    mutable std::mutex mutex_;
    std::vector<SeenStream> streams_;
    std::vector<std::pair<int, Connection*>> open_;
    SocketServer sockets_;
};

}  // namespace crm_capi_test
