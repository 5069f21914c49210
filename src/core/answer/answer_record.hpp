// answer_record.hpp - what an answer means, in the form in which it is written down.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/event/event.hpp"
#include "core/answer/http.hpp"
#include "core/event/reason.hpp"
#include "core/answer/verdict.hpp"

namespace crm_capi {

// An event that ends otherwise than delivered.
struct EndedEvent {
    int64_t event;
    int64_t request;  // that decided it; 0 = none
    int dataset;      // number in the log
    const char* status;
    Reason reason;
    std::string detail;
    int64_t error_code;
    int64_t error_subcode;
};

// A request whose answer has been judged.
struct AnswerRecord {
    int64_t request;
    const char* outcome;
    int http_status;          // 0 = none
    int64_t events_received;  // -1 = not said
    int64_t error_code;       // 0 = none
    int64_t error_subcode;
    Reason reason;
    std::string detail;
    std::string fbtrace_id;
    UnixMicros next_attempt_at;  // 0 = its events are final
    std::vector<EndedEvent> events;
};

// Texts that must not be written down, wherever an answer repeats them; empty ones are ignored.
struct Secrets {
    std::string_view access_token;
    std::string_view app_secret;
};

// SafeText knows the look of Meta's tokens; these are known to the letter.
void BlackOutSecrets(const Secrets& secrets, HttpAnswer* http);

// Reads and judges an answer to a request of event_count events. Leaves `request`,
// `next_attempt_at` and `events` to the caller.
AnswerRecord RecordAnswer(HttpAnswer http, int event_count, const Secrets& secrets,
                          Verdict* verdict);

}  // namespace crm_capi
