// id_set.cpp - a set of event ids, held as ranges.
#include "core/ids/id_set.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <utility>

#include "core/text/decimal.hpp"

namespace crm_capi {

namespace {

// The order in which ranges are kept.
bool StartsBefore(const IdRange& a, const IdRange& b) {
    return a.first < b.first;
}

// Whether b, which starts no earlier than a, overlaps a or follows it without a gap.
bool Touches(const IdRange& a, const IdRange& b) {
    return b.first <= a.last || b.first - 1 == a.last;
}

// Appends a range that starts no earlier than the last one.
void AppendMerged(IdRange range, std::vector<IdRange>* ranges) {
    if (!ranges->empty() && Touches(ranges->back(), range)) {
        ranges->back().last = std::max(ranges->back().last, range.last);
    } else {
        ranges->push_back(range);
    }
}

// Reads "[a,b)" from *text and moves it on.
bool ReadRange(std::string_view* text, IdRange* range) {
    int64_t low = 0;
    int64_t high = 0;
    const char* const end = text->data() + text->size();
    if (text->empty() || text->front() != '[') {
        return false;
    }
    auto number = std::from_chars(text->data() + 1, end, low);
    if (number.ec != std::errc() || number.ptr == end || *number.ptr != ',') {
        return false;
    }
    number = std::from_chars(number.ptr + 1, end, high);
    if (number.ec != std::errc() || number.ptr == end || *number.ptr != ')' || high <= low) {
        return false;
    }
    *range = IdRange{low, high - 1};
    text->remove_prefix(static_cast<size_t>(number.ptr + 1 - text->data()));
    return true;
}

}  // namespace

IdSet::IdSet(std::vector<IdRange> ranges) {
    std::sort(ranges.begin(), ranges.end(), StartsBefore);
    for (const IdRange& range : ranges) {
        AppendMerged(range, &ranges_);
    }
}

void IdSet::Add(IdRange range) {
    if (ranges_.empty() || range.first >= ranges_.back().first) {
        AppendMerged(range, &ranges_);
        return;
    }
    // The first range that `range` could touch, and the first one beyond it.
    auto begin = std::lower_bound(ranges_.begin(), ranges_.end(), range, StartsBefore);
    if (begin != ranges_.begin() && Touches(*(begin - 1), range)) {
        --begin;
    }
    auto end = begin;
    while (end != ranges_.end() &&
           (StartsBefore(*end, range) ? Touches(*end, range) : Touches(range, *end))) {
        range.first = std::min(range.first, end->first);
        range.last = std::max(range.last, end->last);
        ++end;
    }
    if (begin == end) {
        ranges_.insert(begin, range);
        return;
    }
    *begin = range;
    ranges_.erase(begin + 1, end);
}

void IdSet::AddAll(const IdSet& other) {
    if (ranges_.empty() || other.empty() || other.ranges_.front().first >= ranges_.back().first) {
        for (const IdRange& range : other.ranges_) {
            AppendMerged(range, &ranges_);
        }
        return;
    }
    std::vector<IdRange> both;
    both.reserve(ranges_.size() + other.ranges_.size());
    std::merge(ranges_.begin(), ranges_.end(), other.ranges_.begin(), other.ranges_.end(),
               std::back_inserter(both), StartsBefore);
    ranges_.clear();
    for (const IdRange& range : both) {
        AppendMerged(range, &ranges_);
    }
}

void IdSet::Subtract(const IdSet& other) {
    if (ranges_.empty() || other.empty()) {
        return;
    }
    std::vector<IdRange> left;
    auto cut = std::partition_point(
        other.ranges_.begin(), other.ranges_.end(),
        [this](const IdRange& range) { return range.last < ranges_.front().first; });
    for (IdRange range : ranges_) {
        while (cut != other.ranges_.end() && cut->last < range.first) {
            ++cut;
        }
        bool consumed = false;
        for (auto c = cut; c != other.ranges_.end() && c->first <= range.last; ++c) {
            if (c->first > range.first) {
                left.push_back(IdRange{range.first, c->first - 1});
            }
            if (c->last >= range.last) {
                consumed = true;
                break;
            }
            range.first = c->last + 1;
        }
        if (!consumed) {
            left.push_back(range);
        }
    }
    ranges_ = std::move(left);
}

bool IdSet::Contains(int64_t id) const {
    auto after = std::upper_bound(ranges_.begin(), ranges_.end(), IdRange{id, id}, StartsBefore);
    return after != ranges_.begin() && (after - 1)->last >= id;
}

int64_t IdSet::Count() const {
    // Unsigned, because a text may name ids from the least to the greatest int64.
    uint64_t count = 0;
    for (const IdRange& range : ranges_) {
        count += static_cast<uint64_t>(range.last) - static_cast<uint64_t>(range.first) + 1;
    }
    constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
    return static_cast<int64_t>(std::min(count, kMost));
}

std::string IdSet::ToMultirange() const {
    std::string text = "{";
    for (const IdRange& range : ranges_) {
        text += text.size() > 1 ? ",[" : "[";
        AppendDecimal(range.first, &text);
        text += ',';
        AppendDecimal(range.last + 1, &text);
        text += ')';
    }
    text += '}';
    return text;
}

bool IdSet::FromMultirange(std::string_view text, IdSet* set) {
    if (text.size() < 2 || text.front() != '{') {
        return false;
    }
    text.remove_prefix(1);
    std::vector<IdRange> ranges;
    while (!text.empty() && text.front() != '}') {
        IdRange range{};
        if (!ranges.empty()) {
            if (text.front() != ',') {
                return false;
            }
            text.remove_prefix(1);
        }
        if (!ReadRange(&text, &range)) {
            return false;
        }
        ranges.push_back(range);
    }
    if (text != "}") {
        return false;
    }
    *set = IdSet(std::move(ranges));
    return true;
}

}  // namespace crm_capi
