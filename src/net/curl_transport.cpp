// curl_transport.cpp - the Transport on libcurl's multi interface.
//
// A Transfer is in one of three lists: running (libcurl has it), finished (its answer waits for
// NextAnswer), idle (for the next Start). Moving between lists neither copies nor allocates, so
// nothing can get lost for want of memory once Start has returned.
#include "net/transport.hpp"

#include <list>
#include <memory>
#include <stdexcept>

#include <curl/curl.h>

#include "net/curl_transfer.hpp"
#include "net/event_pump.hpp"
#include "net/signal_block.hpp"

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

// Easy handles kept for the next request. An idle one costs about 10 kB.
constexpr size_t kMaxIdleTransfers = 32;

struct MultiDeleter {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

// Not at load: the postmaster preloads this library and must not own TLS state when it forks. Never
// undone, because other users of libcurl may live in the same process.
void StartLibcurl() {
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) {
        throw std::runtime_error("could not start libcurl");
    }
    if ((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) == 0) {
        throw std::runtime_error("libcurl cannot look up host names without blocking");
    }
}

class CurlTransport final : public Transport {
public:
    explicit CurlTransport(size_t max_response_bytes);
    ~CurlTransport() override;

    uint64_t Start(HttpRequest request) override;
    int Descriptor() const override { return pump_.Descriptor(); }
    long TimeoutMs() const override { return finished_.empty() ? pump_.TimeoutMs() : 0; }
    void Pump() override;
    bool NextAnswer(HttpAnswer* answer) override;
    int InFlight() const override { return static_cast<int>(running_.size() + finished_.size()); }

private:
    CURLcode Add(Transfer* transfer);
    void CollectFinished() noexcept;
    void EndAll(CURLMcode code) noexcept;
    void MoveToFinished(Transfer* transfer) noexcept;

    const size_t max_response_bytes_;
    uint64_t last_ticket_ = 0;
    EventPump pump_;  // before multi_, which reports to it to its last moment
    std::unique_ptr<CURLM, MultiDeleter> multi_;
    std::list<Transfer> running_;
    std::list<Transfer> finished_;
    std::list<Transfer> idle_;
};

CurlTransport::CurlTransport(size_t max_response_bytes)
    : max_response_bytes_(max_response_bytes), multi_(curl_multi_init()) {
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

// Requests in flight are dropped where they stand. Transfers go before the multi handle, as libcurl
// demands, and all of it under one guard.
CurlTransport::~CurlTransport() {
    const SignalBlock block;
    for (const Transfer& transfer : running_) {
        curl_multi_remove_handle(multi_.get(), transfer.Easy());
    }
    running_.clear();
    finished_.clear();
    idle_.clear();
    multi_.reset();
}

uint64_t CurlTransport::Start(HttpRequest request) {
    const SignalBlock block;
    std::list<Transfer> one;  // owns it until nothing can throw any more
    if (idle_.empty()) {
        one.emplace_back();
    } else {
        one.splice(one.begin(), idle_, idle_.begin());
    }
    Transfer& transfer = one.front();
    transfer.position = one.begin();
    const uint64_t ticket = last_ticket_ + 1;
    CURLcode code = transfer.Load(ticket, std::move(request), max_response_bytes_);
    last_ticket_ = ticket;
    running_.splice(running_.end(), one);
    if (code == CURLE_OK) {
        code = Add(&transfer);
    }
    if (code != CURLE_OK) {
        transfer.End(code);
        MoveToFinished(&transfer);
    }
    return ticket;
}

// A transfer whose socket nobody watches would hang, so it is taken out again.
CURLcode CurlTransport::Add(Transfer* transfer) {
    (void)pump_.TakeRefusal();  // one that came while transfers were ended concerns nobody
    const CURLMcode added = curl_multi_add_handle(multi_.get(), transfer->Easy());
    const bool refused = pump_.TakeRefusal();
    if (added == CURLM_OK && refused) {
        curl_multi_remove_handle(multi_.get(), transfer->Easy());
    }
    return added == CURLM_OK && !refused ? CURLE_OK : CURLE_FAILED_INIT;
}

void CurlTransport::Pump() {
    const SignalBlock block;
    const CURLMcode code = pump_.Run(multi_.get());
    CollectFinished();
    if (code != CURLM_OK) {
        EndAll(code);
    }
}

// Answers of transfers that libcurl has ended.
void CurlTransport::CollectFinished() noexcept {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        Transfer* const transfer = Transfer::Of(message->easy_handle);
        transfer->End(message->data.result);
        curl_multi_remove_handle(multi_.get(), transfer->Easy());  // ends the message's life too
        MoveToFinished(transfer);
    }
}

// The multi handle gave up (no memory, or the kernel refused to watch a socket). With all transfers
// gone libcurl lets it be used again.
void CurlTransport::EndAll(CURLMcode code) noexcept {
    while (!running_.empty()) {
        Transfer& transfer = running_.front();
        curl_multi_remove_handle(multi_.get(), transfer.Easy());
        transfer.EndBroken(code);
        MoveToFinished(&transfer);
    }
}

// From whichever list; neither copies nor allocates.
void CurlTransport::MoveToFinished(Transfer* transfer) noexcept {
    finished_.splice(finished_.end(), running_, transfer->position);
}

bool CurlTransport::NextAnswer(HttpAnswer* answer) {
    if (finished_.empty()) {
        return false;
    }
    *answer = finished_.front().TakeAnswer();
    if (idle_.size() < kMaxIdleTransfers) {
        idle_.splice(idle_.begin(), finished_, finished_.begin());
    } else {
        const SignalBlock block;
        finished_.pop_front();
    }
    return true;
}

}  // namespace

std::unique_ptr<Transport> MakeCurlTransport(size_t max_response_bytes) {
    const SignalBlock block;
    StartLibcurl();
    return std::make_unique<CurlTransport>(max_response_bytes);
}

}  // namespace crm_capi
