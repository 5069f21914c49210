// load_endpoint.cpp - a stand-in for Meta that costs next to nothing: for load, not for judgement.
//
//     load_endpoint CERTIFICATE KEY
//
// Prints its port, then obeys lines on standard input and answers each with one line:
//
//   - latency MS: every request is answered so long after it came in
//   - slow PATH-PART MS: those whose path contains the part take that long instead; 0 ends it
//   - reset: counts from nothing
//   - await EVENTS: answers with the counts when so many events have come in
//   - stats: answers with the counts now
//   - probes: answers with [number, ns] of each event named "probe-NUMBER" since reset
//
// What it accepts it does not look at, but for the number of "event_name" members in it.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "tls_connection.hpp"

namespace bench {

namespace {

constexpr int64_t kNsPerMs = 1000000;
constexpr std::string_view kEventMark = "\"event_name\":";
constexpr std::string_view kProbeMark = "\"event_name\":\"probe-";

struct Counts {
    int64_t events = 0;
    int64_t requests = 0;
    int64_t bytes = 0;
    int64_t first_ns = 0;
    int64_t last_ns = 0;
    size_t peak_connections = 0;
};

class LoadEndpoint {
public:
    LoadEndpoint(const char* certificate, const char* key);
    int Port() const;
    void Serve();

private:
    void Accept();
    void Talk(int socket);
    void Take(TlsConnection* connection, const Request& request);
    void NoteProbes(const Request& request);
    void AnswerDue();
    void Reply(int socket, int64_t events);
    void Drop(int socket);
    void Watch(int socket, uint32_t events, int operation) const;
    int64_t LatencyNs(std::string_view path) const;
    int WaitMs() const;
    bool Obey();
    void Obey(const std::string& line);
    void PrintCounts() const;

    struct Answer {
        int socket;
        int64_t serial;  // of the connection: its socket's number may be somebody else's by then
        int64_t events;
    };

    SSL_CTX* tls_;
    int listener_;
    int epoll_;
    int64_t latency_ns_ = 0;
    int64_t awaited_ = -1;
    int64_t last_serial_ = 0;
    std::map<std::string, int64_t> slow_;
    std::unordered_map<int, std::unique_ptr<TlsConnection>> connections_;
    std::unordered_map<int, int64_t> serials_;
    std::multimap<int64_t, Answer> due_;
    std::vector<std::pair<int64_t, int64_t>> probes_;
    Counts counts_;
    std::string commands_;
};

LoadEndpoint::LoadEndpoint(const char* certificate, const char* key)
    : tls_(SSL_CTX_new(TLS_server_method())),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (SSL_CTX_use_certificate_chain_file(tls_, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_, key, SSL_FILETYPE_PEM) != 1 ||
        bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, 1024) != 0) {
        throw std::runtime_error("could not listen");
    }
    SSL_CTX_set_mode(tls_, SSL_MODE_RELEASE_BUFFERS);
    Watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    Watch(STDIN_FILENO, EPOLLIN, EPOLL_CTL_ADD);
}

int LoadEndpoint::Port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

void LoadEndpoint::Watch(int socket, uint32_t events, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = socket;
    if (epoll_ctl(epoll_, operation, socket, &event) != 0) {
        throw std::runtime_error("epoll_ctl failed");
    }
}

void LoadEndpoint::Serve() {
    std::vector<epoll_event> events(128);
    for (;;) {
        const int count =
            epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), WaitMs());
        for (int i = 0; i < count; ++i) {
            const int ready = events[i].data.fd;
            if (ready == listener_) {
                Accept();
            } else if (ready != STDIN_FILENO) {
                Talk(ready);
            } else if (!Obey()) {
                return;
            }
        }
        AnswerDue();
        if (awaited_ >= 0 && counts_.events >= awaited_) {
            awaited_ = -1;
            PrintCounts();
        }
    }
}

int LoadEndpoint::WaitMs() const {
    if (due_.empty()) {
        return -1;
    }
    const int64_t rest = due_.begin()->first - NowNs();
    return rest <= 0 ? 0 : static_cast<int>((rest + kNsPerMs - 1) / kNsPerMs);
}

void LoadEndpoint::Accept() {
    for (;;) {
        const int socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0) {
            return;
        }
        const int on = 1;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections_[socket] = std::make_unique<TlsConnection>(socket, tls_);
        serials_[socket] = ++last_serial_;
        counts_.peak_connections = std::max(counts_.peak_connections, connections_.size());
        Watch(socket, EPOLLIN, EPOLL_CTL_ADD);
    }
}

void LoadEndpoint::Drop(int socket) {
    connections_.erase(socket);
    serials_.erase(socket);
}

void LoadEndpoint::Talk(int socket) {
    const auto found = connections_.find(socket);
    if (found == connections_.end()) {
        return;
    }
    TlsConnection* const connection = found->second.get();
    const bool had_unsent = connection->HasUnsent();
    Request request{};
    if (!connection->Flush() || !connection->Read()) {
        Drop(socket);
        return;
    }
    if (had_unsent && !connection->HasUnsent()) {
        Watch(socket, EPOLLIN, EPOLL_CTL_MOD);
    }
    if (connection->NextRequest(&request)) {
        Take(connection, request);
    }
}

