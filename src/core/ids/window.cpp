// window.cpp - the snapshot cursor: which ids of the log to read now.
#include "core/ids/window.hpp"

#include <algorithm>
#include <utility>

namespace crm_capi {

Window::Window(int64_t position, IdSet holes, int64_t many_unseen)
    : many_unseen_(many_unseen), position_(position) {
    if (!holes.empty()) {
        KeepHolesOfUnknownOwners(std::move(holes));
    }
}

// Whoever owned them may have committed meanwhile, so they are read at the next turn, under the
// horizon that holds then.
void Window::KeepHolesOfUnknownOwners(IdSet holes) {
    groups_.push_back(
        Group{0, std::numeric_limits<uint64_t>::max(), false, 0, 0, std::move(holes), IdSet()});
}

// Transactions below the horizon that the snapshot sees as running. Between xmax and the horizon
// every id counts: the snapshot lists none of them, and it sees none of their rows.
uint64_t Window::CountRunning(uint64_t horizon) const {
    const std::vector<uint64_t>& running = snapshot_.running;
    const auto listed = std::lower_bound(running.begin(), running.end(), horizon) - running.begin();
    const uint64_t unlisted = horizon > snapshot_.xmax ? horizon - snapshot_.xmax : 0;
    return static_cast<uint64_t>(listed) + unlisted;
}

void Window::Observe(const SnapshotView& snapshot) {
    if (!new_holes_.empty()) {
        // An error cut the scan off.
        KeepHolesOfUnknownOwners(std::move(new_holes_));
        new_holes_.clear();
    }
    snapshot_ = snapshot;
    // An id listed twice could stand in for another one that ended, and its end go unnoticed.
    std::vector<uint64_t>& listed = snapshot_.running;
    std::sort(listed.begin(), listed.end());
    listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
    tail_read_ = false;
    for (Group& group : groups_) {
        if (group.horizon == 0) {
            group.horizon = snapshot.next_xid;
        }
        const uint64_t running = CountRunning(group.horizon);
        if (running < group.running) {
            group.running = running;
            StartPass(&group);
        }
    }
    groups_.erase(std::remove_if(groups_.begin(), groups_.end(),
                                 [](const Group& group) { return group.holes.empty(); }),
                  groups_.end());
}

// Also in the middle of a pass: a hole that it found empty may be filled by now, and nothing above
// that hole may be read before it.
void Window::StartPass(Group* group) {
    group->holes.Subtract(group->found);
    group->found.clear();
    group->stale = true;
    group->next = 0;
    group->seen_up_to = 0;
}

// The group to read now: the lowest one that is to be read again; nullptr if none is.
const Window::Group* Window::StaleGroup() const {
    const auto group =
        std::find_if(groups_.begin(), groups_.end(), [](const Group& g) { return g.stale; });
    return group == groups_.end() ? nullptr : &*group;
}

// The same, for those who move its pass on.
Window::Group* Window::StaleGroup() {
    return const_cast<Group*>(std::as_const(*this).StaleGroup());
}

bool Window::NextScan(IdRange* range) const {
    if (const Group* group = StaleGroup()) {
        *range = group->holes.ranges()[group->next];
        range->first = std::max(range->first, group->seen_up_to + 1);
        return true;
    }
    *range = IdRange{position_ + 1, kNoLast};
    return !tail_read_;
}

void Window::Saw(int64_t id) {
    if (Group* group = StaleGroup()) {
        group->found.Add(id);
        group->seen_up_to = id;
        return;
    }
    if (id > position_ + 1) {
        new_holes_.Add(IdRange{position_ + 1, id - 1});
    }
    position_ = id;
}

void Window::ScanEnded(bool to_its_end) {
    Group* group = StaleGroup();
    if (group == nullptr) {
        tail_read_ = to_its_end;
        if (to_its_end) {
            PassOverUnseen();
        }
        return;
    }
    const int64_t last = group->holes.ranges()[group->next].last;
    if (to_its_end || group->seen_up_to >= last) {
        if (++group->next == group->holes.ranges().size()) {
            FinishPass(group);
        }
    }
}

// All holes of the group have been read: what was found is none any more. The group may be gone
// afterwards.
void Window::FinishPass(Group* group) {
    group->holes.Subtract(group->found);
    group->found.clear();
    group->stale = false;
    // With no owner left, what was not found never comes.
    if (group->running == 0 || group->holes.empty()) {
        groups_.erase(groups_.begin() + (group - groups_.data()));
    }
}

// Everything that the snapshot shows behind the position has been seen.
void Window::PassOverUnseen() {
    if (snapshot_.last_id - position_ >= many_unseen_) {
        new_holes_.Add(IdRange{position_ + 1, snapshot_.last_id});
        position_ = snapshot_.last_id;
    }
}

// Makes a group of the holes that this scan found.
void Window::PositionKnown(uint64_t next_xid) {
    const uint64_t running = CountRunning(next_xid);
    if (!new_holes_.empty() && running > 0) {
        groups_.push_back(Group{next_xid, running, false, 0, 0, std::move(new_holes_), IdSet()});
    }
    new_holes_.clear();
    MergeGroups();
}

// Neighbours that wait for equally many transactions wait for the same ones, because whoever runs
// below the smaller horizon also runs below the larger. They become one, so an idle writer's hour
// stays a single group. It takes counts of one snapshot to say so, and no pass under way: ids
// behind the position are read last, so both holds here.
void Window::MergeGroups() {
    size_t kept = 0;
    for (size_t i = 1; i < groups_.size(); ++i) {
        Group& low = groups_[kept];
        Group& high = groups_[i];
        if (low.running == high.running) {
            low.horizon = high.horizon;
            low.holes.AddAll(high.holes);
        } else if (++kept != i) {
            groups_[kept] = std::move(high);
        }
    }
    if (!groups_.empty()) {
        groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(kept) + 1, groups_.end());
    }
}

// What is not seen yet of the group's holes.
IdSet Window::Left(const Group& group) {
    IdSet left = group.holes;
    left.Subtract(group.found);
    return left;
}

IdSet Window::Holes() const {
    IdSet all;
    for (const Group& group : groups_) {
        all.AddAll(Left(group));
    }
    all.AddAll(new_holes_);
    return all;
}

// The first hole is that of the first group that has any left: the shipper asks in each turn.
int64_t Window::CompleteUpTo() const {
    for (const Group& group : groups_) {
        const IdSet left = Left(group);
        if (!left.empty()) {
            return left.ranges().front().first - 1;
        }
    }
    return new_holes_.empty() ? position_ : new_holes_.ranges().front().first - 1;
}

}  // namespace crm_capi
