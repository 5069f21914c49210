// curl_transfer_setup.cpp - one request on one libcurl easy handle: its options, and why so.
#include "net/curl_transfer.hpp"

#include <algorithm>
#include <new>
#include <string_view>

#include "core/dispatch/endpoint.hpp"

namespace crm_capi {

namespace {

constexpr const char* kUserAgent = "crm_capi/1.0";

// A host that has not shaken hands by then is down; the rest of the time is for Meta's answer.
constexpr long kConnectTimeoutMs = 10000;

// How long a parsed CA bundle is kept. libcurl's default is a day, which would keep an operator who
// repairs the bundle waiting; parsing a system's takes about 20 ms and new connections are few.
constexpr long kCaCacheSeconds = 60;

// A line break in a header would let its value (a token read from a file, say) become a header of
// its own; a NUL would cut it, or cut a URL.
bool HasControlCharacter(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\t'; });
}

// The part of the URL that core judges: "https://host:port", without path and query.
bool IsLoopback(std::string_view url) {
    const size_t host = url.find("://");
    const size_t path = host == std::string_view::npos ? host : url.find_first_of("/?#", host + 3);
    Endpoint endpoint;
    return ReadEndpoint(url.substr(0, path), &endpoint) && endpoint.loopback;
}

}  // namespace

// Remembers the first option that libcurl refused, so that the caller checks once.
class EasyOptions {
public:
    explicit EasyOptions(CURL* easy) : easy_(easy) {}

    // What the request must not be sent without.
    template <typename Value>
    void Set(CURLoption option, Value value) {
        const CURLcode code = curl_easy_setopt(easy_, option, value);
        if (refused_ == CURLE_OK) {
            refused_ = code;
        }
    }

    // For what an older or smaller libcurl may lack and the request can do without.
    template <typename Value>
    void Prefer(CURLoption option, Value value) {
        (void)curl_easy_setopt(easy_, option, value);
    }

