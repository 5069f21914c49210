// window_simulation_test.cpp - the window among many writers, in random interleavings.
//
// Writers lock CRM rows until they end, as an UPDATE does, use savepoints, prepare, roll back and
// sit idle; somebody sets the sequence back. The reader has small and large budgets, runs into
// errors, and restarts at any moment from what it has written down. A failing seed is run again
// with its steps written out.
#include "core/ids/window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "postgres_model.hpp"
#include "seeds.hpp"

namespace crm_capi {
namespace {

class Simulation : public DrawnTrial {
public:
    Simulation(uint32_t seed, bool keep_trace)
        : DrawnTrial(seed, keep_trace),
          many_unseen_(Pick(1, 30)),
          window_(0, IdSet(), many_unseen_) {
        steps_ = Pick(100, 1000);
        max_writers_ = Pick(1, 12);
        crm_rows_ = Pick(1, 10);
        abort_percent_ = Pick(0, 60);
        reader_percent_ = Pick(5, 60);
        restart_percent_ = Chance(25) ? 0 : Pick(1, 40);
        error_percent_ = Chance(30) ? 0 : Pick(1, 25);
        set_back_percent_ = Chance(50) ? 0 : Pick(1, 20);
        largest_budget_ = Chance(50) ? 1000000 : Pick(1, 20);
        Checkpoint();
    }

    // Empty, or what went wrong.
    std::string Run() {
        for (int step = 0; step < steps_ && failure_.empty(); ++step) {
            if (Chance(reader_percent_)) {
                StepReader();
            } else {
                StepWriters();
            }
        }
        while (!writers_.empty()) {
            EndWriter(Pick(0, static_cast<int>(writers_.size()) - 1));
        }
        restart_percent_ = 0;
        for (int step = 0; step < 100000 && failure_.empty(); ++step) {
            if (!turn_is_open_ && NothingLeft()) {
                break;
            }
            StepReader();
        }
        CheckTheEnd();
        return failure_;
    }

private:
    struct Writer {
        uint64_t xid;
        std::vector<int> locked_rows;  // until it ends
        int savepoints = 0;
        bool prepared = false;
        bool idle = false;  // sits in its transaction for long
    };
    // What a restart goes back to.
    struct Saved {
        int64_t position;
        IdSet open;
        std::set<int64_t> seen;
        std::map<int, int64_t> last_of_row;
    };

    void StepWriters() {
        const int count = static_cast<int>(writers_.size());
        if (Chance(set_back_percent_)) {
            const int64_t last_id = std::max<int64_t>(0, pg_.last_id() - Pick(1, 10));
            Note("set back to ", last_id);
            pg_.SetBack(last_id);
        }
        if (count == 0 || (count < max_writers_ && Chance(30))) {
            Writer writer;
            writer.xid = pg_.Begin();
            writer.idle = Chance(15);
            Note("begin ", writer.xid);
            writers_.push_back(writer);
            return;
        }
        const int index = Pick(0, count - 1);
        Writer& writer = writers_[static_cast<size_t>(index)];
        if (writer.idle && Chance(95)) {
            return;
        }
        const int dice = Pick(1, 100);
        if (writer.prepared) {
            pg_.PrepareEnded(writer.xid);
            if (dice <= 20) {
                EndWriter(index);
            }
        } else if (dice <= 50) {
            Enqueue(&writer, dice <= 2 ? Pick(10, 60) : 1);
        } else if (dice <= 58) {
            pg_.Savepoint(writer.xid);
            ++writer.savepoints;
            Note("savepoint ", writer.xid);
        } else if (dice <= 64 && writer.savepoints > 0) {
            pg_.RollbackToSavepoint(writer.xid);
            --writer.savepoints;
            Note("rollback to savepoint ", writer.xid);
        } else if (dice <= 68) {
            pg_.Prepare(writer.xid);
            writer.prepared = true;
            Note("prepare ", writer.xid);
        } else {
            EndWriter(index);
        }
    }

    void Enqueue(Writer* writer, int count) {
        for (int i = 0; i < count; ++i) {
            const int row = Pick(0, crm_rows_ - 1);
            const auto owner = lock_owner_.find(row);
            if (owner != lock_owner_.end() && owner->second != writer->xid) {
                continue;  // would wait
            }
            if (owner == lock_owner_.end()) {
                lock_owner_[row] = writer->xid;
                writer->locked_rows.push_back(row);
            }
            const int64_t id = pg_.Enqueue(writer->xid);
            row_of_[id] = row;
            Note("enqueue ", id, " by ", writer->xid, " for row ", row);
        }
    }

