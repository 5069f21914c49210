// http2_server.cpp - see http2_server.hpp. Frames are those of RFC 9113, headers those of RFC 7541:
// a status of 200 is one byte of its static table, and what a request says is not looked at.
#include "http2_server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "http_server.hpp"

namespace crm_capi_test {

namespace {

enum FrameType : uint8_t {
    kData = 0,
    kHeaders = 1,
    kReset = 3,
    kSettings = 4,
    kPing = 6,
    kGoaway = 7,
    kWindowUpdate = 8,
};

constexpr uint8_t kAck = 1;
constexpr uint8_t kEndStream = 1;
constexpr uint8_t kEndHeaders = 4;
constexpr size_t kPrefaceLength = 24;
constexpr size_t kHeadLength = 9;

std::string Bytes(uint32_t number, int count) {
    std::string bytes;
    for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>(number >> shift & 0xFF));
    }
    return bytes;
}

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, const std::string& payload) {
    return Bytes(static_cast<uint32_t>(payload.size()), 3) + Bytes(type, 1) + Bytes(flags, 1) +
           Bytes(stream, 4) + payload;
}

uint32_t NumberIn(const std::string& bytes, size_t at, size_t count) {
    uint32_t number = 0;
    for (size_t i = at; i < at + count; ++i) {
        number = number << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return number;
}

// Says that nothing follows, and hears the peer out: a close with something unread would take back
// what has been said.
void FinishOff(int socket) {
    char bytes[4096];
    shutdown(socket, SHUT_WR);
    while (recv(socket, bytes, sizeof(bytes), 0) > 0) {
    }
}

int ChooseHttp2(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char*,
                unsigned, void*) {
    static const unsigned char kHttp2[] = {'h', '2'};
    *chosen = kHttp2;
    *length = sizeof(kHttp2);
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

std::string OkFrames(uint32_t stream, const std::string& body) {
    return Frame(kHeaders, kEndHeaders, stream, "\x88") + Frame(kData, kEndStream, stream, body);
}

std::string ResetFrame(uint32_t stream, uint32_t error_code) {
    return Frame(kReset, 0, stream, Bytes(error_code, 4));
}

std::string GoawayFrame(uint32_t last_stream) {
    return Frame(kGoaway, 0, 0, Bytes(last_stream, 4) + Bytes(0, 4));
}

class Http2Server::Connection {
public:
    Connection(int socket, SSL_CTX* tls) : ssl_(SSL_new(tls)) {
        SSL_set_fd(ssl_.get(), socket);
        ready_ = SSL_accept(ssl_.get()) == 1;
    }

    bool Greet() {
        return ready_ && Read(kPrefaceLength, &head_) && Write(Frame(kSettings, 0, 0, ""));
    }

    // The next request that is whole; false once the peer is gone.
    bool ReadStream(SeenStream* seen) {
        std::string payload;
        while (Read(kHeadLength, &head_) && Read(NumberIn(head_, 0, 3), &payload)) {
            const auto flags = static_cast<uint8_t>(head_[4]);
            const uint32_t stream = NumberIn(head_, 5, 4);
            switch (static_cast<uint8_t>(head_[3])) {
                case kSettings:
                    if ((flags & kAck) == 0 && !Write(Frame(kSettings, kAck, 0, ""))) {
                        return false;
                    }
                    break;
                case kPing:
                    if ((flags & kAck) == 0 && !Write(Frame(kPing, kAck, 0, payload))) {
                        return false;
                    }
                    break;
                case kData:
                    bodies_[stream] += payload;
                    if (!payload.empty() && !Credit(stream, payload.size())) {
                        return false;
                    }
                    break;
                default:
                    break;
            }
            const auto type = static_cast<uint8_t>(head_[3]);
            if ((type == kData || type == kHeaders) && (flags & kEndStream) != 0) {
                seen->stream = stream;
                seen->body = std::exchange(bodies_[stream], "");
                return true;
            }
        }
        return false;
    }

    bool Write(const std::string& bytes) {
        const std::lock_guard<std::mutex> lock(writing_);
        return bytes.empty() ||
               SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
    }

    void SayGoodbye() { SSL_shutdown(ssl_.get()); }

private:
    struct SslDeleter {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };

    bool Credit(uint32_t stream, size_t bytes) {
        const std::string amount = Bytes(static_cast<uint32_t>(bytes), 4);
        return Write(Frame(kWindowUpdate, 0, 0, amount) + Frame(kWindowUpdate, 0, stream, amount));
    }

    bool Read(size_t count, std::string* bytes) {
        bytes->resize(count);
        size_t done = 0;
        while (done < count) {
            const int got =
                SSL_read(ssl_.get(), bytes->data() + done, static_cast<int>(count - done));
            if (got <= 0) {
                return false;
            }
            done += static_cast<size_t>(got);
        }
        return true;
    }

    std::unique_ptr<SSL, SslDeleter> ssl_;
    bool ready_ = false;
    std::mutex writing_;
    std::string head_;
    std::map<uint32_t, std::string> bodies_;
};

Http2Server::Http2Server(Handler handler, std::shared_ptr<SSL_CTX> tls, const char* address,
                         int port)
    : handler_(std::move(handler)), tls_(std::move(tls)), sockets_(address, port) {
    SSL_CTX_set_alpn_select_cb(tls_.get(), ChooseHttp2, nullptr);
    sockets_.Start([this](int socket, int number) { Serve(socket, number); });
}

Http2Server::~Http2Server() {
    sockets_.Stop();
}

std::vector<SeenStream> Http2Server::Streams() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return streams_;
}

int Http2Server::StreamCount() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<int>(streams_.size());
}

void Http2Server::Send(int connection, const std::string& frames) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [number, open] : open_) {
        if (number == connection) {
            open->Write(frames);
        }
    }
}

void Http2Server::Serve(int socket, int number) {
    Connection connection(socket, tls_.get());
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        open_.emplace_back(number, &connection);
    }
    SeenStream seen;
    seen.connection = number;
    Then then = Then::kGoOn;
    bool reading = connection.Greet();
    while (reading && then == Then::kGoOn && (reading = connection.ReadStream(&seen))) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            streams_.push_back(seen);
        }
        const FrameReply reply = handler_(seen);
        then = reply.then;
        reading = connection.Write(reply.frames);
    }
    if (then == Then::kCloseInGoodOrder) {
        connection.SayGoodbye();
    }
    if (then != Then::kGoOn) {
        FinishOff(socket);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    open_.erase(std::find(open_.begin(), open_.end(), std::pair(number, &connection)));
}

}  // namespace crm_capi_test
