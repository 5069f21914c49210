// user_data_fuzz.cpp - any text is a refused user_data, or becomes a small object that holds what
// Meta wants and stays what it is when it is read again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/identity/identities.hpp"
#include "core/identity/identity_field.hpp"
#include "core/identity/phone_region.hpp"
#include "core/event/validation.hpp"

using namespace crm_capi;
using Json = nlohmann::json;

static void Require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// Lower-case digits of SHA-256 or MD5, perhaps with a tag.
static bool IsHash(const std::string& text) {
    const size_t digits = text.find_first_not_of("0123456789abcdef");
    const size_t length = digits == std::string::npos ? text.size() : digits;
    return (length == 64 || length == 32) && (length == text.size() || text[length] == '.');
}

static void CheckMember(const std::string& name, const Json& value) {
    const IdentityField* const field = FindIdentityField(name);
    Require(field != nullptr && name != "lead_id");
    if (field->is_number) {
        Require(value.is_number_integer());
    } else if (field->treatment == Treatment::kPlain) {
        Require(value.is_string());
    } else if (value.is_array()) {
        Require(value.size() > 1 && value.size() <= 32);
        for (size_t i = 0; i < value.size(); ++i) {
            Require(IsHash(value[i].get<std::string>()));
            Require(i == 0 || value[i - 1].get<std::string>() < value[i].get<std::string>());
        }
    } else {
        Require(IsHash(value.get<std::string>()));
    }
}

// The tables are read before the first input, whose time is measured.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
    WarmPhoneRoom();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const IdentityContext context = {size % 2 == 0 ? "DE" : "", 2026};
    const Identities once =
        NormalizeUserData(std::string_view(reinterpret_cast<const char*>(data), size), context);
    if (once.reason != Reason::kNone) {
        Require(once.json.empty() && once.lead_id == 0 && !once.sufficient);
        return 0;
    }
    Require(once.lead_id == 0 || JudgeLeadId(once.lead_id) == Reason::kNone);
    if (once.json.empty()) {
        Require(!once.sufficient);
        return 0;
    }
    const Json taken = Json::parse(once.json);
    for (const auto& member : taken.items()) {
        CheckMember(member.key(), member.value());
    }
    const Identities again = NormalizeUserData(once.json, context);
    Require(again.json == once.json && again.sufficient == once.sufficient);
    Require(again.reason == Reason::kNone && again.dropped.empty());
    return 0;
}
