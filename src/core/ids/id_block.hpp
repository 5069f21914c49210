// id_block.hpp - up to 64 ids that lie together, in sixteen bytes.
#pragma once

#include <cstdint>

namespace crm_capi {

// Bit i stands for the id first + i; first is a multiple of 64.
struct IdBlock {
    static constexpr int64_t kBits = 64;

    int64_t first;
    uint64_t bits;

    static int64_t FirstOf(int64_t id) { return id & ~(kBits - 1); }
    static uint64_t BitOf(int64_t id) { return uint64_t{1} << (id & (kBits - 1)); }

    // The lowest `count` bits, at most 64.
    static uint64_t Ones(int64_t count) {
        return count == kBits ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    }
    // How many bits at the low end are zero, and one. Not all of them may be zero.
    static int64_t LowZeros(uint64_t bits) { return __builtin_ctzll(bits); }
    static int64_t LowOnes(uint64_t bits) { return bits == ~uint64_t{0} ? kBits : LowZeros(~bits); }

    int64_t Count() const { return __builtin_popcountll(bits); }
};

}  // namespace crm_capi
