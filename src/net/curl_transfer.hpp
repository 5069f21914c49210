// curl_transfer.hpp - one request on one libcurl easy handle: its options, callbacks and outcome.
#pragma once

#include <list>
#include <memory>
#include <string>

#include <curl/curl.h>

#include "net/transport.hpp"

namespace crm_capi {

class ConnectionPool;
class EasyOptions;

// Is told what a peer says about streams that are not the teller's own.
class StreamKeeper {
public:
    // Of this TLS session's streams, those beyond the last one have not been acted on.
    virtual void StreamsGivenBack(const void* session, uint32_t last) noexcept = 0;

protected:
    ~StreamKeeper() = default;
};

// Used again and again: Load, run by libcurl, End, TakeAnswer, Load ...
// libcurl holds pointers into it, so it stays where it was born.
class Transfer {
public:
    // Throws std::bad_alloc. The keeper outlives it.
    explicit Transfer(StreamKeeper* keeper);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    // The transfer that libcurl speaks of.
    static Transfer* Of(CURL* easy) noexcept;

    // Prepares the handle. Anything but CURLE_OK means that libcurl will not run it. Throws
    // std::bad_alloc.
    CURLcode Load(uint64_t ticket, HttpRequest request, size_t max_response_bytes);

    // Judges how the request ended, by libcurl's code and by what is known to have left. Needs the
    // handle as libcurl left it.
    void End(CURLcode code) noexcept;

    // As above, when the multi handle itself broke down.
    void EndBroken(CURLMcode code) noexcept;

    // Gives the answer away and forgets the request, token included.
    HttpAnswer TakeAnswer() noexcept;

    // The peer has not acted on streams of this session beyond the last one.
    void GiveBackBeyond(const void* session, uint32_t last) noexcept;

    CURL* Easy() const { return easy_.get(); }

    // Which runs it; nullptr if none does.
    ConnectionPool* pool = nullptr;

    // Where the owner keeps it, so that it can move it between lists without searching.
    std::list<Transfer>::iterator position;

private:
    struct EasyDeleter {
        void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
    };
    struct ListDeleter {
        void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    };

    static size_t OnBody(char* data, size_t size, size_t count, void* self) noexcept;
    static size_t OnHeader(char* data, size_t size, size_t count, void* self) noexcept;
    static size_t OnRead(char* buffer, size_t size, size_t count, void* self) noexcept;
    static int OnSeek(void* self, curl_off_t offset, int origin) noexcept;
    static int OnRequestDue(void* self, char*, char*, int, int) noexcept;
    static int OnTrace(CURL* easy, curl_infotype type, char* text, size_t size,
                       void* self) noexcept;

    void BuildHeaderList();
    CURLcode SetOptions();
    void SetLimits(EasyOptions* options);
    void SetTrust(EasyOptions* options);
    void SetRequest(EasyOptions* options);

    // True once the server may hold a part of the body.
    bool BodyHasLeft() const { return body_sent_ > 0; }
    bool MayGo() noexcept;
    const void* Session() const noexcept;
    bool SessionLives() const noexcept;
    bool EndedWithItsConnection() const noexcept;
    TransportResult ResultFor(CURLcode code) const noexcept;
    const char* ErrorText(CURLcode code) const noexcept;
    void Conclude(CURLcode code, const char* text) noexcept;

    StreamKeeper* const keeper_;
    std::unique_ptr<CURL, EasyDeleter> easy_;
    std::unique_ptr<curl_slist, ListDeleter> header_list_;
    HttpRequest request_;
    HttpAnswer answer_;
    size_t max_response_bytes_ = 0;
    size_t body_sent_ = 0;           // bytes of the body that libcurl took
    const void* session_ = nullptr;  // the TLS session in which its stream was opened
    uint32_t stream_ = 0;            // of HTTP/2; 0 = none
    bool given_back_ = false;        // the peer says that it has not acted on it
    bool heard_last_ = false;        // the latest record of TLS came from the peer
    bool has_head_ = false;          // of the answer, whole
    bool has_encoding_ = false;      // the answer's body has an end of its own
    bool resend_refused_ = false;    // libcurl wanted to send the body again
    bool too_large_ = false;         // OnBody stopped it: the answer exceeds the cap
    bool out_of_memory_ = false;     // OnBody stopped it: no memory
    char tls_error_[CURL_ERROR_SIZE] = "";
};

}  // namespace crm_capi
