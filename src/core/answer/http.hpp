// http.hpp - an HTTP request and its answer, as plain data. net moves them, core makes and judges
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/answer/verdict.hpp"

namespace crm_capi {

// The most that is read of an answer. Meta's have a few hundred bytes, a proxy's error page some
// thousands.
constexpr size_t kLargestAnswerBytes = 256 * 1024;

enum class HttpMethod { kPost, kGet };

struct HttpRequest {
    HttpMethod method = HttpMethod::kPost;
    std::string url;
    std::vector<std::string> headers;  // "Name: value"; may hold the token, so never logged
    std::string body;                  // sent by POST
    long timeout_ms = 30000;           // whole request
    std::string ca_file;               // empty = the system's CA bundle
    bool allow_plain_http = false;     // only for loopback stand-ins; else https alone
};

struct HttpAnswer {
    uint64_t ticket = 0;  // what Transport::Start returned
    TransportResult result = TransportResult::kNotSent;
    int http_status = 0;
    std::string body;
    // Lower-case names; only those the shipper reads (x-app-usage, x-ad-account-usage,
    // x-business-use-case-usage, x-fb-trace-id, x-ad-api-version-warning, date).
    std::vector<std::pair<std::string, std::string>> headers;
    std::string error;  // libcurl's own words on a failure, without URL, header or body; else empty
    bool tls_failed = false;  // a failure of TLS: somebody is there, but is not trusted
};

}  // namespace crm_capi
