// id_queue.cpp - ids that wait in the order in which they came.
#include "core/ids/id_queue.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/ids/packed_ids.hpp"

namespace crm_capi {

namespace {

// A run that begins less than so far behind the end of the one before is told by the distance.
constexpr uint64_t kFar = uint64_t{1} << 62;

}  // namespace

void IdQueue::Push(IdRange run) {
    IdRange& end = HasBack() ? back_ : front_;
    if (count_ == 0) {
        front_ = run;
    } else if (run.first == end.last + 1) {
        end.last = run.last;
    } else {
        if (HasBack()) {
            Pack(back_);
        }
        back_ = run;
    }
    count_ += run.Count();
}

// As a request keeps its ids, by the distance from the run before. A run that is far, or lies
// before that one, has a distance of zero, which is none, and its first id behind it.
void IdQueue::Pack(IdRange run) {
    const int64_t behind = packed_.empty() ? front_.last : packed_last_;
    const uint64_t distance = static_cast<uint64_t>(run.first) - static_cast<uint64_t>(behind);
    const bool is_far = run.first <= behind || distance >= kFar;
    unsigned char bytes[kMostBytesPerRange + kMostBytesPerNumber];
    unsigned char* end =
        PutRange(is_far ? 0 : distance, static_cast<uint64_t>(run.last - run.first), bytes);
    if (is_far) {
        end = PutNumber(static_cast<uint64_t>(run.first), end);
    }
    packed_.append(bytes, end);
    packed_last_ = run.last;
}

// What Pack has written there, and where the next one is. `behind`: the last id of the run before.
IdRange IdQueue::Unpack(int64_t behind, size_t* at) const {
    std::string_view rest = std::string_view(packed_).substr(*at);
    uint64_t distance = 0;
    uint64_t more = 0;
    (void)TakeRange(&rest, &distance, &more);
    uint64_t first = static_cast<uint64_t>(behind) + distance;
    if (distance == 0) {
        (void)TakeNumber(&rest, &first);
    }
    *at = packed_.size() - rest.size();
    return {static_cast<int64_t>(first), static_cast<int64_t>(first + more)};
}

// All of front_ has been taken. Bytes that are no longer needed go when they are half of all: each
// moves once at most for each that goes.
void IdQueue::NextFront() {
    if (taken_ < packed_.size()) {
        front_ = Unpack(front_.last, &taken_);
    } else {
        front_ = std::exchange(back_, kNone);
    }
    if (taken_ > packed_.size() / 2) {
        packed_ = packed_.substr(taken_);
        taken_ = 0;
    }
}

bool IdQueue::TakeRun(int64_t max_count, IdRange* range) {
    if (empty() || max_count <= 0) {
        return false;
    }
    const int64_t count = std::min(max_count, front_.Count());
    *range = {front_.first, front_.first + count - 1};
    front_.first += count;
    count_ -= count;
    if (front_.first > front_.last) {
        NextFront();
    }
    return true;
}

template <class Visit>
void IdQueue::ForEachRun(const Visit& visit) const {
    IdRange run = front_;
    for (size_t at = taken_; at < packed_.size();) {
        visit(run);
        run = Unpack(run.last, &at);
    }
    if (!empty()) {
        visit(run);
    }
    if (HasBack()) {
        visit(back_);
    }
}

void IdQueue::Drop(const IdSet& ids) {
    IdQueue left;
    ForEachRun([&](IdRange run) {
        for (int64_t id = run.first; id <= run.last; ++id) {
            if (!ids.Contains(id)) {
                left.Push(id);
            }
        }
    });
    *this = std::move(left);
}

void IdQueue::AddTo(IdBits* ids) const {
    ForEachRun([ids](IdRange run) { ids->Add(run); });
    ids->EndRun();
}

void IdQueue::Assign(const IdSet& ids) {
    *this = IdQueue();
    for (const IdRange& range : ids.ranges()) {
        Push(range);
    }
}

}  // namespace crm_capi
