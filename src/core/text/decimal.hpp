// decimal.hpp - numbers as text, without a detour through a locale.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace crm_capi {

// Appends the number in decimal.
inline void AppendDecimal(int64_t number, std::string* out) {
    char digits[std::numeric_limits<int64_t>::digits10 + 2];
    const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out->append(digits, static_cast<size_t>(end - digits));
}

}  // namespace crm_capi
