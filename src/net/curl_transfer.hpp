// curl_transfer.hpp - one request on one libcurl easy handle: its options, callbacks and outcome.
#pragma once

#include <list>
#include <memory>
#include <string>

#include <curl/curl.h>

#include "net/transport.hpp"

namespace crm_capi {

class EasyOptions;

// Used again and again: Load, run by libcurl, End, TakeAnswer, Load ...
// libcurl holds pointers into it, so it stays where it was born.
class Transfer {
public:
    // Throws std::bad_alloc.
    Transfer();
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

    CURL* Easy() const { return easy_.get(); }

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

    void BuildHeaderList();
    CURLcode SetOptions();
    void SetLimits(EasyOptions* options);
    void SetTrust(EasyOptions* options);
    void SetRequest(EasyOptions* options);

    // True once the server may hold a part of the body.
    bool BodyHasLeft() const { return body_sent_ > 0; }
    TransportResult ResultFor(CURLcode code) const noexcept;
    const char* ErrorText(CURLcode code) const noexcept;
    void Conclude(CURLcode code, const char* text) noexcept;

    std::unique_ptr<CURL, EasyDeleter> easy_;
    std::unique_ptr<curl_slist, ListDeleter> header_list_;
    HttpRequest request_;
    HttpAnswer answer_;
    size_t max_response_bytes_ = 0;
    size_t body_sent_ = 0;         // bytes of the body that libcurl took
    bool resend_refused_ = false;  // libcurl wanted to send the body again
    bool too_large_ = false;       // OnBody stopped it: the answer exceeds the cap
    bool out_of_memory_ = false;   // OnBody stopped it: no memory
    char tls_error_[CURL_ERROR_SIZE] = "";
};

}  // namespace crm_capi
