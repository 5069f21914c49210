// id_block.hpp - up to 64 ids that lie together, in sixteen bytes.
#pragma once

#include <cstdint>

namespace crm_capi {

// Bit i stands for the id first + i; first is a multiple of 64.
struct IdBlock {
    static constexpr int64_t kBits = 64;

    int64_t first;
    uint64_t bits;

    // Where the block that holds the id begins; rounds down for negative ids as well.
    static int64_t FirstOf(int64_t id) { return id & ~(kBits - 1); }
    // What the highest bit stands for, which may be the greatest number.
    static int64_t LastOf(int64_t first) { return first + (kBits - 1); }

    // The lowest `count` bits, at most 64.
    static uint64_t Ones(int64_t count) {
        return count == kBits ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    }
    // How many bits at the low end are zero. Not all may be: the instruction has no answer then.
    static int64_t LowZeros(uint64_t bits) { return __builtin_ctzll(bits); }
    // How many bits at the low end are one: 0 to 64, whatever the bits.
    static int64_t LowOnes(uint64_t bits) { return bits == ~uint64_t{0} ? kBits : LowZeros(~bits); }

    // How many ids are in the block, not up to which it reaches.
    int64_t Count() const { return __builtin_popcountll(bits); }
};

}  // namespace crm_capi
