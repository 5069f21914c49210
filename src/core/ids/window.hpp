// window.hpp - the snapshot cursor: which ids of the log to read now.
//
// Ids are handed out before their transactions commit, so ids become visible out of order, and
// "greater than the last one" would lose events. The window remembers the highest id it has seen
// and every smaller id that was not visible then: a hole. A hole belongs to a transaction that is
// still running (its event comes later) or that rolled back (it never comes).
//
// Which of the two it is can be told without storing a transaction id in any row. The enqueue takes
// its transaction id *before* its event id, and does without an id that the window is known to have
// passed, as a sequence that was set back hands them out. So whoever owns a hole had a transaction
// id below the `horizon`, the next unassigned one when the position was made known that makes it a
// hole. Holes are therefore kept in groups with a common horizon, and
//   - a group is read again only when a transaction below its horizon has ended since,
//   - a group is forgotten when none below its horizon is left.
// So one writer that sits idle in its transaction for an hour costs one look at the holes of that
// hour, at its end, and neither a busy nor a rolled-back neighbour makes us read the log again.
//
// What survives a restart, a dump or a failover is plain ids (position and holes): ids mean the
// same in every cluster, transaction ids do not.
//
// Order: within one turn holes are read before newer ids, in ascending order, and a turn leaves
// nothing behind that its snapshot shows: if the holes take several turns to read and one of their
// owners ends meanwhile, reading starts anew at the lowest hole. Events of one CRM row thus come in
// the order in which its row lock was held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/ids/id_set.hpp"

namespace crm_capi {

// What the window must know of the snapshot under which the log is read next.
struct SnapshotView {
    uint64_t xmax = 0;      // every transaction from here on was still running
    uint64_t next_xid = 0;  // first unassigned id, read *after* the snapshot was taken
    int64_t last_id = 0;    // highest event id that was handed out; 0 = not known
    // Top-level transactions below xmax that were still running. In any order; one that is being
    // prepared may be listed twice.
    std::vector<uint64_t> running;
};

class Window {
public:
    // Ids behind the position that nothing is seen of become holes when there are so many of them:
    // a bulk load that is still open would else be read again, row by row, at every turn. A few are
    // read again more cheaply than they are kept.
    static constexpr int64_t kManyUnseen = 256;

    // Goes on where another one was: position() and Holes() as they were written down. The third is
    // for tests, which have fewer ids.
    Window(int64_t position, IdSet holes, int64_t many_unseen = kManyUnseen);

    // A new snapshot: finds out which holes have to be looked at again under it. Whatever of the
    // turn before was not done, be it that an error came between, is part of this one. position()
    // has been made known before next_xid was read.
    void Observe(const SnapshotView& snapshot);

    // The next ids to read under the observed snapshot, in this order: ranges of holes, then
    // everything behind the position (last = kNoLast). False once all have been read.
    static constexpr int64_t kNoLast = std::numeric_limits<int64_t>::max();
    bool NextScan(IdRange* range) const;

    // An event of the range under way was visible. Ids of one range come in ascending order.
    void Saw(int64_t id);

    // The range was read to its end - or only up to the last id seen, because the turn's budget
    // was spent; the rest is offered again, also under a later snapshot. A budget counts events
    // seen: one that counted scans would never get past many holes that stay empty.
    void ScanEnded(bool to_its_end);

    // After ScanEnded of what lies behind the position: position() has been made known to those who
    // enqueue, and then the first unassigned transaction id was read. Who gets a smaller event id
    // later on takes another one.
    void PositionKnown(uint64_t next_xid);

    // The highest id that was seen, or passed over as unseen; never goes back.
    int64_t position() const { return position_; }
    // Ids up to the position that were not visible so far and may still come. With the position
    // they can be written down at any moment, also between Saw and ScanEnded.
    IdSet Holes() const;
    // No event up to this id can appear any more.
    int64_t CompleteUpTo() const;
    // Whether an id up to the position may still become visible.
    bool HasHoles() const { return !groups_.empty() || !new_holes_.empty(); }
    // Never more than there are transactions to wait for, once a turn has read everything.
    size_t group_count() const { return groups_.size(); }

private:
    struct Group {
        uint64_t horizon;    // whoever owns these holes has a transaction id below this
        uint64_t running;    // how many such transactions are running
        bool stale;          // one has ended since these holes were read: read them again
        size_t next;         // index of the next range to read in this pass
        int64_t seen_up_to;  // ids of ranges[next] up to this one have been read in this pass
        IdSet holes;
        IdSet found;  // seen in this pass
    };

    const Group* StaleGroup() const;
    Group* StaleGroup();
    uint64_t CountRunning(uint64_t horizon) const;
    static IdSet Left(const Group& group);
    static void StartPass(Group* group);
    void FinishPass(Group* group);
    void PassOverUnseen();
    void KeepHolesOfUnknownOwners(IdSet holes);
    void MergeGroups();

    int64_t many_unseen_;
    int64_t position_;
    std::vector<Group> groups_;  // ascending in ids and in horizon
    SnapshotView snapshot_;      // running is in ascending order, without repetitions
    bool tail_read_ = true;      // everything behind the position has been read under the snapshot
    IdSet new_holes_;            // found behind the old position, not in a group yet
};

}  // namespace crm_capi
