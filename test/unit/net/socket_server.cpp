// socket_server.cpp - see socket_server.hpp.
#include "socket_server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "http_server.hpp"

namespace crm_capi_test {

namespace {

// The test's own thread is to meet the signals that the transport raises.
void BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

SocketServer::SocketServer(const char* address, int port)
    : port_(port), listener_(Listen(address, &port_)) {}

SocketServer::~SocketServer() {
    close(listener_);
}

void SocketServer::Start(Service service) {
    service_ = std::move(service);
    acceptor_ = std::thread(&SocketServer::AcceptLoop, this);
}

void SocketServer::Stop() {
    CloseListener();
    acceptor_.join();
    CloseConnections();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

// On Linux a listening socket that is shut down refuses newcomers, and accept returns.
void SocketServer::CloseListener() {
    shutdown(listener_, SHUT_RDWR);
}

void SocketServer::CloseConnections() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const int socket : sockets_) {
        shutdown(socket, SHUT_RDWR);
    }
}

void SocketServer::AcceptLoop() {
    BlockSignals();
    for (;;) {
        const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) {
            return;
        }
        const int number = ++accepted_;
        ++open_;
        const std::lock_guard<std::mutex> lock(mutex_);
        sockets_.push_back(socket);
        threads_.emplace_back(&SocketServer::Serve, this, socket, number);
    }
}

void SocketServer::Serve(int socket, int number) {
    BlockSignals();
    service_(socket, number);
    const std::lock_guard<std::mutex> lock(mutex_);
    sockets_.erase(std::find(sockets_.begin(), sockets_.end(), socket));
    close(socket);
    --open_;
}

}  // namespace crm_capi_test
