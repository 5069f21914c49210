// dataset_config.hpp - what an operator has set for a dataset, and the request that follows from
// it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/event/event.hpp"
#include "core/answer/http.hpp"
#include "core/event/payload.hpp"
#include "core/event/reason.hpp"

namespace crm_capi {

// Newest Graph API version known when this was released (reference 3.1).
constexpr std::string_view kNewestApiVersion = "v27.0";
constexpr std::string_view kMetaEndpoint = "https://graph.facebook.com";

enum class Mode { kLive, kDryRun, kPaused };
enum class TokenPlace { kHeader, kBody, kQuery };

struct DatasetConfig {
    uint32_t server = 0;       // identifies the dataset in this database; 0 = it is gone
    std::vector<int> numbers;  // what the log calls it; never empty, the first is the main one
    std::string name;
    // Why nothing can be sent as things are set, or kNone. No request is made then.
    Reason hold = Reason::kNone;
    std::string hold_detail;

    DatasetConstants constants;
    Mode mode = Mode::kLive;
    int resumes =
        0;  // how often an operator asked to go on; a change has the dataset tried at once
    std::string endpoint{kMetaEndpoint};
    std::string api_version{kNewestApiVersion};
    std::string ca_file;
    std::string access_token;
    std::string app_secret;
    TokenPlace token_place = TokenPlace::kHeader;
    int batch_size = 500;
    int max_in_flight = 4;
    long timeout_ms = 30000;
};

// Meta judges an event when the request arrives, which may take as long as it is given.
inline UnixMicros MarginOf(const DatasetConfig& config) {
    return UnixMicros{config.timeout_ms} * 1000;
}

// The request that carries these events. Throws if OpenSSL or memory fails.
HttpRequest BuildRequest(const DatasetConfig& config, const std::vector<Event>& events);

// A request to the same place that carries neither token nor event: Meta refuses it, and by that
// shows that it can be reached, who it is, what time it has and whether it serves the version.
HttpRequest BuildProbe(const DatasetConfig& config);

}  // namespace crm_capi
