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

#include <openssl/ssl.h>

#include "core/text/ascii.hpp"
#include "net/http2_trace.hpp"

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

Transfer::Transfer(StreamKeeper* keeper) : keeper_(keeper), easy_(curl_easy_init()) {
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
        auto* const transfer = static_cast<Transfer*>(self);
        auto& headers = transfer->answer_.headers;
        const std::string_view line(data, length);
        if (line.substr(0, 5) == "HTTP/") {
            headers.clear();
            transfer->has_head_ = false;
            transfer->has_encoding_ = false;
            return length;
        }
        transfer->has_head_ = transfer->has_head_ || line == "\r\n";
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos || headers.size() >= kMaxHeaders) {
            return length;
        }
        std::string name = LowerAscii(line.substr(0, colon));
        transfer->has_encoding_ = transfer->has_encoding_ || name == "transfer-encoding";
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
// record - unless the peer has said that it has not acted on the first: then there was none.
bool Transfer::MayGo() noexcept {
    if (BodyHasLeft() && !given_back_) {
        resend_refused_ = true;
        return false;
    }
    body_sent_ = 0;
    session_ = nullptr;
    stream_ = 0;
    given_back_ = false;
    return true;
}

// Asked with a connection at hand, before each time that the request goes over one.
int Transfer::OnRequestDue(void* self, char*, char*, int, int) noexcept {
#if LIBCURL_VERSION_NUM >= 0x075000
    return static_cast<Transfer*>(self)->MayGo() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
#else
    (void)self;
    return 0;
#endif
}

// The same question, asked where libcurl knows that it must wind the body back, and the only one
// that a libcurl before 7.80 asks. Where nothing has left there is nothing to wind back.
int Transfer::OnSeek(void* self, curl_off_t, int) noexcept {
    return static_cast<Transfer*>(self)->MayGo() ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

// A refused stream and a dead connection look alike where the connection had been used before:
// libcurl begins again. But where the session lives, it is not the connection that has died.
int Transfer::OnTrace(CURL*, curl_infotype type, char* text, size_t size, void* self) noexcept {
    auto* const transfer = static_cast<Transfer*>(self);
    if (type == CURLINFO_SSL_DATA_IN || type == CURLINFO_SSL_DATA_OUT) {
        transfer->heard_last_ = type == CURLINFO_SSL_DATA_IN;
    }
    if (type != CURLINFO_TEXT) {
        return 0;
    }
    const std::string_view line(text, size);
    if (const auto stream = StreamOpenedBy(line)) {
        transfer->stream_ = *stream;
        transfer->session_ = transfer->Session();
    } else if (const auto last = LastStreamOf(line)) {
        transfer->keeper_->StreamsGivenBack(transfer->Session(), *last);
    } else if (TellsOfARefusal(line) || (TellsOfARepetition(line) && transfer->SessionLives())) {
        transfer->given_back_ = true;
    }
    return 0;
}

void Transfer::GiveBackBeyond(const void* session, uint32_t last) noexcept {
    if (session != nullptr && session == session_ && stream_ > last) {
        given_back_ = true;
    }
}

// OpenSSL's session that carries the transfer at the moment; nullptr if there is none, or where
// libcurl has another library. It stands for the connection, of which libcurl tells nothing before
// an exchange is over.
const void* Transfer::Session() const noexcept {
    curl_tlssessioninfo* info = nullptr;
    if (curl_easy_getinfo(Easy(), CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == nullptr ||
        info->backend != CURLSSLBACKEND_OPENSSL) {
        return nullptr;
    }
    return info->internals;
}

// Whether the session of the transfer's stream is in order: the peer has not closed it, libcurl has
// met no error of it, which it would have told, and nothing that it has heard made it answer. (To
// what is no HTTP/2 it answers with a GOAWAY of its own, and gives the connection up.)
bool Transfer::SessionLives() const noexcept {
    const void* const session = Session();
    return stream_ != 0 && session != nullptr && session == session_ && tls_error_[0] == '\0' &&
           heard_last_ &&
           (SSL_get_shutdown(static_cast<const SSL*>(session)) & SSL_RECEIVED_SHUTDOWN) == 0;
}

// The one place that says what may have reached the server.
//
// libcurl's codes cannot tell: CURLE_COULDNT_CONNECT also ends a request whose first attempt went
// out on a kept connection that died; CURLE_OPERATION_TIMEDOUT may strike before or after sending.
// The body can: it lies with us until libcurl has a connection, a TLS session and the request's
// head behind it. A server that has not got a byte of an announced body has no event to process,
// and one that lacks its end has no JSON to read.
//
//   how it ended                                body untouched   part of it taken  all of it taken
//   answered                                    kAnswered        kAnswered         kAnswered
//   answer above the cap                        kAnswerTooLarge  kAnswerTooLarge   kAnswerTooLarge
//   given back by the peer                      kNotSent         kNotProcessed     kNotProcessed
//   bad or refused URL, DNS, connect, TLS       kNotSent         -                 -
//   time-out, send or receive error, empty
//   reply, stream error, cut answer, other      kNotSent         kNotProcessed     kMaybeDelivered
//
// An empty body is never asked for; there the request's head decides.
TransportResult Transfer::ResultFor(CURLcode code) const noexcept {
    if (too_large_) {
        return TransportResult::kAnswerTooLarge;
    }
    if (answer_.http_status != 0 && has_head_ &&
        (code == CURLE_OK || (code == CURLE_RECV_ERROR && EndedWithItsConnection()))) {
        return TransportResult::kAnswered;
    }
    if (BodyHasLeft() && (given_back_ || body_sent_ < request_.body.size())) {
        return TransportResult::kNotProcessed;
    }
    long head_bytes = 0;
    if (request_.body.empty()) {
        curl_easy_getinfo(Easy(), CURLINFO_REQUEST_SIZE, &head_bytes);
    }
    return BodyHasLeft() || head_bytes > 0 ? TransportResult::kMaybeDelivered
                                           : TransportResult::kNotSent;
}

// Whether the end of the answer is the end of its connection: HTTP/1, without a length and without
// chunks. Servers and proxies that close a TLS connection without saying so (close_notify) make an
// error of such an end. Whether something is missing the JSON tells: half an object is none.
bool Transfer::EndedWithItsConnection() const noexcept {
    long version = 0;
    curl_off_t length = 0;
    curl_easy_getinfo(Easy(), CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(Easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return (version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1) && length < 0 &&
           !has_encoding_;
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
