// window_test.cpp - the sentences of window.hpp, one by one. Its interleavings are searched by
// window_simulation_test.cpp.
#include "core/ids/window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "postgres_model.hpp"

namespace crm_capi {
namespace {

// Reads as the shipper does.
class Reader {
public:
    explicit Reader(const Postgres& postgres) : postgres_(postgres), window(0, IdSet()) {}

    // One turn of at most `budget` events; what it read.
    Ids Turn(size_t budget = 1000000) {
        const Postgres::Snapshot snapshot = postgres_.TakeSnapshot();
        return Turn(snapshot, postgres_.next_xid(), budget);
    }

    Ids Turn(const Postgres::Snapshot& snapshot, uint64_t next_xid, size_t budget = 1000000) {
        Ids read;
        IdRange range{};
        window.Observe(ViewOf(snapshot, next_xid, last_id));
        while (read.size() < budget && window.NextScan(&range)) {
            const size_t limit = budget - read.size();
            const Ids ids = postgres_.Read(range, snapshot, limit);
            hole_scans += range.last != Window::kNoLast;
            for (const int64_t id : ids) {
                window.Saw(id);
                read.push_back(id);
            }
            window.ScanEnded(ids.size() < limit);
            if (range.last == Window::kNoLast) {
                window.PositionKnown(next_xid);
            }
        }
        return read;
    }

private:
    const Postgres& postgres_;

public:
    Window window;
    int64_t last_id = 0;  // as told with each snapshot
    size_t hole_scans = 0;
};

std::string HolesOf(const Window& window) {
    return window.Holes().ToMultirange();
}

class WindowTest : public ::testing::Test {
protected:
    // A transaction that enqueues one event and stays open.
    uint64_t OpenWriter() {
        const uint64_t xid = pg.Begin();
        pg.Enqueue(xid);
        return xid;
    }
    void CommitOne() { pg.Commit(OpenWriter()); }
    void RollBackOne() { pg.Abort(OpenWriter()); }

    Postgres pg;
    Reader reader{pg};
};

// A bulk load that is still open costs one look, not one at every turn; what it commits is found.
TEST_F(WindowTest, PassesOverManyIdsThatNothingIsSeenOf) {
    const uint64_t bulk = pg.Begin();
    for (int64_t i = 0; i < Window::kManyUnseen; ++i) {
        pg.Enqueue(bulk);
    }
    reader.last_id = pg.last_id();
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_EQ(reader.window.position(), Window::kManyUnseen);
    const size_t scans = reader.hole_scans;
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_EQ(reader.hole_scans, scans);
    pg.Commit(bulk);
    EXPECT_EQ(reader.Turn().size(), static_cast<size_t>(Window::kManyUnseen));
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, LeavesAFewUnseenIdsBehindThePosition) {
    const uint64_t writer = OpenWriter();
    reader.last_id = pg.last_id();
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_EQ(reader.window.position(), 0);
    pg.Commit(writer);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
}

// Rolled back, and nobody left who could own them: no hole is kept for them.
TEST_F(WindowTest, ForgetsManyUnseenIdsThatNobodyOwns) {
    const uint64_t bulk = pg.Begin();
    for (int64_t i = 0; i < Window::kManyUnseen; ++i) {
        pg.Enqueue(bulk);
    }
    pg.Abort(bulk);
    reader.last_id = pg.last_id();
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_EQ(reader.window.position(), Window::kManyUnseen);
    EXPECT_FALSE(reader.window.HasHoles());
}

// What is summarised once, as the filters over leads are, must not grow events afterwards.
TEST_F(WindowTest, IsSettledUpToTheFirstIdThatMayStillAppear) {
    EXPECT_EQ(reader.window.CompleteUpTo(), 0);
    CommitOne();
    CommitOne();
    const uint64_t writer = OpenWriter();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{1, 2, 4}));
    EXPECT_EQ(reader.window.position(), 4);
    EXPECT_EQ(reader.window.CompleteUpTo(), 2);
    pg.Commit(writer);
    EXPECT_EQ(reader.Turn(), (Ids{3}));
    EXPECT_EQ(reader.window.CompleteUpTo(), 4);
}

TEST_F(WindowTest, ReadsNothingFromAnEmptyLog) {
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_EQ(reader.window.position(), 0);
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, OffersNothingBeforeTheFirstSnapshot) {
    IdRange range{};
    EXPECT_FALSE(reader.window.NextScan(&range));
}

TEST_F(WindowTest, ReadsEachEventOnce) {
    CommitOne();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{1, 2}));
    EXPECT_EQ(reader.Turn(), Ids());
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{3}));
    EXPECT_EQ(reader.window.position(), 3);
}

