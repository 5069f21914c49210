// postgres_model.hpp - as much of PostgreSQL as decides which events a reader can see, and when.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/ids/id_set.hpp"
#include "core/ids/window.hpp"

namespace crm_capi {

using Ids = std::vector<int64_t>;

// Transaction ids, the event sequence, who has ended, snapshots. A transaction is named by its
// top-level id.
class Postgres {
public:
    struct Snapshot {
        uint64_t xmax;
        std::vector<uint64_t> running;
    };

    uint64_t Begin() {
        const uint64_t xid = next_xid_++;
        transactions_[xid].youngest = xid;
        return xid;
    }

    // A session's snapshot does not list its own transaction.
    uint64_t BeginOfReader() {
        const uint64_t xid = Begin();
        transactions_[xid].of_reader = true;
        return xid;
    }

    // An id that is taken, or that the reader has made known to have passed, is done without.
    int64_t Enqueue(uint64_t xid) {
        int64_t id = ++last_event_;
        if (log_.count(id) > 0 || id <= known_position_) {
            last_event_ = std::max(known_position_, log_.empty() ? 0 : log_.rbegin()->first);
            id = ++last_event_;
        }
        log_[id] = Row{xid, false};
        transactions_[xid].events.push_back(id);
        return id;
    }

    void Savepoint(uint64_t xid) {
        Transaction& transaction = transactions_.at(xid);
        transaction.youngest = next_xid_++;
        transaction.savepoints.push_back({transaction.youngest, transaction.events.size()});
    }

    void RollbackToSavepoint(uint64_t xid) {
        Transaction& transaction = transactions_.at(xid);
        const auto [subxid, kept] = transaction.savepoints.back();
        transaction.savepoints.pop_back();
        while (transaction.events.size() > kept) {
            log_.erase(transaction.events.back());
            transaction.events.pop_back();
        }
        latest_completed_ = std::max(latest_completed_, subxid);
    }

    // Somebody's setval(), to before an id that may be free and long passed.
    void SetBack(int64_t last_event) { last_event_ = std::min(last_event_, last_event); }

    // The reader says how far it has read.
    void MakeKnown(int64_t position) { known_position_ = position; }

    // For a moment both the session and the prepared transaction stand for the id.
    void Prepare(uint64_t xid) {
        transactions_.at(xid).prepared = true;
        transactions_.at(xid).listed_twice = true;
    }
    void PrepareEnded(uint64_t xid) { transactions_.at(xid).listed_twice = false; }

    void Commit(uint64_t xid) {
        for (const int64_t id : transactions_.at(xid).events) {
            log_.at(id).committed = true;
        }
        End(xid);
    }

    void Abort(uint64_t xid) {
        for (const int64_t id : transactions_.at(xid).events) {
            log_.erase(id);
        }
        End(xid);
    }

    // Only prepared transactions survive.
    void Crash() {
        std::vector<uint64_t> lost;
        for (const auto& [xid, transaction] : transactions_) {
            if (!transaction.prepared) {
                lost.push_back(xid);
            }
        }
        for (const uint64_t xid : lost) {
            Abort(xid);
        }
    }

    // A dump restored into another cluster, whose transaction ids may be anywhere.
    void Move(uint64_t next_xid) {
        while (!transactions_.empty()) {
            Abort(transactions_.begin()->first);
        }
        for (auto& [id, row] : log_) {
            row.xid = 0;
        }
        next_xid_ = next_xid;
        latest_completed_ = next_xid - 1;
    }

    Snapshot TakeSnapshot() const {
        Snapshot snapshot{latest_completed_ + 1, {}};
        for (const auto& [xid, transaction] : transactions_) {
            if (xid < snapshot.xmax && !transaction.of_reader) {
                // The process array is in no order.
                auto at = snapshot.running.begin();
                at += static_cast<std::ptrdiff_t>(xid % (snapshot.running.size() + 1));
                snapshot.running.insert(at, transaction.listed_twice ? 2 : 1, xid);
            }
        }
        return snapshot;
    }

    uint64_t next_xid() const { return next_xid_; }
    int64_t last_id() const { return last_event_; }

    bool IsVisible(int64_t id, const Snapshot& snapshot) const {
        const auto row = log_.find(id);
        return row != log_.end() && IsVisible(row->second, snapshot);
    }

    // Visible events of a range, in order, at most `limit`.
    Ids Read(IdRange range, const Snapshot& snapshot, size_t limit) const {
        Ids ids;
        for (auto row = log_.lower_bound(range.first);
             row != log_.end() && row->first <= range.last && ids.size() < limit; ++row) {
            if (IsVisible(row->second, snapshot)) {
                ids.push_back(row->first);
            }
        }
        return ids;
    }

    // Events that are committed or may still be.
    Ids PossibleEvents() const {
        Ids ids;
        for (const auto& [id, row] : log_) {
            ids.push_back(id);
        }
        return ids;
    }

private:
    struct Row {
        uint64_t xid;
        bool committed;
    };
    struct Transaction {
        uint64_t youngest = 0;  // own id or that of the latest subtransaction
        bool of_reader = false;
        bool prepared = false;
        bool listed_twice = false;
        Ids events;
        std::vector<std::pair<uint64_t, size_t>> savepoints;  // subxid, events before it
    };

    static bool IsVisible(const Row& row, const Snapshot& snapshot) {
        return row.committed && row.xid < snapshot.xmax &&
               std::count(snapshot.running.begin(), snapshot.running.end(), row.xid) == 0;
    }

    void End(uint64_t xid) {
        latest_completed_ = std::max(latest_completed_, transactions_.at(xid).youngest);
        transactions_.erase(xid);
    }

    uint64_t next_xid_ = 1000;
    uint64_t latest_completed_ = 999;
    int64_t last_event_ = 0;
    int64_t known_position_ = 0;
    std::map<uint64_t, Transaction> transactions_;  // those that run
    std::map<int64_t, Row> log_;
};

inline SnapshotView ViewOf(const Postgres::Snapshot& snapshot, uint64_t next_xid,
                           int64_t last_id = 0) {
    SnapshotView view;
    view.last_id = last_id;
    view.xmax = snapshot.xmax;
    view.next_xid = next_xid;
    view.running = snapshot.running;
    return view;
}

}  // namespace crm_capi
