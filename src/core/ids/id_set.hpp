// id_set.hpp - a set of event ids, held as ranges.
//
// Ids come in runs, so a set of a million events is a handful of ranges. The text form is
// PostgreSQL's int8multirange: "{[1,5),[7,8)}". It names the first id behind a range, so the
// greatest int64 is no id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crm_capi {

// Both ends belong to the range.
struct IdRange {
    int64_t first;
    int64_t last;

    int64_t Count() const { return last - first + 1; }
};

inline bool operator==(const IdRange& a, const IdRange& b) {
    return a.first == b.first && a.last == b.last;
}

class IdSet {
public:
    // The empty set.
    IdSet() = default;
    // Of ranges in any order, which may overlap. None may be empty (last before first).
    explicit IdSet(std::vector<IdRange> ranges);

    // Cheap at the end (id greater than all before it), linear elsewhere.
    void Add(int64_t id) { Add(IdRange{id, id}); }
    void Add(IdRange range);
    // As cheap at the end; elsewhere linear in both sizes, once and not for each range.
    void AddAll(const IdSet& other);

    // Takes away every id of `other`; linear in both sizes, as far as they overlap.
    void Subtract(const IdSet& other);

    // Takes the logarithm of the number of ranges.
    bool Contains(int64_t id) const;
    // Whether there is no id in it.
    bool empty() const { return ranges_.empty(); }
    // Takes all ids away.
    void clear() { ranges_.clear(); }
    // Ids, not ranges; the greatest int64 stands for more.
    int64_t Count() const;

    // Ascending, disjoint, never adjacent.
    const std::vector<IdRange>& ranges() const { return ranges_; }

    // As int8multirange's output function prints it, and FromMultirange reads it. The greatest
    // int64 must not be in the set.
    std::string ToMultirange() const;
    // False if the text is no int8multirange with finite bounds; *set is then untouched.
    static bool FromMultirange(std::string_view text, IdSet* set);

private:
    std::vector<IdRange> ranges_;
};

}  // namespace crm_capi
