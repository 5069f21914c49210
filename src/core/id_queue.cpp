// id_queue.cpp - see id_queue.hpp.
#include "core/id_queue.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace crm_capi {

namespace {

constexpr int64_t kBits = 64;

int64_t BlockOf(int64_t id) {
    return id & ~(kBits - 1);
}

// How many bits at the low end are zero, and one. Not all of them may be.
int64_t LowZeros(uint64_t bits) {
    return __builtin_ctzll(bits);
}
int64_t LowOnes(uint64_t bits) {
    return bits == ~uint64_t{0} ? kBits : LowZeros(~bits);
}

uint64_t Ones(int64_t count) {
    return count == kBits ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

}  // namespace

// Only what comes behind everything in the last block may join it: the order must stay.
void IdQueue::Push(int64_t id) {
    const int64_t first = BlockOf(id);
    const uint64_t bit = uint64_t{1} << (id - first);
    if (!blocks_.empty() && blocks_.back().first == first && blocks_.back().bits < bit) {
        blocks_.back().bits |= bit;
    } else {
        blocks_.push_back(Block{first, bit});
    }
}

bool IdQueue::TakeRun(int64_t max_count, IdRange* range) {
    if (blocks_.empty() || max_count <= 0) {
        return false;
    }
    range->first = blocks_.front().first + LowZeros(blocks_.front().bits);
    range->last = range->first - 1;
    while (!blocks_.empty() && max_count > 0) {
        Block& block = blocks_.front();
        const int64_t from = LowZeros(block.bits);
        if (block.first + from != range->last + 1) {
            break;  // the run ends before this block
        }
        const int64_t count = std::min(max_count, LowOnes(block.bits >> from));
        range->last += count;
        max_count -= count;
        block.bits &= ~(Ones(count) << from);
        if (block.bits != 0) {
            break;
        }
        blocks_.pop_front();
    }
    return true;
}

void IdQueue::Drop(const IdSet& ids) {
    std::deque<Block> left;
    for (Block block : blocks_) {
        for (uint64_t bits = block.bits; bits != 0; bits &= bits - 1) {
            if (ids.Contains(block.first + LowZeros(bits))) {
                block.bits &= ~(bits & (~bits + 1));
            }
        }
        if (block.bits != 0) {
            left.push_back(block);
        }
    }
    blocks_ = std::move(left);
}

IdSet IdQueue::Ids() const {
    std::vector<IdRange> ranges;
    IdQueue copy = *this;
    IdRange range{};
    while (copy.TakeRun(INT64_MAX, &range)) {
        ranges.push_back(range);
    }
    return IdSet(std::move(ranges));
}

void IdQueue::Assign(const IdSet& ids) {
    blocks_.clear();
    for (const IdRange& range : ids.ranges()) {
        for (int64_t id = range.first; id <= range.last; ++id) {
            Push(id);
        }
    }
}

}  // namespace crm_capi
