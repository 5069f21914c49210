// id_bits.hpp - a set of event ids, held as bits.
//
// Where several datasets take turns in the log, the ids of one of them are nearly all ranges of
// their own: an IdSet of a million such ids takes sixteen megabytes, this one a quarter of one.
// Gathered first, then asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/ids/id_block.hpp"
#include "core/ids/id_set.hpp"

namespace crm_capi {

class IdBits {
public:
    // In any order, also what is there already. A block costs its sixteen bytes each time that
    // others have come between, until the set is put in order.
    void Add(IdRange range);
    void Add(const IdSet& ids);
    // An ascending run of ids has been added. Those of datasets that take turns in the log lie
    // in the same places: they are put together before there is room for each of them.
    void EndRun();

    // These put in order what was added since the last one.
    // How many ranges the set would have as an IdSet, without making it.
    size_t CountRanges();
    // How many of these ids are in the set.
    int64_t CountIn(const IdSet& ids);
    // The lowest ids, so many at most.
    IdSet First(int64_t count);
    // The ids of the set that lie in the range.
    IdSet Within(IdRange range);
    // Takes sixteen bytes per range: see CountRanges.
    IdSet ToSet();

private:
    void AddBlock(const IdBlock& block);
    void PutInOrder();

    std::vector<IdBlock> blocks_;
    size_t in_order_ = 0;  // so many of them are ascending, each once; the others come behind
};

}  // namespace crm_capi
