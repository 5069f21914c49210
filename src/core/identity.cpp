// identity.cpp - user_data as a caller gives it.
#include "core/identity.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace crm_capi {

namespace {

using Json = nlohmann::json;

struct Key {
    std::string_view name;
    bool hashed;
};

// Reference 2.3. lead_id is not here: it is an argument of its own.
constexpr Key kKeys[] = {
    {"em", true},
    {"ph", true},
    {"fn", true},
    {"ln", true},
    {"db", true},
    {"ge", true},
    {"ct", true},
    {"st", true},
    {"zp", true},
    {"country", true},
    {"external_id", true},
    {"client_ip_address", false},
    {"client_user_agent", false},
    {"fbc", false},
    {"fbp", false},
    {"subscription_id", false},
    {"fb_login_id", false},
    {"anon_id", false},
    {"madid", false},
    {"page_id", false},
    {"page_scoped_user_id", false},
    {"ctwa_clid", false},
    {"whatsapp_business_account_id", false},
    {"ig_account_id", false},
    {"ig_sid", false},
};

const Key* FindKey(std::string_view name) {
    const auto* const end = kKeys + std::size(kKeys);
    const auto* const key =
        std::find_if(kKeys, end, [name](const Key& candidate) { return candidate.name == name; });
    return key == end ? nullptr : key;
}

char ToLower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool IsHexDigit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Lower-cases a hash; false if the text is none.
bool NormalizeHash(std::string* text) {
    std::transform(text->begin(), text->end(), text->begin(), ToLower);
    return text->size() == 64 && std::all_of(text->begin(), text->end(), IsHexDigit);
}

MemberFault CheckText(bool hashed, Json* value) {
    if (!value->is_string()) {
        return MemberFault::kWrongType;
    }
    if (hashed && !NormalizeHash(value->get_ptr<std::string*>())) {
        return MemberFault::kNotHashed;
    }
    return MemberFault::kNone;
}

MemberFault CheckIdentity(const Key& key, Json* value) {
    if (!key.hashed && value->is_number_integer()) {
        return MemberFault::kNone;
    }
    if (!key.hashed || !value->is_array()) {
        return CheckText(key.hashed, value);
    }
    for (Json& element : *value) {
        const MemberFault fault = CheckText(true, &element);
        if (fault != MemberFault::kNone) {
            return fault;
        }
    }
    return MemberFault::kNone;
}

CheckedMembers Fault(MemberFault fault, std::string key) {
    CheckedMembers result;
    result.fault = fault;
    result.key = std::move(key);
    return result;
}

CheckedMembers Finish(const Json& members) {
    CheckedMembers result;
    if (!members.empty()) {
        result.json = members.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    return result;
}

// The object without its null members, or a discarded value.
Json ReadObject(std::string_view text) {
    Json object = Json::parse(text, nullptr, false);
    if (!object.is_object()) {
        return Json(Json::value_t::discarded);
    }
    for (auto member = object.begin(); member != object.end();) {
        member = member->is_null() ? object.erase(member) : std::next(member);
    }
    return object;
}

}  // namespace

CheckedMembers CheckUserData(std::string_view json) {
    Json object = ReadObject(json);
    if (object.is_discarded()) {
        return Fault(MemberFault::kNotAnObject, {});
    }
    for (auto& [name, value] : object.items()) {
        if (name == "lead_id") {
            return Fault(MemberFault::kFixedKey, name);
        }
        const Key* const key = FindKey(name);
        if (key == nullptr) {
            return Fault(MemberFault::kUnknownKey, name);
        }
        const MemberFault fault = CheckIdentity(*key, &value);
        if (fault != MemberFault::kNone) {
            return Fault(fault, name);
        }
    }
    return Finish(object);
}

}  // namespace crm_capi