    void EndWriter(int index) {
        const Writer writer = writers_[static_cast<size_t>(index)];
        writers_.erase(writers_.begin() + index);
        Unlock(writer);
        if (Chance(abort_percent_)) {
            Note("abort ", writer.xid);
            pg_.Abort(writer.xid);
        } else {
            Note("commit ", writer.xid);
            pg_.Commit(writer.xid);
        }
    }

    // One step of the reader; writers work between any two.
    void StepReader() {
        if (!turn_is_open_) {
            if (Chance(restart_percent_)) {
                Restart();
            }
            if (own_xid_ == 0 && Chance(20)) {
                own_xid_ = pg_.BeginOfReader();
            }
            snapshot_ = pg_.TakeSnapshot();
            turn_is_open_ = true;
            observed_ = false;
            told_ = Told::kNothing;
            pg_.MakeKnown(window_.position());
            budget_ = static_cast<size_t>(Pick(1, largest_budget_));
            Note("snapshot, xmax ", snapshot_.xmax, ", running ", snapshot_.running.size());
        } else if (!observed_) {
            observed_ = true;
            Note("observe, next xid ", pg_.next_xid(), ", budget ", budget_);
            next_xid_ = pg_.next_xid();
            window_.Observe(ViewOf(snapshot_, next_xid_, pg_.last_id()));
        } else if (told_ == Told::kNothing) {
            Scan();
        } else {
            TellPosition();
        }
        CheckHoles();
        if (own_xid_ != 0 && !turn_is_open_) {
            pg_.Commit(own_xid_);
            own_xid_ = 0;
        }
        if (Chance(20)) {
            Checkpoint();
        }
        if (Chance(restart_percent_) && Chance(30)) {
            Restart();  // in the middle of a turn
        }
    }

    void Scan() {
        IdRange range{};
        if (!window_.NextScan(&range)) {
            turn_is_open_ = false;
            CheckCompleteTurn();
            return;
        }
        // The shipper may fetch in portions, and run into an error behind any event.
        const size_t limit = std::min(budget_, static_cast<size_t>(Pick(1, 30)));
        const Ids ids = pg_.Read(range, snapshot_, limit);
        const size_t usable = Chance(error_percent_)
                                  ? static_cast<size_t>(Pick(0, static_cast<int>(ids.size())))
                                  : ids.size();
        Note("scan from ", range.first, " to ", range.last, ", limit ", limit);
        for (size_t i = 0; i < usable; ++i) {
            Note("  saw ", ids[i]);
            window_.Saw(ids[i]);
            CheckSaw(ids[i]);
        }
        budget_ -= usable;
        if (usable < ids.size()) {
            Note("  error");
            turn_is_open_ = false;
            return;
        }
        window_.ScanEnded(ids.size() < limit);
        if (range.last == Window::kNoLast) {
            told_ = Told::kMust;
        } else {
            HeedBudget();
        }
    }

    void HeedBudget() {
        if (budget_ == 0) {
            Note("budget spent");
            turn_is_open_ = false;
        }
    }

    // What lay behind the position has been read. In two steps.
    void TellPosition() {
        if (told_ == Told::kMust) {
            Note("known position ", window_.position());
            pg_.MakeKnown(window_.position());
            told_ = Told::kDone;
            return;
        }
        Note("next xid ", pg_.next_xid());
        next_xid_ = pg_.next_xid();
        window_.PositionKnown(next_xid_);
        told_ = Told::kNothing;
        HeedBudget();
    }

    void Checkpoint() { saved_ = Saved{window_.position(), window_.Holes(), seen_, last_of_row_}; }

    // The shipper restarts: from the latest state or an older one that was written down, beside
    // running writers, after a crash, or in another cluster. Some of what was seen is still owed
    // and has to be seen again; of one row these are the latest events, as lanes make sure.
    void Restart() {
        if (Chance(50)) {
            Checkpoint();
        }
        turn_is_open_ = false;
        if (own_xid_ != 0) {
            pg_.Abort(own_xid_);
            own_xid_ = 0;
        }
        seen_ = saved_.seen;
        last_of_row_ = saved_.last_of_row;
        IdSet open = saved_.open;
        if (Chance(50)) {
            for (int row = 0; row < crm_rows_; ++row) {
                OweAgain(row, &open);
            }
        }
        const int kind = Pick(1, 10);
        if (kind == 8) {
            Note("crash");
            pg_.Crash();
            ForgetWriters([](const Writer& writer) { return !writer.prepared; });
        } else if (kind >= 9) {
            const uint64_t next_xid = kind == 9 ? 3 : pg_.next_xid() + (uint64_t{1} << 33);
            Note("move to another cluster, next xid ", next_xid);
            pg_.Move(next_xid);
            ForgetWriters([](const Writer&) { return true; });
        }
        Note("restart at ", saved_.position, ", open ", open.ToMultirange());
        window_ = Window(saved_.position, std::move(open), many_unseen_);
        pg_.MakeKnown(saved_.position);
        Checkpoint();
    }

