// id_queue.hpp - ids that wait in the order in which they came, by the million in little memory.
//
// Ids that follow each other are one run. The first and the last run lie ready; those between are
// packed: one or two bytes for each, also where many datasets take turns in the log and no two ids
// of one of them are neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/ids/id_bits.hpp"
#include "core/ids/id_set.hpp"

namespace crm_capi {

class IdQueue {
public:
    // The id must not be in the queue already.
    void Push(int64_t id) { Push(IdRange{id, id}); }

    // Takes the next run of at most max_count consecutive ids; false if there is none.
    bool TakeRun(int64_t max_count, IdRange* range);

    // Ids leave the queue wherever they are in it. Looks at each id of the queue.
    void Drop(const IdSet& ids);

    // Adds all ids; the queue keeps them.
    void AddTo(IdBits* ids) const;
    // Nothing but these, in ascending order.
    void Assign(const IdSet& ids);

    // The id that TakeRun would take first; there must be one.
    int64_t First() const { return front_.first; }
    // Whether no id waits.
    bool empty() const { return count_ == 0; }
    // Ids, not the runs that hold them; kept, so that asking costs nothing.
    int64_t Count() const { return count_; }

private:
    // Until there are two runs, back_ is none.
    bool HasBack() const { return back_.first <= back_.last; }
    void Push(IdRange run);
    void Pack(IdRange run);
    IdRange Unpack(int64_t behind, size_t* at) const;
    void NextFront();
    template <class Visit>
    void ForEachRun(const Visit& visit) const;

    static constexpr IdRange kNone{0, -1};

    int64_t count_ = 0;
    IdRange front_ = kNone;    // what TakeRun takes from; kNone if the queue is empty
    IdRange back_ = kNone;     // the last run, which Push may extend
    std::string packed_;       // those between
    size_t taken_ = 0;         // so many of its bytes have become front_ already
    int64_t packed_last_ = 0;  // the last id in it
};

}  // namespace crm_capi
