// curl_transfer.cpp - one request on one libcurl easy handle: its callbacks and its outcome.
//
// Callbacks run inside libcurl, which is C: they are noexcept, and to stop a transfer they return
// the error value and leave the reason in the Transfer.
#include "net/curl_transfer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string_view>

#include "core/text/ascii.hpp"

namespace crm_capi {

namespace {

// Meta sends each wanted header once. The largest, x-business-use-case-usage, lists a handful of
// accounts at about 150 bytes each.
constexpr size_t kMaxHeaders = 16;
constexpr size_t kMaxHeaderValue = 8192;

constexpr std::array<std::string_view, 6> kWantedHeaders = {
    "x-app-usage",   "x-ad-account-usage",       "x-business-use-case-usage",
    "x-fb-trace-id", "x-ad-api-version-warning", "date"};

// Without the blanks and line ends around it.
std::string_view Trim(std::string_view text) {
    const std::string_view blanks = " \t\r\n";
    const size_t begin = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

// Codes whose detailed text comes from the TLS library and names a host, a file or a certificate
// at most. Other detailed texts may quote the URL, and with it a token.
bool IsTlsFailure(CURLcode code) {
    switch (code) {
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
            return true;
        default:
            return false;
    }
}

}  // namespace

Transfer::Transfer() : easy_(curl_easy_init()) {
    if (!easy_) {
        throw std::bad_alloc();
    }
}

// By the pointer that SetExchange left with the handle.
Transfer* Transfer::Of(CURL* easy) noexcept {
    char* self = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
    return reinterpret_cast<Transfer*>(self);
}

// A body above the cap ends the transfer: nobody needs the rest.
size_t Transfer::OnBody(char* data, size_t size, size_t count, void* self) noexcept {
    auto* const transfer = static_cast<Transfer*>(self);
    const size_t length = size * count;
    std::string& body = transfer->answer_.body;
    if (length > transfer->max_response_bytes_ - body.size()) {
        transfer->too_large_ = true;
        return 0;
    }
    try {
        body.append(data, length);
    } catch (...) {
        transfer->out_of_memory_ = true;
        return 0;
    }
    return length;
}

// Each status line begins the headers anew: "100 Continue" or a proxy's may come before the real
// one. What does not fit or is not wanted is passed over: usage figures must not cost an answer.
size_t Transfer::OnHeader(char* data, size_t size, size_t count, void* self) noexcept {
    const size_t length = size * count;
    try {
        auto& headers = static_cast<Transfer*>(self)->answer_.headers;
        const std::string_view line(data, length);
        if (line.substr(0, 5) == "HTTP/") {
            headers.clear();
            return length;
        }
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos || headers.size() >= kMaxHeaders) {
            return length;
        }
        std::string name = LowerAscii(line.substr(0, colon));
        const std::string_view value = Trim(line.substr(colon + 1));
        const auto* const wanted =
            std::find(kWantedHeaders.begin(), kWantedHeaders.end(), std::string_view(name));
        if (wanted != kWantedHeaders.end() && value.size() <= kMaxHeaderValue) {
            headers.emplace_back(std::move(name), value);
        }
    } catch (...) {
        // no memory for a header
    }
    return length;
}

// What libcurl takes here counts as gone out, though it may lie in a buffer for a while.
size_t Transfer::OnRead(char* buffer, size_t size, size_t count, void* self) noexcept {
    auto* const transfer = static_cast<Transfer*>(self);
    const std::string& body = transfer->request_.body;
    const size_t length = std::min(size * count, body.size() - transfer->body_sent_);
    std::memcpy(buffer, body.data() + transfer->body_sent_, length);
    transfer->body_sent_ += length;
    return length;
}

// libcurl sends a request again by itself when a kept connection turns out to be dead before any
// answer. The first copy may have arrived all the same, and Meta does not promise to drop the
// second. Once the body has left, a second attempt is therefore the shipper's to make and to
// record.
int Transfer::OnRequestDue(void* self, char*, char*, int, int) noexcept {
#if LIBCURL_VERSION_NUM >= 0x075000
    auto* const transfer = static_cast<Transfer*>(self);
    if (transfer->BodyHasLeft()) {
        transfer->resend_refused_ = true;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
#else
    (void)self;
    return 0;
#endif
}

// The same question, asked where libcurl knows that it must wind the body back, and the only one
// that a libcurl before 7.80 asks. Where nothing has left there is nothing to wind back.
int Transfer::OnSeek(void* self, curl_off_t, int) noexcept {
    auto* const transfer = static_cast<Transfer*>(self);
    if (transfer->BodyHasLeft()) {
        transfer->resend_refused_ = true;
        return CURL_SEEKFUNC_FAIL;
    }
    return CURL_SEEKFUNC_OK;
}

// The one place that says what may have reached the server.
//
// libcurl's codes cannot tell: CURLE_COULDNT_CONNECT also ends a request whose first attempt went
// out on a kept connection that died; CURLE_OPERATION_TIMEDOUT may strike before or after sending.
// The body can: it lies with us until libcurl has a connection, a TLS session and the request's
// head behind it. A server that has not got a byte of an announced body has no event to process.
//
//   how it ended                                        body untouched    any of it taken
//   answered                                            kAnswered         kAnswered
//   answer above the cap                                kAnswerTooLarge   kAnswerTooLarge
//   bad or refused URL, DNS, connect, TLS, proxy        kNotSent          - (kMaybeDelivered)
//   time-out, send or receive error, empty reply,
//   stream error, cut answer, no memory, any other      kNotSent          kMaybeDelivered
//
// An empty body is never asked for; there the request's head decides.
TransportResult Transfer::ResultFor(CURLcode code) const noexcept {
    if (too_large_) {
        return TransportResult::kAnswerTooLarge;
    }
    if (code == CURLE_OK && answer_.http_status != 0) {
        return TransportResult::kAnswered;
    }
    long head_bytes = 0;
    if (request_.body.empty()) {
        curl_easy_getinfo(Easy(), CURLINFO_REQUEST_SIZE, &head_bytes);
    }
    return BodyHasLeft() || head_bytes > 0 ? TransportResult::kMaybeDelivered
                                           : TransportResult::kNotSent;
}

// Of our own reasons first: libcurl's code for them is a mere "aborted by callback".
const char* Transfer::ErrorText(CURLcode code) const noexcept {
    if (out_of_memory_) {
        return curl_easy_strerror(CURLE_OUT_OF_MEMORY);
    }
    if (too_large_) {
        return curl_easy_strerror(CURLE_FILESIZE_EXCEEDED);
    }
    if (resend_refused_ || code == CURLE_OK) {
        return curl_easy_strerror(CURLE_GOT_NOTHING);  // why libcurl would have tried again
    }
    return curl_easy_strerror(code);
}

void Transfer::End(CURLcode code) noexcept {
    long status = 0;
    curl_easy_getinfo(Easy(), CURLINFO_RESPONSE_CODE, &status);
    answer_.http_status = static_cast<int>(status);
    Conclude(code, ErrorText(code));
}

void Transfer::EndBroken(CURLMcode code) noexcept {
    Conclude(CURLE_ABORTED_BY_CALLBACK, curl_multi_strerror(code));
}

// Result and words of an exchange that is over.
void Transfer::Conclude(CURLcode code, const char* text) noexcept {
    answer_.result = ResultFor(code);
    if (answer_.result == TransportResult::kAnswered) {
        return;
    }
    answer_.body.clear();  // a part of an answer must not be read as one
    try {
        answer_.tls_failed = IsTlsFailure(code);
        answer_.error = text;
        if (IsTlsFailure(code) && tls_error_[0] != '\0') {
            answer_.error.append(": ").append(tls_error_);
        }
        // A certificate's names are the peer's to choose.
        std::replace_if(
            answer_.error.begin(), answer_.error.end(), [](char c) { return c < ' ' || c > '~'; },
            ' ');
    } catch (...) {
        answer_.error.clear();  // the result itself is what matters
    }
}

HttpAnswer Transfer::TakeAnswer() noexcept {
    curl_easy_reset(Easy());
    header_list_.reset();
    request_ = HttpRequest();
    return std::move(answer_);
}

}  // namespace crm_capi
