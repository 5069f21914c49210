// reply_fuzz.cpp - no answer, whatever its bytes, does harm or leaves something unsafe behind.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/answer/reply.hpp"
#include "core/text/utf8.hpp"
#include "core/answer/verdict.hpp"

using namespace crm_capi;

// Aborts, which libFuzzer reports, also in builds without assertions.
static void Require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

static int CountCharacters(std::string_view text) {
    int characters = 0;
    for (size_t at = 0; at < text.size(); ++characters) {
        const size_t length = FirstCodePoint(text.substr(at)).length;
        Require(length > 0);
        at += length;
    }
    return characters;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Reply reply = ReadReply(text);
    Require(reply.fbtrace_id.size() <= 64);
    if (reply.error) {
        Require(CountCharacters(reply.error->message) <= 300);
    }
    for (int status : {0, 200, 400, 500}) {
        const Verdict verdict = Judge({TransportResult::kAnswered, status, reply, 1});
        const bool proven = status == 200 && !reply.error && reply.events_received == 1;
        Require((verdict.kind == VerdictKind::kDelivered) == proven);
    }
    for (int characters : {0, 7, 100}) {
        const std::string safe = SafeText(text, characters);
        Require(CountCharacters(safe) <= characters);
        Require(SafeText(safe, characters) == safe);
    }
    Usage usage;
    ReadUsage(text, &usage);
    Require(usage.highest_percentage >= 0 && usage.minutes_to_regain_access >= 0);
    return 0;
}
