// id_bits.cpp - a set of event ids, held as bits.
#include "core/ids/id_bits.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <utility>

namespace crm_capi {

namespace {

// Those bits of a block that belong to the range.
uint64_t BitsOf(int64_t first, IdRange range) {
    const int64_t last = IdBlock::LastOf(first);
    if (range.last < first || range.first > last) {
        return 0;
    }
    const int64_t from = std::max(range.first, first) - first;
    const int64_t to = std::min(range.last, last) - first;
    return IdBlock::Ones(to - from + 1) << from;
}

}  // namespace

void IdBits::Add(IdRange range) {
    for (int64_t first = IdBlock::FirstOf(range.first);; first += IdBlock::kBits) {
        AddBlock(IdBlock{first, BitsOf(first, range)});
        if (range.last <= IdBlock::LastOf(first)) {
            break;  // behind the block of the greatest number there is none to go on to
        }
    }
}

void IdBits::AddBlock(const IdBlock& block) {
    if (blocks_.size() > in_order_ && blocks_.back().first == block.first) {
        blocks_.back().bits |= block.bits;
    } else {
        blocks_.push_back(block);
    }
}

void IdBits::Add(const IdSet& ids) {
    for (const IdRange& range : ids.ranges()) {
        Add(range);
    }
}

// A short run waits for others: to go through all blocks for each would be too much.
void IdBits::EndRun() {
    constexpr size_t kShort = 16;
    if (blocks_.size() - in_order_ >= in_order_ / kShort) {
        PutInOrder();
    }
}

// Merges what was added into what is in order, and makes one of blocks of the same place.
void IdBits::PutInOrder() {
    const auto starts_before = [](const IdBlock& a, const IdBlock& b) { return a.first < b.first; };
    const auto added = std::next(blocks_.begin(), static_cast<std::ptrdiff_t>(in_order_));
    if (added == blocks_.end()) {
        return;
    }
    // A queue is mostly in order by itself.
    if (!std::is_sorted(added, blocks_.end(), starts_before)) {
        std::sort(added, blocks_.end(), starts_before);
    }
    std::inplace_merge(blocks_.begin(), added, blocks_.end(), starts_before);
    size_t kept = 0;
    for (const IdBlock& block : blocks_) {
        if (kept > 0 && blocks_[kept - 1].first == block.first) {
            blocks_[kept - 1].bits |= block.bits;
        } else {
            blocks_[kept++] = block;
        }
    }
    blocks_.resize(kept);
    in_order_ = kept;
}

size_t IdBits::CountRanges() {
    PutInOrder();
    size_t count = 0;
    int64_t last = 0;    // of the block before
    uint64_t carry = 0;  // whether that block's last id is in the set
    for (const IdBlock& block : blocks_) {
        const bool is_next = carry != 0 && block.first - 1 == last;
        const uint64_t before = (block.bits << 1) | (is_next ? 1 : 0);
        count += static_cast<size_t>(__builtin_popcountll(block.bits & ~before));
        last = IdBlock::LastOf(block.first);
        carry = block.bits >> (IdBlock::kBits - 1);
    }
    return count;
}

int64_t IdBits::CountIn(const IdSet& ids) {
    PutInOrder();
    int64_t count = 0;
    auto range = ids.ranges().begin();
    for (const IdBlock& block : blocks_) {
        while (range != ids.ranges().end() && range->last < block.first) {
            ++range;
        }
        for (auto r = range; r != ids.ranges().end() && r->first <= IdBlock::LastOf(block.first);
             ++r) {
            count += IdBlock{block.first, block.bits & BitsOf(block.first, *r)}.Count();
        }
    }
    return count;
}

IdSet IdBits::First(int64_t count) {
    PutInOrder();
    std::vector<IdRange> ranges;
    for (auto next = blocks_.begin(); next != blocks_.end() && count > 0; ++next) {
        IdBlock block = *next;
        while (block.bits != 0 && count > 0) {
            const int64_t from = IdBlock::LowZeros(block.bits);
            const int64_t length = std::min(count, IdBlock::LowOnes(block.bits >> from));
            ranges.push_back(IdRange{block.first + from, block.first + (from + length - 1)});
            block.bits &= ~(IdBlock::Ones(length) << from);
            count -= length;
        }
    }
    return IdSet(std::move(ranges));
}

IdSet IdBits::Within(IdRange range) {
    IdBits within;
    for (const IdBlock& block : blocks_) {
        const uint64_t bits = block.bits & BitsOf(block.first, range);
        if (bits != 0) {
            within.AddBlock(IdBlock{block.first, bits});
        }
    }
    return within.ToSet();
}

IdSet IdBits::ToSet() {
    return First(std::numeric_limits<int64_t>::max());
}

}  // namespace crm_capi
