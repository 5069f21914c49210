// connection_pool.cpp - see connection_pool.hpp.
#include "net/connection_pool.hpp"

#include <stdexcept>

namespace crm_capi {

namespace {

// Open sockets at one time, well below the usual limit of 1024 files. Fifty datasets with the
// default of four requests in flight get one each even over HTTP/1.1, and one slow dataset with as
// many in flight as are allowed leaves the others enough; with HTTP/2 one or two carry everything.
// What exceeds it waits its turn.
constexpr long kMaxConnections = 256;

// Connections kept for the next request. libcurl counts those in use as well, and closes each one
// beyond as soon as its request has ended: with fewer than are in flight, every other request would
// begin with a handshake.
constexpr long kMaxKeptConnections = 64;

}  // namespace

ConnectionPool::ConnectionPool() : multi_(curl_multi_init()) {
    if (!multi_ || !pump_.Attach(multi_.get())) {
        throw std::runtime_error("could not start libcurl");
    }
    curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, kMaxConnections);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kMaxKeptConnections);
#if LIBCURL_VERSION_NUM >= 0x081700
    // Its threads that look names up belong to the multi handle, whose end would wait for them.
    curl_multi_setopt(multi_.get(), CURLMOPT_QUICK_EXIT, 1L);
#endif
}

// A transfer whose socket nobody watches would hang, so it is taken out again.
CURLcode ConnectionPool::Add(Transfer* transfer) {
    (void)pump_.TakeRefusal();  // one that came while transfers were ended concerns nobody
    const CURLMcode added = curl_multi_add_handle(multi_.get(), transfer->Easy());
    const bool refused = pump_.TakeRefusal();
    if (added == CURLM_OK && refused) {
        curl_multi_remove_handle(multi_.get(), transfer->Easy());
    }
    if (added != CURLM_OK || refused) {
        return CURLE_FAILED_INIT;
    }
    transfer->pool = this;
    ++transfers_;
    return CURLE_OK;
}

void ConnectionPool::Remove(Transfer* transfer) noexcept {
    curl_multi_remove_handle(multi_.get(), transfer->Easy());
    transfer->pool = nullptr;
    --transfers_;
}

Transfer* ConnectionPool::NextEnded(CURLcode* result) noexcept {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return Transfer::Of(message->easy_handle);
        }
    }
    return nullptr;
}

}  // namespace crm_capi
