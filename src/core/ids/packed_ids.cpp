// packed_ids.cpp - a set of event ids in few bytes, as the row of a request keeps it.
#include "core/ids/packed_ids.hpp"

#include <limits>

namespace crm_capi {

namespace {

constexpr int kBitsPerByte = 7;
constexpr unsigned char kGoesOn = 1U << kBitsPerByte;

unsigned char* PutNumber(uint64_t number, unsigned char* out) {
    for (; number >= kGoesOn; number >>= kBitsPerByte) {
        *out++ = static_cast<unsigned char>(number) | kGoesOn;
    }
    *out++ = static_cast<unsigned char>(number);
    return out;
}

// Takes a number off the front; false if there is none of 64 bits in its shortest form.
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

}  // namespace

size_t PackIds(const IdRange* ranges, size_t count, unsigned char* out) {
    unsigned char* end = out;
    int64_t last = 0;
    for (size_t i = 0; i < count; ++i) {
        const auto distance = static_cast<uint64_t>(ranges[i].first - last);
        const auto more = static_cast<uint64_t>(ranges[i].last - ranges[i].first);
        end = PutNumber(distance << 1 | (more > 0 ? 1 : 0), end);
        if (more > 0) {
            end = PutNumber(more, end);
        }
        last = ranges[i].last;
    }
    return static_cast<size_t>(end - out);
}

int UnpackIds(std::string_view packed, IdRange* ranges) {
    // The greatest int64 is no id.
    constexpr uint64_t kGreatest = std::numeric_limits<int64_t>::max() - 1;
    uint64_t last = 0;
    int count = 0;
    while (!packed.empty()) {
        uint64_t number = 0;
        uint64_t more = 0;
        if (!TakeNumber(&packed, &number) ||
            ((number & 1) != 0 && (!TakeNumber(&packed, &more) || more == 0))) {
            return -1;
        }
        const uint64_t distance = number >> 1;
        const uint64_t least = count == 0 ? 1 : 2;
        if (distance < least || distance > kGreatest - last || more > kGreatest - last - distance) {
            return -1;
        }
        const uint64_t first = last + distance;
        last = first + more;
        ranges[count++] = {static_cast<int64_t>(first), static_cast<int64_t>(last)};
    }
    return count;
}

}  // namespace crm_capi
