// dataset_config.cpp - the request that follows from a dataset's settings.
#include "core/dispatch/dataset_config.hpp"

#include "core/event/digest.hpp"
#include "core/dispatch/endpoint.hpp"
#include "core/text/ascii.hpp"

namespace crm_capi {

namespace {

// What RFC 3986 lets stand in a URL as it is.
bool IsUnreserved(char c) {
    return IsAsciiAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// Percent-encoding for a query value.
void AppendEncoded(std::string_view text, std::string* out) {
    for (const char c : text) {
        if (IsUnreserved(c)) {
            *out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            *out += {'%', UpperAscii(HexDigit(byte >> 4)), UpperAscii(HexDigit(byte & 15))};
        }
    }
}

// The place that takes a dataset's events; the endpoint may end in a slash.
std::string EventsUrl(const DatasetConfig& config) {
    std::string url = config.endpoint;
    if (!url.empty() && url.back() == '/') {
        url.pop_back();
    }
    return url + '/' + config.api_version + '/' + config.constants.dataset_id + "/events";
}

// What all requests of a dataset share. The validator let plain http through for loopback hosts
// only; it is checked again here because a token travels with the request.
HttpRequest NewRequest(const DatasetConfig& config) {
    HttpRequest request;
    request.url = EventsUrl(config);
    request.timeout_ms = config.timeout_ms;
    request.ca_file = config.ca_file;
    Endpoint endpoint;
    request.allow_plain_http = ReadEndpoint(config.endpoint, &endpoint) && endpoint.loopback;
    return request;
}

}  // namespace

HttpRequest BuildProbe(const DatasetConfig& config) {
    HttpRequest request = NewRequest(config);
    request.method = HttpMethod::kGet;
    return request;
}

HttpRequest BuildRequest(const DatasetConfig& config, const std::vector<Event>& events) {
    std::string proof;
    if (!config.app_secret.empty()) {
        proof = AppSecretProof(config.access_token, config.app_secret);
    }
    RequestBody body(config.constants, events.size());
    for (const Event& event : events) {
        body.Add(event);
    }
    HttpRequest request = NewRequest(config);
    request.headers.emplace_back("Content-Type: application/json");
    switch (config.token_place) {
        case TokenPlace::kHeader:
            request.headers.push_back("Authorization: Bearer " + config.access_token);
            request.body = body.Finish("", proof);
            break;
        case TokenPlace::kBody:
            request.body = body.Finish(config.access_token, proof);
            break;
        case TokenPlace::kQuery:
            request.url += "?access_token=";
            AppendEncoded(config.access_token, &request.url);
            if (!proof.empty()) {
                request.url += "&appsecret_proof=" + proof;
            }
            request.body = body.Finish("", "");
            break;
    }
    return request;
}

}  // namespace crm_capi