TEST_F(WindowTest, FindsAStragglerBehindItsPosition) {
    const uint64_t straggler = OpenWriter();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{2}));
    EXPECT_EQ(HolesOf(reader.window), "{[1,2)}");
    pg.Commit(straggler);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
    EXPECT_FALSE(reader.window.HasHoles());
    EXPECT_EQ(reader.window.position(), 2);
}

TEST_F(WindowTest, FindsTwoStragglersInTheOrderOfTheirCommits) {
    const uint64_t first = OpenWriter();
    const uint64_t second = OpenWriter();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{3}));
    pg.Commit(second);
    EXPECT_EQ(reader.Turn(), (Ids{2}));
    EXPECT_EQ(HolesOf(reader.window), "{[1,2)}");
    pg.Commit(first);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, ReadsHolesBeforeNewerIdsInAscendingOrder) {
    const uint64_t first = OpenWriter();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{2}));
    const uint64_t second = OpenWriter();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{4}));
    pg.Commit(second);
    pg.Commit(first);
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{1, 3, 5}));
}

TEST_F(WindowTest, ForgetsTheHoleOfARollback) {
    const uint64_t writer = OpenWriter();
    CommitOne();
    reader.Turn();
    EXPECT_TRUE(reader.window.HasHoles());
    pg.Abort(writer);
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, KeepsNoHoleOfARollbackThatNobodyOutlived) {
    RollBackOne();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{2}));
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, KeepsTheHoleOfARolledBackSavepointUntilItsTransactionEnds) {
    const uint64_t writer = pg.Begin();
    pg.Savepoint(writer);
    pg.Enqueue(writer);
    pg.RollbackToSavepoint(writer);
    pg.Enqueue(writer);
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{3}));
    EXPECT_EQ(HolesOf(reader.window), "{[1,3)}");
    pg.Commit(writer);
    EXPECT_EQ(reader.Turn(), (Ids{2}));
    EXPECT_FALSE(reader.window.HasHoles());
}

// The owner of the hole began after the newest transaction that has ended: the snapshot does not
// list it, it lies between xmax and the next id.
TEST_F(WindowTest, FindsAStragglerThatBeganBehindTheSnapshot) {
    const uint64_t elder = pg.Begin();
    const uint64_t straggler = OpenWriter();
    pg.Enqueue(elder);
    pg.Commit(elder);
    ASSERT_LE(pg.TakeSnapshot().xmax, straggler);
    EXPECT_EQ(reader.Turn(), (Ids{2}));
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_EQ(HolesOf(reader.window), "{[1,2)}");
    pg.Commit(straggler);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
}

TEST_F(WindowTest, FindsAStragglerThatCommitsBetweenSnapshotAndNextXid) {
    const uint64_t straggler = OpenWriter();
    CommitOne();
    const Postgres::Snapshot snapshot = pg.TakeSnapshot();
    pg.Commit(straggler);
    CommitOne();
    EXPECT_EQ(reader.Turn(snapshot, pg.next_xid()), (Ids{2}));
    EXPECT_EQ(reader.Turn(), (Ids{1, 3}));
}

TEST_F(WindowTest, CountsSubtransactionIdsBehindTheSnapshotWithoutHarm) {
    const uint64_t elder = pg.Begin();
    const uint64_t writer = OpenWriter();
    pg.Savepoint(writer);
    pg.Savepoint(writer);
    pg.Enqueue(writer);
    pg.Enqueue(elder);
    pg.Commit(elder);
    EXPECT_EQ(reader.Turn(), (Ids{3}));
    // xmax passes the subtransactions: fewer seem to run, and the holes are looked at in vain.
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{4}));
    EXPECT_EQ(HolesOf(reader.window), "{[1,3)}");
    pg.Commit(writer);
    EXPECT_EQ(reader.Turn(), (Ids{1, 2}));
    EXPECT_FALSE(reader.window.HasHoles());
}

// A snapshot taken during PREPARE TRANSACTION lists the id twice; it must not stand in for another
// writer that ended meanwhile.
TEST_F(WindowTest, CountsATransactionOnceWhileItIsPrepared) {
    const uint64_t prepared = OpenWriter();
    const uint64_t straggler = OpenWriter();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{3}));
    pg.Prepare(prepared);
    pg.Commit(straggler);
    EXPECT_EQ(reader.Turn(), (Ids{2}));
    pg.PrepareEnded(prepared);
    pg.Commit(prepared);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
}

TEST_F(WindowTest, LooksAtHolesOnlyWhenATransactionBelowTheirHorizonHasEnded) {
    const uint64_t idle = OpenWriter();
    CommitOne();
    reader.Turn();
    for (int i = 0; i < 50; ++i) {
        CommitOne();
        reader.Turn();
    }
    EXPECT_EQ(reader.hole_scans, 0u);
    pg.Commit(idle);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
    EXPECT_EQ(reader.hole_scans, 1u);
}

