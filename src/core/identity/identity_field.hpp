// identity_field.hpp - the keys of user_data: which are hashed, and what a value of each becomes.
//
// One path for every value, whether it comes from a watched row, from capi_send_lead_event() or
// from capi_normalize(): reference 2.3.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/identity/identity_rules.hpp"

namespace crm_capi {

enum class Treatment {
    kHashed,  // Meta gets the SHA-256 of the normalised value
    kPlain,   // Meta gets the value itself
};

struct IdentityField {
    std::string_view name;
    std::string_view csv_prefix;  // which Meta's CSV exports put in front of a value
    Treatment treatment;
    bool is_number;  // sent as a JSON number
    std::string (*rule)(std::string_view value, const NormalizeContext& context);
    DropCause (*cause)(std::string_view value) = nullptr;  // nullptr: DropCause::kForm
};

// Whether a name is in a list.
template <size_t Size>
bool IsOneOf(const std::string_view (&names)[Size], std::string_view name) {
    return std::find(names, names + Size, name) != names + Size;
}

// The field of this name, or nullptr.
const IdentityField* FindIdentityField(std::string_view name);

// The table itself.
const IdentityField* IdentityFields(int* count);

// What is wrong with a value that has no normalised form.
enum class ValueFault {
    kNone,
    kAbsent,    // blank, or a word that says there is none: "null", "n/a"
    kUnusable,  // something is there, and it is none of what the field is for
};

struct NormalizedValue {
    ValueFault fault = ValueFault::kNone;
    std::string text;      // if there is no fault
    bool is_hash = false;  // the value was hashed already
};

// Takes any bytes (what is not UTF-8 is unusable), without blanks around them and without the
// field's CSV prefix. A hash, which only hashed fields know, stays one, in lower case. The text is
// empty if and only if there is a fault. This and the next two throw std::runtime_error if ICU or
// OpenSSL fails.
NormalizedValue NormalizeValue(const IdentityField& field, std::string_view value,
                               const NormalizeContext& context);

// The value in the form that is hashed or sent; nothing if it is to be dropped.
std::optional<std::string> NormalizeField(const IdentityField& field, std::string_view value,
                                          const NormalizeContext& context);

// Why the value, which NormalizeValue calls unusable, is so.
DropCause CauseOfDrop(const IdentityField& field, std::string_view value);

// What Meta gets: the hash of the normalised value, or the value itself if the field is plain;
// nothing if it is to be dropped.
std::optional<std::string> HashField(const IdentityField& field, std::string_view value,
                                     const NormalizeContext& context);

}  // namespace crm_capi
