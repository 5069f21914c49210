// curl_transport.cpp - the Transport on libcurl's multi interface.
//
// A Transfer is in one of three lists: running (libcurl has it), finished (its answer waits for
// NextAnswer), idle (for the next Start). Moving between lists neither copies nor allocates, so
// nothing can get lost for want of memory once Start has returned.
#include "net/transport.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <memory>
#include <stdexcept>
#include <utility>

#include <curl/curl.h>

#include "net/connection_pool.hpp"
#include "net/curl_transfer.hpp"
#include "net/signal_block.hpp"

namespace crm_capi {

namespace {

// Easy handles kept for the next request. An idle one costs about 10 kB.
constexpr size_t kMaxIdleTransfers = 32;

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

// An epoll set of the kernel, closed with its owner.
class EpollSet {
public:
    // What epoll_create1 has returned; throws std::runtime_error for a failure.
    explicit EpollSet(int descriptor) : descriptor_(descriptor) {
        if (descriptor_ < 0) {
            throw std::runtime_error("could not create an epoll set");
        }
    }
    ~EpollSet() { close(descriptor_); }
    EpollSet(const EpollSet&) = delete;
    EpollSet& operator=(const EpollSet&) = delete;
    // The descriptor, for epoll_ctl and for whoever waits on it.
    int Number() const { return descriptor_; }

private:
    int descriptor_;
};

class CurlTransport final : public Transport, public StreamKeeper {
public:
    CurlTransport(size_t max_response_bytes, std::chrono::milliseconds connection_lifetime);
    ~CurlTransport() override;

    uint64_t Start(HttpRequest request) override;
    int Descriptor() const override { return pools_ready_.Number(); }
    long TimeoutMs() const override;
    void Pump() override;
    bool NextAnswer(HttpAnswer* answer) override;
    int InFlight() const override { return static_cast<int>(running_.size() + finished_.size()); }

private:
    void StreamsGivenBack(const void* session, uint32_t last) noexcept override;
    void OpenPool();
    void RenewPool() noexcept;
    void DropUnusedPools() noexcept;
    void CollectEnded(ConnectionPool* pool) noexcept;
    void EndAll(ConnectionPool* pool, CURLMcode code) noexcept;
    void MoveToFinished(Transfer* transfer) noexcept;

    const size_t max_response_bytes_;
    const std::chrono::milliseconds connection_lifetime_;
    uint64_t last_ticket_ = 0;
    EpollSet pools_ready_;             // watches the descriptors of all pools
    std::list<ConnectionPool> pools_;  // the first one takes new requests
    std::list<Transfer> running_;
    std::list<Transfer> finished_;
    std::list<Transfer> idle_;
};

// Throws std::runtime_error if libcurl has no memory, or the kernel no epoll set.
CurlTransport::CurlTransport(size_t max_response_bytes,
                             std::chrono::milliseconds connection_lifetime)
    : max_response_bytes_(max_response_bytes),
      connection_lifetime_(connection_lifetime),
      pools_ready_(epoll_create1(EPOLL_CLOEXEC)) {
    OpenPool();
}

// Requests in flight are dropped where they stand. Transfers go before the pools, as libcurl
// demands, and all of it under one guard.
CurlTransport::~CurlTransport() {
    const SignalBlock block;
    for (Transfer& transfer : running_) {
        if (transfer.pool != nullptr) {
            transfer.pool->Remove(&transfer);
        }
    }
    running_.clear();
    finished_.clear();
    idle_.clear();
    pools_.clear();
}

// Throws std::runtime_error or std::bad_alloc; then nothing has changed.
void CurlTransport::OpenPool() {
    std::list<ConnectionPool> one;
    one.emplace_front();
    epoll_event event = {};
    event.events = EPOLLIN;
    if (epoll_ctl(pools_ready_.Number(), EPOLL_CTL_ADD, one.front().Descriptor(), &event) != 0) {
        throw std::runtime_error("could not watch an epoll set");
    }
    pools_.splice(pools_.begin(), one);
}

// Without a new pool the old one goes on: connections that are too old are better than none.
void CurlTransport::RenewPool() noexcept {
    try {
        OpenPool();
        DropUnusedPools();
    } catch (...) {
        return;
    }
}

// The kernel forgets a descriptor that is closed.
void CurlTransport::DropUnusedPools() noexcept {
    for (auto pool = std::next(pools_.begin()); pool != pools_.end();) {
        pool = pool->IsUnused() ? pools_.erase(pool) : std::next(pool);
    }
}

uint64_t CurlTransport::Start(HttpRequest request) {
    const SignalBlock block;
    std::list<Transfer> one;  // owns it until nothing can throw any more
    if (idle_.empty()) {
        one.emplace_back(this);
    } else {
        one.splice(one.begin(), idle_, idle_.begin());
    }
    Transfer& transfer = one.front();
    transfer.position = one.begin();
    const uint64_t ticket = last_ticket_ + 1;
    CURLcode code = transfer.Load(ticket, std::move(request), max_response_bytes_);
    last_ticket_ = ticket;
    running_.splice(running_.end(), one);
    if (pools_.front().Age() >= connection_lifetime_) {
        RenewPool();
    }
    if (code == CURLE_OK) {
        code = pools_.front().Add(&transfer);
    }
    if (code != CURLE_OK) {
        transfer.End(code);
        MoveToFinished(&transfer);
    }
    return ticket;
}

long CurlTransport::TimeoutMs() const {
    if (!finished_.empty()) {
        return 0;
    }
    long least = -1;
    for (const ConnectionPool& pool : pools_) {
        const long wanted = pool.TimeoutMs();
        least = least < 0 || (wanted >= 0 && wanted < least) ? wanted : least;
    }
    return least;
}

void CurlTransport::Pump() {
    const SignalBlock block;
    for (ConnectionPool& pool : pools_) {
        const CURLMcode code = pool.Run();
        CollectEnded(&pool);
        if (code != CURLM_OK) {
            EndAll(&pool, code);
        }
    }
    DropUnusedPools();
}

// Answers of transfers that libcurl has ended.
void CurlTransport::CollectEnded(ConnectionPool* pool) noexcept {
    CURLcode result = CURLE_OK;
    while (Transfer* const transfer = pool->NextEnded(&result)) {
        transfer->End(result);
        pool->Remove(transfer);
        MoveToFinished(transfer);
    }
}

// The multi handle gave up (no memory, or the kernel refused to watch a socket). With all transfers
// gone libcurl lets it be used again.
void CurlTransport::EndAll(ConnectionPool* pool, CURLMcode code) noexcept {
    for (auto next = running_.begin(); next != running_.end();) {
        Transfer& transfer = *next++;
        if (transfer.pool == pool) {
            pool->Remove(&transfer);
            transfer.EndBroken(code);
            MoveToFinished(&transfer);
        }
    }
}

// From whichever list; neither copies nor allocates.
void CurlTransport::MoveToFinished(Transfer* transfer) noexcept {
    finished_.splice(finished_.end(), running_, transfer->position);
}

// The word of a peer about all streams of a connection beyond one.
void CurlTransport::StreamsGivenBack(const void* session, uint32_t last) noexcept {
    for (Transfer& transfer : running_) {
        transfer.GiveBackBeyond(session, last);
    }
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

std::unique_ptr<Transport> MakeCurlTransport(size_t max_response_bytes,
                                             std::chrono::milliseconds connection_lifetime) {
    const SignalBlock block;
    StartLibcurl();
    return std::make_unique<CurlTransport>(max_response_bytes, connection_lifetime);
}

}  // namespace crm_capi