// Ten thousand neighbours come and go while one writer sits idle: a group or two, and every hole is
// looked at a few times in all, not once per turn.
TEST_F(WindowTest, AnIdleWriterCostsOneLookAtTheHolesOfItsTime) {
    const uint64_t idle = OpenWriter();
    size_t seen = 0;
    size_t most_groups = 0;
    int rolled_back = 0;
    for (int i = 0; i < 10000; ++i) {
        const uint64_t neighbour = OpenWriter();
        if (i % 2 == 0) {
            seen += reader.Turn().size();
        }
        if (i % 3 == 0) {
            pg.Abort(neighbour);
            ++rolled_back;
        } else {
            pg.Commit(neighbour);
        }
        most_groups = std::max(most_groups, reader.window.group_count());
    }
    seen += reader.Turn().size();
    EXPECT_EQ(seen, static_cast<size_t>(10000 - rolled_back));
    EXPECT_LE(most_groups, 3u);
    EXPECT_LE(reader.hole_scans, 10000u);
    const size_t before = reader.hole_scans;
    pg.Commit(idle);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
    EXPECT_LE(reader.hole_scans - before, static_cast<size_t>(rolled_back) + 1);
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, GroupsAreNoMoreThanRunningTransactions) {
    std::vector<uint64_t> idle;
    for (int i = 0; i < 20; ++i) {
        idle.push_back(OpenWriter());
        for (int k = 0; k < 30; ++k) {
            RollBackOne();
            CommitOne();
            reader.Turn();
        }
        EXPECT_LE(reader.window.group_count(), idle.size());
    }
    for (const uint64_t xid : idle) {
        pg.Commit(xid);
        EXPECT_EQ(reader.Turn().size(), 1u);
    }
    EXPECT_FALSE(reader.window.HasHoles());
}

// Turn 1: A runs below the first group's horizon. Turn 2: A has ended, B has begun. One runs below
// each horizon, but not the same one; merged, B's event would be forgotten together with A's.
TEST_F(WindowTest, DoesNotMergeGroupsThatWaitForDifferentTransactions) {
    const uint64_t a = OpenWriter();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{2}));
    pg.Commit(a);
    const uint64_t b = OpenWriter();
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{1, 4}));
    pg.Commit(b);
    EXPECT_EQ(reader.Turn(), (Ids{3}));
}

TEST_F(WindowTest, PagesThroughAHugeTransaction) {
    const uint64_t huge = pg.Begin();
    Ids expected;
    for (int i = 0; i < 1000; ++i) {
        expected.push_back(pg.Enqueue(huge));
    }
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{1001}));
    pg.Commit(huge);
    Ids read;
    for (int turn = 0; turn < 11; ++turn) {
        CommitOne();
        const Ids page = reader.Turn(100);
        read.insert(read.end(), page.begin(), page.begin() + (turn < 10 ? 100 : 0));
        if (turn < 10) {
            EXPECT_EQ(page.size(), 100u) << "turn " << turn;
        } else {
            EXPECT_EQ(page.size(), 11u) << "the neighbours' events come last";
        }
    }
    EXPECT_EQ(read, expected);
    EXPECT_EQ(reader.hole_scans, 10u);
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, PagesThroughNewIds) {
    const uint64_t straggler = OpenWriter();
    for (int i = 0; i < 5; ++i) {
        CommitOne();
    }
    EXPECT_EQ(reader.Turn(2), (Ids{2, 3}));
    EXPECT_EQ(HolesOf(reader.window), "{[1,2)}");
    pg.Commit(straggler);
    EXPECT_EQ(reader.Turn(3), (Ids{1, 4, 5}));
    EXPECT_EQ(reader.Turn(3), (Ids{6}));
}

