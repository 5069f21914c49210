// lead_id_fuzz.cpp - a lead id is read exactly or not at all, and stages are judged without harm.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/event/validation.hpp"

using namespace crm_capi;

static void Require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    int64_t lead_id = -1;
    const Reason reason = ReadLeadId(text, &lead_id);
    if (reason == Reason::kLeadIdNotANumber) {
        Require(lead_id == 0);
    } else if (lead_id != 0) {
        // The digits stand in the text as they are, and reading them again changes nothing.
        const std::string digits = std::to_string(lead_id < 0 ? 0 - uint64_t(lead_id) : lead_id);
        int64_t again = 0;
        Require(reason == JudgeLeadId(lead_id));
        Require(text.find(digits) != std::string_view::npos);
        Require(ReadLeadId(std::to_string(lead_id), &again) == reason && again == lead_id);
    } else {
        Require(reason == Reason::kLeadIdLength);
    }
    const Reason stage = JudgeEventName(text);
    Require(stage != Reason::kNone || (size > 0 && size <= 4 * kMaxEventNameCharacters));
    return 0;
}
