// reply.hpp - reading what came back, whatever it is (reference 3.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crm_capi {

// A reply deeper than this is not Meta's: its own nest three levels, and a parser must not be led
// into deep recursion by a stranger.
constexpr int kMaxReplyDepth = 32;

struct ReplyError {
    int64_t code = 0;
    int64_t subcode = 0;               // 0 = none
    std::optional<bool> is_transient;  // absent unless Meta said it
    // Meta's message and the title behind it, cut and cleaned (SafeText); for people, never judged.
    std::string message;
};

// What could be read from a response body.
struct Reply {
    bool readable = false;  // a JSON object
    std::optional<int64_t> events_received;
    std::optional<ReplyError> error;
    std::string fbtrace_id;  // empty = none
    // Warnings that came with a success, cut and cleaned (SafeText); for people, never judged.
    std::vector<std::string> messages;
};

// Never throws, for any bytes: HTML, empty, cut, wrong UTF-8, deeply nested.
Reply ReadReply(std::string_view body) noexcept;

// What stands in the place of a secret.
constexpr std::string_view kBlackedOut = "***";

// Remote text made fit for a table or a log: valid UTF-8, control characters replaced by blanks, at
// most max_characters, and nothing that looks like a token, a hash, an e-mail address or a phone
// number (they are blacked out), because Meta's messages may quote what was sent.
std::string SafeText(std::string_view text, int max_characters);

// The throttling headers (reference 3.6).
struct Usage {
    int highest_percentage = 0;  // of all figures of all three headers, rounded up; 0 = none seen
    // The longest estimated_time_to_regain_access, at most a day; 0 = none.
    int minutes_to_regain_access = 0;
};

// Folds one header value (JSON text) into *usage. Never throws; unreadable values are ignored.
void ReadUsage(std::string_view header_value, Usage* usage) noexcept;

}  // namespace crm_capi
