// id_queue.cpp - ids that wait in the order in which they came.
#include "core/ids/id_queue.hpp"

#include <algorithm>
#include <utility>

namespace crm_capi {

// Only what comes behind everything in the last block may join it: the order must stay.
void IdQueue::Push(int64_t id) {
    const int64_t first = IdBlock::FirstOf(id);
    const uint64_t bit = IdBlock::BitOf(id);
    ++count_;
    if (!blocks_.empty() && blocks_.back().first == first && blocks_.back().bits < bit) {
        blocks_.back().bits |= bit;
    } else {
        blocks_.push_back(IdBlock{first, bit});
    }
}

bool IdQueue::TakeRun(int64_t max_count, IdRange* range) {
    if (blocks_.empty() || max_count <= 0) {
        return false;
    }
    range->first = First();
    range->last = range->first - 1;
    while (!blocks_.empty() && max_count > 0) {
        IdBlock& block = blocks_.front();
        const int64_t from = IdBlock::LowZeros(block.bits);
        if (block.first + from != range->last + 1) {
            break;  // the run ends before this block
        }
        const int64_t count = std::min(max_count, IdBlock::LowOnes(block.bits >> from));
        range->last += count;
        max_count -= count;
        count_ -= count;
        block.bits &= ~(IdBlock::Ones(count) << from);
        if (block.bits != 0) {
            break;
        }
        blocks_.pop_front();
    }
    return true;
}

void IdQueue::Drop(const IdSet& ids) {
    std::deque<IdBlock> left;
    count_ = 0;
    for (IdBlock block : blocks_) {
        for (uint64_t bits = block.bits; bits != 0; bits &= bits - 1) {
            if (ids.Contains(block.first + IdBlock::LowZeros(bits))) {
                block.bits &= ~(bits & (~bits + 1));
            }
        }
        if (block.bits != 0) {
            left.push_back(block);
            count_ += block.Count();
        }
    }
    blocks_ = std::move(left);
}

void IdQueue::AddTo(IdBits* ids) const {
    for (const IdBlock& block : blocks_) {
        ids->Add(block);
    }
    ids->EndRun();
}

void IdQueue::Assign(const IdSet& ids) {
    blocks_.clear();
    count_ = 0;
    for (const IdRange& range : ids.ranges()) {
        for (int64_t id = range.first; id <= range.last; ++id) {
            Push(id);
        }
    }
}

}  // namespace crm_capi
