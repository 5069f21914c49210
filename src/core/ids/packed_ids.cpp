// packed_ids.cpp - a set of event ids in few bytes, as the row of a request keeps it.
#include "core/ids/packed_ids.hpp"

#include <limits>

namespace crm_capi {

unsigned char* PutRange(uint64_t distance, uint64_t more, unsigned char* out) {
    unsigned char* const end = PutNumber(distance << 1 | (more > 0 ? 1 : 0), out);
    return more > 0 ? PutNumber(more, end) : end;
}

bool TakeRange(std::string_view* packed, uint64_t* distance, uint64_t* more) {
    uint64_t number = 0;
    *more = 0;
    if (!TakeNumber(packed, &number) ||
        ((number & 1) != 0 && (!TakeNumber(packed, more) || *more == 0))) {
        return false;
    }
    *distance = number >> 1;
    return true;
}

size_t PackIds(const IdRange* ranges, size_t count, unsigned char* out) {
    unsigned char* end = out;
    int64_t last = 0;
    for (size_t i = 0; i < count; ++i) {
        const auto distance = static_cast<uint64_t>(ranges[i].first - last);
        const auto more = static_cast<uint64_t>(ranges[i].last - ranges[i].first);
        end = PutRange(distance, more, end);
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
        uint64_t distance = 0;
        uint64_t more = 0;
        if (!TakeRange(&packed, &distance, &more)) {
            return -1;
        }
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