    // Why libcurl refused the first of them; CURLE_OK if it took all.
    CURLcode Refused() const { return refused_; }

private:
    CURL* easy_;
    CURLcode refused_ = CURLE_OK;
};

CURLcode Transfer::Load(uint64_t ticket, HttpRequest request, size_t max_response_bytes) {
    request_ = std::move(request);
    answer_ = HttpAnswer();
    answer_.ticket = ticket;
    max_response_bytes_ = max_response_bytes;
    body_sent_ = 0;
    session_ = nullptr;
    stream_ = 0;
    given_back_ = false;
    heard_last_ = false;
    has_head_ = false;
    has_encoding_ = false;
    resend_refused_ = false;
    too_large_ = false;
    out_of_memory_ = false;
    tls_error_[0] = '\0';
    curl_easy_reset(Easy());
    if (HasControlCharacter(request_.url) ||
        std::any_of(request_.headers.begin(), request_.headers.end(), HasControlCharacter)) {
        return CURLE_BAD_FUNCTION_ARGUMENT;
    }
    BuildHeaderList();
    return SetOptions();
}

// Throws std::bad_alloc.
void Transfer::BuildHeaderList() {
    header_list_.reset();
    const auto append = [this](const char* header) {
        curl_slist* const longer = curl_slist_append(header_list_.get(), header);
        if (longer == nullptr) {
            throw std::bad_alloc();
        }
        (void)header_list_.release();
        header_list_.reset(longer);
    };
    // Without this libcurl asks "Expect: 100-continue" before a body above 1 MB and waits for up to
    // a second.
    append("Expect:");
    for (const std::string& header : request_.headers) {
        append(header.c_str());
    }
}

// The first refusal of an option we cannot do without, or CURLE_OK.
CURLcode Transfer::SetOptions() {
    EasyOptions options(Easy());
    SetLimits(&options);
    SetTrust(&options);
    SetRequest(&options);
    return options.Refused();
}

// Where it may go, and for how long.
void Transfer::SetLimits(EasyOptions* options) {
    const bool loopback = IsLoopback(request_.url);
    // A token travels in the clear at most within this machine, whatever the caller allows.
    const bool plain_http = request_.allow_plain_http && loopback;
#if LIBCURL_VERSION_NUM >= 0x075500
    options->Set(CURLOPT_PROTOCOLS_STR, plain_http ? "http,https" : "https");
#else
    options->Set(CURLOPT_PROTOCOLS,
                 plain_http ? CURLPROTO_HTTP | CURLPROTO_HTTPS : CURLPROTO_HTTPS);
#endif
    options->Set(CURLOPT_URL, request_.url.c_str());
    options->Set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    options->Set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    // A redirect would carry the token to a place that nobody configured.
    options->Set(CURLOPT_FOLLOWLOCATION, 0L);
    // Proxies come from the environment of the server (https_proxy, no_proxy ...), as an operator
    // expects of anything built on libcurl; https goes through them as a tunnel, which sees no
    // token. This machine's own addresses are never asked of a proxy. Set for those alone, because
    // the option hides the operator's no_proxy.
    if (loopback) {
        options->Set(CURLOPT_NOPROXY, "*");
    }
    options->Set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
    options->Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

    const long timeout_ms = std::max(request_.timeout_ms, 1L);  // 0 would be "for ever"
    options->Set(CURLOPT_TIMEOUT_MS, timeout_ms);
    options->Set(CURLOPT_CONNECTTIMEOUT_MS, std::min(timeout_ms, kConnectTimeoutMs));
    options->Set(CURLOPT_NOSIGNAL, 1L);
    options->Set(CURLOPT_TCP_KEEPALIVE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    // Else a request that times out, or is dropped, while its host name is looked up waits for the
    // resolver thread: up to half a minute with a silent name server. Now the thread is left behind
    // and frees what it holds when it ends.
    options->Prefer(CURLOPT_QUICK_EXIT, 1L);
#endif
}

// Whom it trusts. libcurl never shares a connection between requests that differ in any of these.
void Transfer::SetTrust(EasyOptions* options) {
    options->Set(CURLOPT_SSL_VERIFYPEER, 1L);
    options->Set(CURLOPT_SSL_VERIFYHOST, 2L);
    options->Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!request_.ca_file.empty()) {
        options->Set(CURLOPT_CAINFO, request_.ca_file.c_str());
        // The directory of system CAs, a default of many builds, would be trusted beside the file.
        options->Prefer(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
#if LIBCURL_VERSION_NUM >= 0x075700
    options->Prefer(CURLOPT_CA_CACHE_TIMEOUT, kCaCacheSeconds);
#endif
    options->Set(CURLOPT_ERRORBUFFER, tls_error_);
}

// What is said and heard. The body goes through a callback rather than POSTFIELDS, because the
// callback knows for certain whether any of it was ever taken.
void Transfer::SetRequest(EasyOptions* options) {
    // Streams of one connection once HTTP/2 is agreed on. CURLOPT_PIPEWAIT would also save the
    // first burst its extra connections, but where HTTP/2 is not to be had, all requests to a host
    // would wait for the answer to the first one (libcurl 8.14 does so): one dataset holding up
    // another.
    options->Prefer(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    options->Set(CURLOPT_USERAGENT, kUserAgent);
    options->Set(CURLOPT_HTTPHEADER, header_list_.get());
    options->Set(CURLOPT_PRIVATE, this);

    if (request_.method == HttpMethod::kGet) {
        options->Set(CURLOPT_HTTPGET, 1L);
    } else {
        options->Set(CURLOPT_POST, 1L);
        options->Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
        options->Set(CURLOPT_READFUNCTION, &Transfer::OnRead);
        options->Set(CURLOPT_READDATA, this);
        options->Set(CURLOPT_SEEKFUNCTION, &Transfer::OnSeek);
        options->Set(CURLOPT_SEEKDATA, this);
    }
    // For what a peer says of its streams (http2_trace.hpp). Nothing of it is kept but numbers. Not
    // without the function: libcurl would write it all to the server's log, token included.
    options->Set(CURLOPT_DEBUGFUNCTION, &Transfer::OnTrace);
    options->Set(CURLOPT_DEBUGDATA, this);
    options->Prefer(CURLOPT_VERBOSE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075000
    options->Prefer(CURLOPT_PREREQFUNCTION, &Transfer::OnRequestDue);
    options->Prefer(CURLOPT_PREREQDATA, this);
#endif
    options->Set(CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
    options->Set(CURLOPT_WRITEDATA, this);
    options->Set(CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
    options->Set(CURLOPT_HEADERDATA, this);
}

}  // namespace crm_capi