    template <typename Predicate>
    void ForgetWriters(Predicate lost) {
        for (size_t i = writers_.size(); i-- > 0;) {
            if (lost(writers_[i])) {
                Unlock(writers_[i]);
                writers_.erase(writers_.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
    }

    void Unlock(const Writer& writer) {
        for (const int row : writer.locked_rows) {
            lock_owner_.erase(row);
        }
    }

    void OweAgain(int row, IdSet* open) {
        int count = Pick(0, 3);
        std::vector<int64_t> of_row;
        for (const int64_t id : seen_) {
            if (row_of_.at(id) == row) {
                of_row.push_back(id);
            }
        }
        while (count-- > 0 && !of_row.empty()) {
            open->Add(of_row.back());
            seen_.erase(of_row.back());
            of_row.pop_back();
        }
        last_of_row_[row] = of_row.empty() ? 0 : of_row.back();
    }

    void CheckSaw(int64_t id) {
        if (!seen_.insert(id).second) {
            Fail("event " + std::to_string(id) + " was read twice");
        }
        int64_t& last = last_of_row_[row_of_.at(id)];
        if (id < last &&
            set_back_percent_ == 0) {  // ids are no order where somebody sets them back
            Fail("event " + std::to_string(id) + " came after the row's later event " +
                 std::to_string(last));
        }
        last = std::max(last, id);
    }

    // Position and holes, written down at any moment, are enough to go on from.
    void CheckHoles() {
        const IdSet holes = window_.Holes();
        for (const int64_t id : pg_.PossibleEvents()) {
            const bool to_come = id > window_.position() || holes.Contains(id);
            if (to_come == (seen_.count(id) > 0)) {
                Fail("event " + std::to_string(id) +
                     (to_come ? " was seen and is still expected" : " is not expected any more"));
            }
        }
    }

    // A turn that was not cut short has read everything its snapshot shows, and has few groups.
    void CheckCompleteTurn() {
        for (const int64_t id : pg_.PossibleEvents()) {
            if (pg_.IsVisible(id, snapshot_) && seen_.count(id) == 0) {
                Fail("event " + std::to_string(id) + " was visible and not read");
            }
        }
        const uint64_t waited_for = snapshot_.running.size() + (next_xid_ - snapshot_.xmax);
        if (window_.group_count() > waited_for) {
            Fail(std::to_string(window_.group_count()) + " groups wait for " +
                 std::to_string(waited_for) + " transactions");
        }
    }

    bool NothingLeft() {
        const Ids all = pg_.PossibleEvents();
        return all.size() == seen_.size() && !window_.HasHoles();
    }

    void CheckTheEnd() {
        for (const int64_t id : pg_.PossibleEvents()) {
            if (seen_.count(id) == 0) {
                Fail("event " + std::to_string(id) + " was lost");
            }
        }
        if (window_.HasHoles()) {
            Fail("holes are left when nobody writes: " + window_.Holes().ToMultirange());
        }
    }

    int steps_;
    int max_writers_;
    int crm_rows_;
    int abort_percent_;
    int reader_percent_;
    int restart_percent_;
    int error_percent_;
    int set_back_percent_;
    int largest_budget_;

    Postgres pg_;
    std::vector<Writer> writers_;
    std::map<int, uint64_t> lock_owner_;
    std::map<int64_t, int> row_of_;

    int many_unseen_;
    Window window_;
    uint64_t own_xid_ = 0;  // transaction of the turn, if it has taken an id
    bool turn_is_open_ = false;
    bool observed_ = false;
    enum class Told { kNothing, kMust, kDone };  // of how far the scan has come
    Told told_ = Told::kNothing;
    Postgres::Snapshot snapshot_{};
    uint64_t next_xid_ = 0;
    size_t budget_ = 0;
    std::set<int64_t> seen_;
    std::map<int, int64_t> last_of_row_;
    Saved saved_;
};

// WINDOW_SEEDS=20000 for a long run.
TEST(WindowSimulation, SeesEveryCommittedEventOnceAndRowsInOrder) {
    const char* wish = std::getenv("WINDOW_SEEDS");
    const auto seeds = static_cast<uint32_t>(wish == nullptr ? 400 : std::atoi(wish));
    ExpectAllSeedsSucceed<Simulation>(seeds);
}

}  // namespace
}  // namespace crm_capi
