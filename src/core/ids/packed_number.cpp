// packed_number.cpp - whole numbers in as few bytes as they need.
#include "core/ids/packed_number.hpp"

#include <limits>

namespace crm_capi {

namespace {

constexpr int kBitsPerByte = 7;
constexpr unsigned char kGoesOn = 1U << kBitsPerByte;

}  // namespace

unsigned char* PutNumber(uint64_t number, unsigned char* out) {
    for (; number >= kGoesOn; number >>= kBitsPerByte) {
        *out++ = static_cast<unsigned char>(number) | kGoesOn;
    }
    *out++ = static_cast<unsigned char>(number);
    return out;
}

bool TakeNumber(std::string_view* packed, uint64_t* number) {
    *number = 0;
    for (int shift = 0; shift < std::numeric_limits<uint64_t>::digits && !packed->empty();
         shift += kBitsPerByte) {
        const auto byte = static_cast<unsigned char>(packed->front());
        const uint64_t part = byte & (kGoesOn - 1U);
        packed->remove_prefix(1);
        *number |= part << shift;
        if ((byte & kGoesOn) == 0) {
            return part << shift >> shift == part && (part != 0 || shift == 0);
        }
    }
    return false;
}

}  // namespace crm_capi