// The pass over the holes takes several turns. An event that was not visible when its hole was read
// commits before the pass ends, and then a second event of the same CRM row: the first one has to
// come first.
TEST_F(WindowTest, KeepsTheOrderOfARowAcrossAPassOfSeveralTurns) {
    const uint64_t first_of_row = OpenWriter();
    CommitOne();
    const uint64_t huge = pg.Begin();
    for (int i = 0; i < 4; ++i) {
        pg.Enqueue(huge);
    }
    CommitOne();
    EXPECT_EQ(reader.Turn(), (Ids{2, 7}));
    pg.Commit(huge);
    EXPECT_EQ(reader.Turn(2), (Ids{3, 4}));
    pg.Commit(first_of_row);
    CommitOne();  // event 8, the row's second
    EXPECT_EQ(reader.Turn(), (Ids{1, 5, 6, 8}));
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, AScanBrokenOffByAnErrorLosesNothing) {
    const uint64_t straggler = OpenWriter();
    CommitOne();
    CommitOne();
    IdRange range{};
    const Postgres::Snapshot snapshot = pg.TakeSnapshot();
    reader.window.Observe(ViewOf(snapshot, pg.next_xid()));
    ASSERT_TRUE(reader.window.NextScan(&range));
    reader.window.Saw(2);
    EXPECT_EQ(HolesOf(reader.window), "{[1,2)}");
    EXPECT_TRUE(reader.window.HasHoles());
    // An error ends the turn here: ScanEnded is never called.
    pg.Commit(straggler);
    EXPECT_EQ(reader.Turn(), (Ids{1, 3}));
}

// The error comes when nothing is left of the group that was being read; the next turn finds its
// owners as they were, or fewer of them.
TEST_F(WindowTest, AnErrorBehindTheLastHoleLosesNothing) {
    for (const bool bystander_ends : {false, true}) {
        SCOPED_TRACE(bystander_ends);
        Postgres server;
        Reader shipper(server);
        const uint64_t bystander = server.Begin();
        const uint64_t straggler = server.Begin();
        server.Enqueue(straggler);
        const uint64_t other = server.Begin();
        server.Enqueue(other);
        server.Commit(other);
        EXPECT_EQ(shipper.Turn(), (Ids{2}));
        server.Commit(straggler);
        IdRange range{};
        shipper.window.Observe(ViewOf(server.TakeSnapshot(), server.next_xid()));
        ASSERT_TRUE(shipper.window.NextScan(&range));
        shipper.window.Saw(1);
        // An error ends the turn here: ScanEnded is never called.
        EXPECT_EQ(HolesOf(shipper.window), "{}");
        if (bystander_ends) {
            server.Commit(bystander);
        }
        const uint64_t late = server.Begin();
        server.Enqueue(late);
        server.Commit(late);
        EXPECT_EQ(shipper.Turn(), (Ids{3}));
        EXPECT_FALSE(shipper.window.HasHoles());
    }
}

TEST_F(WindowTest, ReadsRestoredHolesAtTheFirstTurn) {
    for (int i = 0; i < 9; ++i) {
        CommitOne();
    }
    reader.window = Window(8, IdSet({{2, 3}, {6, 6}}));
    EXPECT_EQ(HolesOf(reader.window), "{[2,4),[6,7)}");
    EXPECT_EQ(reader.Turn(), (Ids{2, 3, 6, 9}));
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, KeepsRestoredHolesWhileTheirOwnerRuns) {
    const uint64_t straggler = OpenWriter();
    CommitOne();
    reader.Turn();
    reader.window = Window(reader.window.position(), reader.window.Holes());
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_EQ(HolesOf(reader.window), "{[1,2)}");
    pg.Commit(straggler);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
    EXPECT_FALSE(reader.window.HasHoles());
}

TEST_F(WindowTest, KeepsRestoredHolesOfAWriterBehindTheSnapshot) {
    const uint64_t elder = pg.Begin();
    const uint64_t straggler = OpenWriter();
    pg.Enqueue(elder);
    pg.Commit(elder);
    reader.window = Window(2, IdSet({{1, 1}}));
    ASSERT_LE(pg.TakeSnapshot().xmax, straggler);
    EXPECT_EQ(reader.Turn(), Ids());
    EXPECT_EQ(HolesOf(reader.window), "{[1,2)}");
    pg.Commit(straggler);
    EXPECT_EQ(reader.Turn(), (Ids{1}));
}

TEST_F(WindowTest, RestoresIntoAClusterWithOtherTransactionIds) {
    for (const uint64_t next_xid : {uint64_t{3}, uint64_t{1} << 40}) {
        SCOPED_TRACE(next_xid);
        Postgres restored;
        Reader there(restored);
        const uint64_t committed = restored.Begin();  // 1: committed in the dump, not yet seen
        restored.Enqueue(committed);
        const uint64_t lost = restored.Begin();  // 2: not in the dump
        restored.Enqueue(lost);
        restored.Commit(restored.Begin());
        restored.Commit(committed);
        restored.Move(next_xid);
        there.window = Window(2, IdSet({{1, 2}}));
        EXPECT_EQ(there.Turn(), (Ids{1}));
        EXPECT_FALSE(there.window.HasHoles());
        const uint64_t writer = restored.Begin();
        restored.Enqueue(writer);
        restored.Commit(writer);
        EXPECT_EQ(there.Turn(), (Ids{3}));
    }
}

}  // namespace
}  // namespace crm_capi
