// identities.cpp - see identities.hpp.
#include "core/identity/identities.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/identity/identity_field.hpp"
#include "core/text/ascii.hpp"
#include "core/text/json.hpp"
#include "core/text/unicode.hpp"

namespace crm_capi {
namespace {

// Meta names no limit. Nobody has more addresses of one kind, and hashes of a thousand short names
// would make an event that its batch mates suffer from.
constexpr size_t kMostValues = 32;

// A member's values as texts. Throws nothing of its own; `type_fault` says that one was neither
// text nor whole number.
struct Values {
    std::vector<std::string> texts;
    bool type_fault = false;
    bool too_many = false;
};

// Texts and whole numbers count; null is nothing, and anything else is a fault of type.
void AddValue(const Json& value, Values* values) {
    if (value.is_string()) {
        values->texts.push_back(value.get<std::string>());
    } else if (value.is_number_integer()) {
        values->texts.push_back(value.dump());
    } else if (!value.is_null()) {
        values->type_fault = true;
    }
}

// What Meta wants plain is a single value, never a list.
Values ReadValues(const IdentityField& field, const Json& member) {
    Values values;
    if (!member.is_array()) {
        AddValue(member, &values);
        return values;
    }
    values.type_fault = field.treatment == Treatment::kPlain;
    for (const Json& element : member) {
        AddValue(element, &values);
    }
    values.too_many = values.texts.size() > kMostValues;
    return values;
}

// Members that Meta judges a lead by only together with others (reference 2.4): an event whose
// identities all lie in one of these sets is refused, and so is its batch.
constexpr std::string_view kPlace[] = {"ct", "country", "st", "zp", "ge", "client_user_agent"};
constexpr std::string_view kBirth[] = {"db", "client_user_agent"};
constexpr std::string_view kFirstName[] = {"fn", "ge"};
constexpr std::string_view kLastName[] = {"ln", "ge"};

// Forms that only old libraries know; nobody says what they are worth, so here they are worth
// nothing.
constexpr std::string_view kFragments[] = {"f5first", "f5last", "fi", "dobd", "dobm", "doby"};

// Whether all members are of these names, fragments aside.
template <size_t Size>
bool AllIn(const std::string_view (&names)[Size], const Json& object) {
    for (const auto& member : object.items()) {
        if (!IsOneOf(names, member.key()) && !IsOneOf(kFragments, member.key())) {
            return false;
        }
    }
    return true;
}

// Whether Meta would take an event with these identities alone.
bool IsSufficient(const Json& object) {
    return !AllIn(kPlace, object) && !AllIn(kBirth, object) && !AllIn(kFirstName, object) &&
           !AllIn(kLastName, object);
}

// An unknown key is repeated to the operator if it is a word that a programmer would choose.
// Anything else could be a value that came to stand for a key.
bool IsQuotableKey(const std::string& key) {
    constexpr size_t kLongest = 40;
    const auto is_word_character = [](char c) {
        return (IsAsciiAlphanumeric(c) && LowerAscii(c) == c) || c == '_';
    };
    return !key.empty() && key.size() <= kLongest && IsAsciiLetter(key[0]) &&
           std::all_of(key.begin(), key.end(), is_word_character);
}

// Sorted and each once, so that the same identities make the same bytes; a single value stands
// alone.
Json ToJson(const IdentityField& field, std::vector<std::string> values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    if (values.size() > 1) {
        return Json(std::move(values));
    }
    return field.is_number ? Json(std::stoll(values.front())) : Json(std::move(values.front()));
}

// One call of NormalizeUserData. Not to be copied: context_ points into country_.
class UserDataReader {
public:
    // `given` must outlive the reader, `context` need not. The country is found first, because
    // telephone numbers and states are read by it wherever they stand in the object.
    UserDataReader(const Json& given, const IdentityContext& context) : given_(given) {
        context_.current_year = context.current_year;
        country_ = OwnCountry();
        if (country_.empty()) {
            country_ = Fold(context.default_country, IsBlank);
        }
        context_.country = country_;
    }

    // Once only: the result is moved out. Ends at the first member for which user_data is refused
    // as a whole.
    Identities Read() {
        for (const auto& member : given_.items()) {
            ReadMember(member.key(), member.value());
            if (result_.reason != Reason::kNone) {
                return std::move(result_);
            }
        }
        TakeLeadId();
        result_.sufficient = IsSufficient(taken_);
        if (!taken_.empty()) {
            result_.json = WriteJson(taken_);
        }
        return std::move(result_);
    }

private:
    // The country that user_data names, if it is one, and plain: a hash tells nothing.
    std::string OwnCountry() const {
        const auto member = given_.find("country");
        const bool is_text = member != given_.end() && member->is_string();
        const std::optional<std::string> code =
            is_text ? NormalizeField(*FindIdentityField("country"), member->get<std::string>(), {})
                    : std::nullopt;
        return code && code->size() == 2 ? *code : std::string();
    }

    // Takes the member's values, or refuses user_data for it.
    void ReadMember(const std::string& name, const Json& member) {
        const IdentityField* const field = FindIdentityField(name);
        if (field == nullptr) {
            Refuse(Reason::kIdentityUnknown, IsQuotableKey(name) ? name : std::string());
            return;
        }
        const Values values = ReadValues(*field, member);
        if (values.type_fault) {
            Refuse(Reason::kIdentityType, name);
        } else if (values.too_many) {
            Refuse(Reason::kIdentityTooMany, name);
        } else {
            TakeValues(*field, values);
        }
    }

    // Takes the values that are of use. One that is not goes to the operator (Identities::dropped),
    // but only if something stands there: a CRM's empty columns are no news.
    void TakeValues(const IdentityField& field, const Values& values) {
        std::vector<std::string> taken;
        for (const std::string& text : values.texts) {
            std::optional<std::string> value = HashField(field, text, context_);
            if (value) {
                taken.push_back(std::move(*value));
            } else if (NormalizeValue(field, text, context_).fault == ValueFault::kUnusable) {
                result_.dropped.push_back({field.name, CauseOfDrop(field, text)});
            }
        }
        if (!taken.empty()) {
            taken_[std::string(field.name)] = ToJson(field, std::move(taken));
        }
    }

    // It has a column of its own in the log, and stands first in the payload.
    void TakeLeadId() {
        const auto member = taken_.find("lead_id");
        if (member != taken_.end()) {
            result_.lead_id = member->get<int64_t>();
            taken_.erase(member);
        }
    }

    // The key goes to the operator: it is one of Meta's, quotable, or empty.
    void Refuse(Reason reason, const std::string& key) {
        result_.reason = reason;
        result_.key = key;
    }

    const Json& given_;
    NormalizeContext context_;
    std::string country_;
    Json taken_ = Json::object();
    Identities result_;
};

}  // namespace

Identities NormalizeUserData(std::string_view json, const IdentityContext& context) {
    const Json given = ParseJson(json);
    if (!given.is_object()) {
        Identities unreadable;
        unreadable.reason = Reason::kUserDataUnreadable;
        return unreadable;
    }
    return UserDataReader(given, context).Read();
}

}  // namespace crm_capi
