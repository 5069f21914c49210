// connection_pool.hpp - a libcurl multi handle, and the connections that it keeps.
//
// libcurl can bound a connection's life (CURLOPT_MAXLIFETIME_CONN), but looks at it only where a
// connection lies idle. One that always carries some stream of HTTP/2 is never looked at, and goes
// on talking to an address that the name has left. So it is the pool that has an age: requests go
// to a new one when it is over, and the old one goes when its last request has ended.
#pragma once

#include <chrono>
#include <memory>

#include <curl/curl.h>

#include "net/curl_transfer.hpp"
#include "net/event_pump.hpp"

namespace crm_capi {

class ConnectionPool {
public:
    // Throws std::runtime_error if libcurl or the kernel refuses.
    ConnectionPool();
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;

    // libcurl runs the transfer from now on. Anything but CURLE_OK means that it does not.
    CURLcode Add(Transfer* transfer);
    // Ended or not, the transfer is libcurl's no longer.
    void Remove(Transfer* transfer) noexcept;

    // Moves all transfers on; see EventPump::Run.
    CURLMcode Run() { return pump_.Run(multi_.get()); }
    // The next transfer that has ended, with how it did; nullptr if none has.
    Transfer* NextEnded(CURLcode* result) noexcept;

    int Descriptor() const { return pump_.Descriptor(); }
    // As EventPump has it: -1 = no limit.
    long TimeoutMs() const { return pump_.TimeoutMs(); }

    // It can go.
    bool IsUnused() const { return transfers_ == 0; }
    // Since it was made: none of its connections is older.
    std::chrono::steady_clock::duration Age() const {
        return std::chrono::steady_clock::now() - born_;
    }

private:
    struct MultiDeleter {
        void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
    };

    const std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
    EventPump pump_;  // before multi_, which reports to it to its last moment
    std::unique_ptr<CURLM, MultiDeleter> multi_;
    int transfers_ = 0;
};

}  // namespace crm_capi