void LoadEndpoint::Take(TlsConnection* connection, const Request& request) {
    int64_t events = 0;
    for (size_t at = request.body.find(kEventMark); at != std::string_view::npos;
         at = request.body.find(kEventMark, at + kEventMark.size())) {
        ++events;
    }
    NoteProbes(request);
    counts_.first_ns = counts_.requests == 0 ? request.arrived_ns : counts_.first_ns;
    counts_.last_ns = NowNs();
    counts_.events += events;
    counts_.requests += 1;
    counts_.bytes += static_cast<int64_t>(request.body.size());
    const int64_t latency = LatencyNs(request.path);
    if (latency == 0) {
        Reply(connection->Socket(), events);
    } else {
        const int socket = connection->Socket();
        due_.emplace(counts_.last_ns + latency, Answer{socket, serials_[socket], events});
        // Known already; the request stays in the connection until it is answered.
        Watch(socket, 0, EPOLL_CTL_MOD);
    }
}

void LoadEndpoint::NoteProbes(const Request& request) {
    const std::string_view body = request.body;
    for (size_t at = body.find(kProbeMark); at != std::string_view::npos;
         at = body.find(kProbeMark, at + kProbeMark.size())) {
        probes_.emplace_back(std::strtoll(body.data() + at + kProbeMark.size(), nullptr, 10),
                             request.arrived_ns);
    }
}

int64_t LoadEndpoint::LatencyNs(std::string_view path) const {
    for (const auto& [part, latency] : slow_) {
        if (path.find(part) != std::string_view::npos) {
            return latency;
        }
    }
    return latency_ns_;
}

void LoadEndpoint::AnswerDue() {
    while (!due_.empty() && due_.begin()->first <= NowNs()) {
        const Answer answer = due_.begin()->second;
        due_.erase(due_.begin());
        const auto serial = serials_.find(answer.socket);
        if (serial != serials_.end() && serial->second == answer.serial) {
            Watch(answer.socket, EPOLLIN, EPOLL_CTL_MOD);
            Reply(answer.socket, answer.events);
        }
    }
}

void LoadEndpoint::Reply(int socket, int64_t events) {
    TlsConnection* const connection = connections_[socket].get();
    const std::string body = "{\"events_received\":" + std::to_string(events) +
                             ",\"messages\":[],\"fbtrace_id\":\"ABenchTrace0123456789\"}";
    if (!connection->Answer(body)) {
        Drop(socket);
    } else if (connection->HasUnsent()) {
        Watch(socket, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
}

// False when whoever gave the commands is gone.
bool LoadEndpoint::Obey() {
    char buffer[4096];
    const ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
    if (size <= 0) {
        return false;
    }
    commands_.append(buffer, static_cast<size_t>(size));
    for (size_t end = commands_.find('\n'); end != std::string::npos; end = commands_.find('\n')) {
        Obey(commands_.substr(0, end));
        commands_.erase(0, end + 1);
    }
    return true;
}

void LoadEndpoint::Obey(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    std::string part;
    int64_t number = 0;
    words >> command;
    if (command == "await") {
        words >> awaited_;
        return;
    }
    if (command == "stats") {
        PrintCounts();
        return;
    }
    if (command == "latency" && words >> number) {
        latency_ns_ = number * kNsPerMs;
    } else if (command == "slow" && words >> part >> number) {
        slow_.erase(part);
        if (number != 0) {
            slow_[part] = number * kNsPerMs;
        }
    } else if (command == "reset") {
        counts_ = Counts();
        counts_.peak_connections = connections_.size();
        probes_.clear();
    } else if (command == "probes") {
        std::cout << '[';
        for (size_t i = 0; i < probes_.size(); ++i) {
            std::cout << (i == 0 ? "[" : ",[") << probes_[i].first << ',' << probes_[i].second
                      << ']';
        }
        std::cout << ']' << std::endl;
        return;
    } else {
        std::cout << "what?" << std::endl;
        return;
    }
    std::cout << "ok" << std::endl;
}

void LoadEndpoint::PrintCounts() const {
    std::cout << "{\"events\":" << counts_.events << ",\"requests\":" << counts_.requests
              << ",\"bytes\":" << counts_.bytes << ",\"first_ns\":" << counts_.first_ns
              << ",\"last_ns\":" << counts_.last_ns << ",\"connections\":" << connections_.size()
              << ",\"peak_connections\":" << counts_.peak_connections << '}' << std::endl;
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: load_endpoint CERTIFICATE KEY\n";
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    try {
        bench::LoadEndpoint endpoint(argv[1], argv[2]);
        std::cout << endpoint.Port() << std::endl;
        endpoint.Serve();
    } catch (const std::exception& error) {
        std::cerr << "load_endpoint: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
