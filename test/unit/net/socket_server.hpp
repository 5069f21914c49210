// socket_server.hpp - what the test servers share: a listening socket, and a thread for each
// connection.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace crm_capi_test {

class SocketServer {
public:
    // Serves a connection, in a thread of its own with signals blocked: its socket, and its number
    // from 1 on. The socket is closed when this returns.
    using Service = std::function<void(int socket, int number)>;

    // Listens, as Listen() does; nobody is let in before Start.
    SocketServer(const char* address, int port);
    ~SocketServer();
    SocketServer(const SocketServer&) = delete;
    SocketServer& operator=(const SocketServer&) = delete;

    void Start(Service service);
    // Ends all connections and waits for their threads; to be called before what the service uses
    // goes.
    void Stop();

    int Port() const { return port_; }
    int Accepted() const { return accepted_; }
    int Open() const { return open_; }

    // New connections are refused from now on.
    void CloseListener();
    // Shuts every connection from the server's side.
    void CloseConnections();

private:
    void AcceptLoop();
    void Serve(int socket, int number);

    int port_ = 0;  // before listener_, whose initialiser sets it
    int listener_ = -1;
    Service service_;
    std::atomic<int> accepted_{0};
    std::atomic<int> open_{0};
    std::mutex mutex_;
    std::vector<int> sockets_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace crm_capi_test
