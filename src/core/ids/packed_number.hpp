// packed_number.hpp - whole numbers in as few bytes as they need.
//
// Numbers have seven bits in each byte, the lowest first; the eighth is set in all bytes but the
// last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace crm_capi {

// A number takes so many bytes at most.
constexpr size_t kMostBytesPerNumber = 10;

// Writes the number, and returns where it ends. There is room for kMostBytesPerNumber.
unsigned char* PutNumber(uint64_t number, unsigned char* out);

// Takes a number off the front; false if there is none of 64 bits in its shortest form.
bool TakeNumber(std::string_view* packed, uint64_t* number);

}  // namespace crm_capi
