// id_queue.hpp - ids that wait in the order in which they came, by the million in little memory.
//
// Sixteen bytes hold up to 64 ids that lie together, also where several datasets take turns in the
// log and no two ids of one of them are neighbours.
#pragma once

#include <cstdint>
#include <deque>

#include "core/id_set.hpp"

namespace crm_capi {

class IdQueue {
public:
    // The id must not be in the queue already.
    void Push(int64_t id);

    // Takes the next run of at most max_count consecutive ids; false if there is none.
    bool TakeRun(int64_t max_count, IdRange* range);

    // Ids leave the queue wherever they are in it.
    void Drop(const IdSet& ids);

    // All ids, and nothing but these in ascending order.
    IdSet Ids() const;
    void Assign(const IdSet& ids);

    bool empty() const { return blocks_.empty(); }

private:
    // Bit i stands for the id first + i; first is a multiple of 64, and no block is empty.
    struct Block {
        int64_t first;
        uint64_t bits;
    };

    std::deque<Block> blocks_;
};

}  // namespace crm_capi
