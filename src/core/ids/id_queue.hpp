// id_queue.hpp - ids that wait in the order in which they came, by the million in little memory.
//
// Sixteen bytes hold up to 64 ids that lie together, also where several datasets take turns in the
// log and no two ids of one of them are neighbours.
#pragma once

#include <cstdint>
#include <deque>

#include "core/ids/id_bits.hpp"
#include "core/ids/id_block.hpp"
#include "core/ids/id_set.hpp"

namespace crm_capi {

class IdQueue {
public:
    // The id must not be in the queue already.
    void Push(int64_t id);

    // Takes the next run of at most max_count consecutive ids; false if there is none.
    bool TakeRun(int64_t max_count, IdRange* range);

    // Ids leave the queue wherever they are in it. Looks at each id of the queue.
    void Drop(const IdSet& ids);

    // Adds all ids; the queue keeps them.
    void AddTo(IdBits* ids) const;
    // Nothing but these, in ascending order.
    void Assign(const IdSet& ids);

    // The id that TakeRun would take first; there must be one.
    int64_t First() const { return blocks_.front().First(); }
    // Whether no id waits: no block is kept that holds none.
    bool empty() const { return blocks_.empty(); }
    // Ids, not the blocks that hold them; kept, so that asking costs nothing.
    int64_t Count() const { return count_; }

private:
    std::deque<IdBlock> blocks_;  // none is empty
    int64_t count_ = 0;
};

}  // namespace crm_capi
