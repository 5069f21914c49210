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
};

inline bool operator==(const IdRange& a, const IdRange& b) {
    return a.first == b.first && a.last == b.last;
}

class IdSet {
public:
    IdSet() = default;
    explicit IdSet(std::vector<IdRange> ranges);  // in any order, may overlap

    // Cheap at the end (id greater than all before it), linear elsewhere.
    void Add(int64_t id) { Add(IdRange{id, id}); }
    void Add(IdRange range);
    void AddAll(const IdSet& other);

    // Takes away every id of `other`; linear in both sizes, as far as they overlap.
    void Subtract(const IdSet& other);

    bool Contains(int64_t id) const;
    bool empty() const { return ranges_.empty(); }
    void clear() { ranges_.clear(); }
    int64_t Count() const;  // the greatest int64 stands for more

    // Ascending, disjoint, never adjacent.
    const std::vector<IdRange>& ranges() const { return ranges_; }

    std::string ToMultirange() const;
    // False if the text is no int8multirange with finite bounds; *set is then untouched.
    static bool FromMultirange(std::string_view text, IdSet* set);

private:
    std::vector<IdRange> ranges_;
};

}  // namespace crm_capi
