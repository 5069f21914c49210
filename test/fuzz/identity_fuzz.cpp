// identity_fuzz.cpp - whatever a CRM's row holds, a field becomes nothing or one normalised value.
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "core/identity/identity_field.hpp"
#include "core/identity/phone_region.hpp"
#include "core/text/utf8.hpp"

using namespace crm_capi;

static void Require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

static bool IsUtf8(std::string_view text) {
    std::string copy;
    AppendValidUtf8(text, &copy);
    return copy == text;
}

// Only a telephone number without country is read again with other eyes once it has lost its '+'.
static bool IsStable(const IdentityField& field, const NormalizeContext& context) {
    return field.name != "ph" || context.country.empty();
}

static void Check(const IdentityField& field, std::string_view value,
                  const NormalizeContext& context) {
    const std::optional<std::string> once = NormalizeField(field, value, context);
    const std::optional<std::string> hash = HashField(field, value, context);
    Require(once.has_value() == hash.has_value());
    if (!once) {
        return;
    }
    Require(!once->empty() && IsUtf8(*once));
    // Lower case and composed form at most triple a text; a field's own words are short.
    Require(once->size() <= 3 * value.size() + 16);
    if (IsStable(field, context)) {
        const std::optional<std::string> again = NormalizeField(field, *once, context);
        Require(again && *again == *once);
    }
    Require(field.treatment == Treatment::kPlain ? *hash == *once
                                                 : hash->size() == 64 || *hash == *once);
}

// The tables are read before the first input, whose time is measured.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
    WarmPhoneRoom();
    return 0;
}

// The first byte chooses the field, the second one the country.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr std::string_view kCountries[] = {"", "de", "us", "it", "ru", "xx"};
    if (size < 2) {
        return 0;
    }
    int count = 0;
    const IdentityField* const fields = IdentityFields(&count);
    NormalizeContext context;
    context.country = kCountries[data[1] % std::size(kCountries)];
    context.current_year = 2026;
    Check(fields[data[0] % count],
          std::string_view(reinterpret_cast<const char*>(data + 2), size - 2), context);
    return 0;
}
