// slot_lending_test.cpp - who gets a slot, who is asked for his, and when it must be looked again.
#include "core/dispatch/slot_lending.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace crm_capi {
namespace {

constexpr UnixMicros kSecond = kMicrosPerSecond;
constexpr UnixMicros kLendingNow = 1000 * kSecond;

WaitingDatabase Waits(uint32_t database, UnixMicros seconds) {
    return {database, kLendingNow - seconds * kSecond, false};
}
WaitingDatabase WaitsForALook(uint32_t database, UnixMicros seconds) {
    return {database, kLendingNow - seconds * kSecond, true};
}
LentSlot Busy(int slot, UnixMicros seconds) {
    return {slot, kLendingNow - seconds * kSecond, 0, false};
}
LentSlot Rests(int slot, UnixMicros seconds) {
    return {slot, kLendingNow - 500 * kSecond, kLendingNow - seconds * kSecond, false};
}
LentSlot Starts(int slot) {
    return {slot, 0, 0, false};
}
LentSlot Asked(LentSlot lent) {
    lent.is_asked = true;
    return lent;
}

struct Case {
    std::string name;
    std::vector<WaitingDatabase> waiting;
    std::vector<LentSlot> lent;
    SlotsToLend slots;  // count, free, databases
    std::vector<uint32_t> served;
    std::vector<int> asked;
    UnixMicros look_again_in;  // seconds; -1 = need not be
};

TEST(SlotLending, FollowsItsTable) {
    const std::vector<Case> cases = {
        {"nobody waits", {}, {Busy(0, 90), Rests(1, 900)}, {4, 2, 3}, {}, {}, -1},
        {"there is room", {Waits(7, 0)}, {Busy(0, 1)}, {4, 3, 3}, {7}, {}, -1},
        {"who has waited longest comes first",
         {Waits(1, 1), Waits(2, 3), Waits(3, 2)},
         {},
         {2, 2, 2},
         {2, 3},
         {},
         -1},
        {"and the rest waits for the quantum of others",
         {Waits(1, 1)},
         {Busy(0, 1)},
         {1, 0, 1},
         {},
         {},
         1},
        {"after which one of them is asked, the longest",
         {Waits(1, 1)},
         {Busy(0, 3), Busy(1, 5)},
         {2, 0, 2},
         {},
         {1},
         -1},
        {"as many as wait",
         {Waits(1, 1), Waits(2, 1)},
         {Busy(0, 3), Busy(1, 5), Busy(2, 1)},
         {3, 0, 3},
         {},
         {1, 0},
         -1},
        {"who rests is asked before who works",
         {Waits(1, 1)},
         {Busy(0, 9), Rests(1, 0)},
         {2, 0, 2},
         {},
         {1},
         -1},
        {"who was asked is not asked again, and nobody in his place",
         {Waits(1, 1)},
         {Asked(Busy(0, 9)), Busy(1, 8)},
         {2, 0, 2},
         {},
         {},
         -1},
        {"who is on his way to his database is not asked",
         {Waits(1, 1)},
         {Starts(0)},
         {1, 0, 1},
         {},
         {},
         -1},
        {"a look waits behind those who have something to do",
         {WaitsForALook(1, 20), Waits(2, 0)},
         {},
         {1, 1, 1},
         {2},
         {},
         -1},
        {"but not for ever", {WaitsForALook(1, 31), Waits(2, 0)}, {}, {1, 1, 1}, {1}, {}, -1},
        {"where slots are scarce some are kept free",
         {},
         {Rests(0, 9), Rests(1, 8), Rests(2, 7), Busy(3, 1)},
         {4, 0, 9},
         {},
         {0},
         52},
        {"but nobody is asked for that who has something to do",
         {},
         {Busy(0, 90), Busy(1, 90)},
         {2, 0, 9},
         {},
         {},
         -1},
        {"and nobody rests for long there",
         {},
         {Rests(0, 61), Rests(1, 59)},
         {8, 6, 9},
         {},
         {0},
         1},
        {"where they are not, everybody may", {}, {Rests(0, 900)}, {8, 7, 8}, {}, {}, -1},
        {"a clock that was put back stops nobody",
         {Waits(1, -500)},
         {{0, kLendingNow + 90 * kSecond, 0, false}},
         {1, 0, 1},
         {},
         {},
         2},
    };
    for (const Case& row : cases) {
        const Lending lending = LendSlots(row.waiting, row.lent, row.slots, kLendingNow);
        EXPECT_EQ(lending.served, row.served) << row.name;
        EXPECT_EQ(lending.asked, row.asked) << row.name;
        EXPECT_EQ(lending.look_again_at,
                  row.look_again_in < 0 ? 0 : kLendingNow + row.look_again_in * kSecond)
            << row.name;
    }
}

// A server in which each database always has something to do, or nothing but now and then. It
// steps a tenth of a second at a time.
struct Server {
    struct Database {
        UnixMicros waits_since = 0;  // 0 = it has a slot, or needs none
        UnixMicros longest_wait = 0;
        UnixMicros served = 0;
    };
    SlotsToLend slots;
    std::map<uint32_t, Database> databases;
    std::map<int, std::pair<uint32_t, LentSlot>> lent;  // slot -> its database
    UnixMicros now = kLendingNow;

    void Step() {
        std::vector<WaitingDatabase> waiting;
        std::vector<LentSlot> holders;
        for (auto it = lent.begin(); it != lent.end();) {
            Database& database = databases[it->second.first];
            database.served += kSecond / 10;
            if (it->second.second.is_asked) {
                database.waits_since = now;
                it = lent.erase(it);
            } else {
                holders.push_back((it++)->second.second);
            }
        }
        for (auto& [number, database] : databases) {
            if (database.waits_since != 0) {
                database.longest_wait = std::max(database.longest_wait, now - database.waits_since);
                waiting.push_back({number, database.waits_since, false});
            }
        }
        slots.free = slots.count - static_cast<int>(lent.size());
        const Lending lending = LendSlots(waiting, holders, slots, now);
        for (const uint32_t number : lending.served) {
            int slot = 0;
            while (lent.count(slot) != 0) {
                ++slot;
            }
            databases[number].waits_since = 0;
            lent[slot] = {number, LentSlot{slot, now, 0, false}};
        }
        for (const int slot : lending.asked) {
            lent[slot].second.is_asked = true;
        }
        now += kSecond / 10;
    }
};

TEST(SlotLending, ServesAllAlikeAndNobodyWaitsWithoutBound) {
    Server server;
    server.slots = {3, 3, 12};
    for (uint32_t number = 1; number <= 12; ++number) {
        server.databases[number].waits_since = kLendingNow;
    }
    for (int step = 0; step < 3000; ++step) {
        server.Step();
        ASSERT_LE(server.lent.size(), 3U);
    }
    for (const auto& [number, database] : server.databases) {
        EXPECT_LT(database.longest_wait, 4 * kQuantum + kSecond) << number;
        EXPECT_GT(database.served, 60 * kSecond) << number;
    }
}

}  // namespace
}  // namespace crm_capi
