// id_set_test.cpp - a set of ids held as ranges, against std::set and against PostgreSQL's text.
#include "core/ids/id_set.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace crm_capi {

static std::ostream& operator<<(std::ostream& out, const IdRange& range) {
    return out << "[" << range.first << "," << range.last << "]";
}

namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kGreatest = std::numeric_limits<int64_t>::max();

IdSet Parsed(std::string_view text) {
    IdSet set;
    EXPECT_TRUE(IdSet::FromMultirange(text, &set)) << text;
    return set;
}

TEST(IdSet, JoinsNeighboursAndOverlaps) {
    const struct {
        std::vector<IdRange> ranges;
        const char* text;
    } cases[] = {
        {{}, "{}"},
        {{{5, 5}}, "{[5,6)}"},
        {{{5, 5}, {6, 6}}, "{[5,7)}"},
        {{{6, 6}, {5, 5}}, "{[5,7)}"},
        {{{5, 5}, {7, 7}}, "{[5,6),[7,8)}"},
        {{{5, 5}, {7, 7}, {6, 6}}, "{[5,8)}"},
        {{{1, 9}, {3, 4}}, "{[1,10)}"},
        {{{3, 4}, {1, 9}}, "{[1,10)}"},
        {{{1, 2}, {4, 5}, {7, 8}, {2, 7}}, "{[1,9)}"},
        {{{1, 2}, {4, 5}, {7, 8}, {3, 6}}, "{[1,9)}"},
        {{{1, 2}, {10, 12}, {20, 22}, {5, 6}}, "{[1,3),[5,7),[10,13),[20,23)}"},
        {{{1, 2}, {10, 12}, {20, 22}, {9, 15}}, "{[1,3),[9,16),[20,23)}"},
        {{{kLeast, kLeast}, {kLeast + 1, 0}}, "{[-9223372036854775808,1)}"},
        {{{0, 0}, {kLeast, -1}}, "{[-9223372036854775808,1)}"},
        {{{kGreatest - 1, kGreatest - 1}}, "{[9223372036854775806,9223372036854775807)}"},
    };
    for (const auto& c : cases) {
        IdSet added;
        for (const IdRange& range : c.ranges) {
            added.Add(range);
        }
        EXPECT_EQ(added.ToMultirange(), c.text) << "by Add";
        EXPECT_EQ(IdSet(c.ranges).ToMultirange(), c.text) << "by the constructor";
    }
}

TEST(IdSet, ReadsWhatPostgresWrites) {
    const struct {
        const char* text;
        int64_t count;
    } cases[] = {
        {"{}", 0},
        {"{[1,2)}", 1},
        {"{[1,5),[7,8)}", 5},
        {"{[-3,0)}", 3},
        {"{[9223372036854775806,9223372036854775807)}", 1},
        {"{[-9223372036854775808,-9223372036854775807)}", 1},
        {"{[0,9223372036854775807)}", kGreatest},
        {"{[-9223372036854775808,9223372036854775807)}", kGreatest},  // more than can be said
    };
    for (const auto& c : cases) {
        const IdSet set = Parsed(c.text);
        EXPECT_EQ(set.ToMultirange(), c.text);
        EXPECT_EQ(set.Count(), c.count) << c.text;
        EXPECT_EQ(set.empty(), c.count == 0) << c.text;
    }
}

TEST(IdSet, ReadsRangesInAnyOrder) {
    EXPECT_EQ(Parsed("{[7,8),[1,5),[5,7)}").ToMultirange(), "{[1,8)}");
}

TEST(IdSet, RefusesOtherTextsAndLeavesTheSetAlone) {
    const char* const texts[] = {
        "",
        "{",
        "}",
        "{}}",
        "{{}",
        "{} ",
        " {}",
        "{ }",
        "[1,2)",
        "{[1,2)",
        "[1,2)}",
        "{[1,2),}",
        "{,[1,2)}",
        "{[1,2)[3,4)}",
        "{[1,2);[3,4)}",
        "{[1,2), [3,4)}",
        "{[1,2]}",
        "{(1,2)}",
        "{[,2)}",
        "{[1,)}",
        "{(,)}",
        "{[1)}",
        "{[1,2",
        "{[1,",
        "{[1",
        "{[",
        "{empty}",
        "{[2,2)}",
        "{[3,2)}",
        "{[+1,2)}",
        "{[1.0,2)}",
        "{[1,2e3)}",
        "{[0x1,2)}",
        "{[a,b)}",
        "{[1,9223372036854775808)}",
        "{[-9223372036854775809,1)}",
        "{[1,99999999999999999999999)}",
        "{\"[1,2)\"}",
    };
    for (const char* text : texts) {
        IdSet set({{4, 4}});
        EXPECT_FALSE(IdSet::FromMultirange(text, &set)) << text;
        EXPECT_EQ(set.ToMultirange(), "{[4,5)}") << text;
    }
}

TEST(IdSet, RefusesATextWithAZeroByte) {
    IdSet set;
    EXPECT_FALSE(IdSet::FromMultirange(std::string_view("{}\0", 3), &set));
    EXPECT_FALSE(IdSet::FromMultirange(std::string_view("{[1,\0002)}", 8), &set));
}

TEST(IdSet, ReadsNothingBehindTheTextsEnd) {
    const std::string text = "{[12,34)}";
    for (size_t length = 0; length < text.size(); ++length) {
        IdSet set;
        EXPECT_FALSE(IdSet::FromMultirange(std::string_view(text).substr(0, length), &set))
            << length;
    }
}

// A set of ids between base and base + kWidth, beside the same as std::set.
class Pair {
public:
    static constexpr int kWidth = 60;

    explicit Pair(int64_t base) : base_(base) {}

    void Add(int64_t first, int64_t last) {
        if (first == last) {
            set.Add(base_ + first);
        } else {
            set.Add(IdRange{base_ + first, base_ + last});
        }
        for (int64_t id = first; id <= last; ++id) {
            model.insert(base_ + id);
        }
    }

    void Check() const {
        std::set<int64_t> ids;
        const IdRange* before = nullptr;
        for (const IdRange& range : set.ranges()) {
            ASSERT_LE(range.first, range.last);
            if (before != nullptr) {
                ASSERT_LT(before->last, range.first - 1) << *before << " and " << range;
            }
            before = &range;
            for (int64_t id = range.first; id <= range.last; ++id) {
                ids.insert(id);
            }
        }
        ASSERT_EQ(ids, model);
        ASSERT_EQ(set.Count(), static_cast<int64_t>(model.size()));
        ASSERT_EQ(set.empty(), model.empty());
        for (int64_t offset = 0; offset <= kWidth; ++offset) {
            ASSERT_EQ(set.Contains(base_ + offset), model.count(base_ + offset) > 0)
                << base_ + offset;
        }
        ASSERT_EQ(Parsed(set.ToMultirange()).ranges(), set.ranges());
    }

    IdSet set;
    std::set<int64_t> model;

private:
    int64_t base_;
};

TEST(IdSet, BehavesAsAStdSet) {
    for (const int64_t base : {int64_t{0}, int64_t{-30}, kLeast, kGreatest - Pair::kWidth - 1}) {
        for (uint32_t seed = 1; seed <= 60; ++seed) {
            std::mt19937 random(seed);
            Pair a(base);
            Pair b(base);
            std::string history;
            for (int step = 0; step < 40; ++step) {
                Pair& one = random() % 2 == 0 ? a : b;
                Pair& other = &one == &a ? b : a;
                const int64_t first = random() % Pair::kWidth;
                const int64_t last =
                    std::min<int64_t>(Pair::kWidth, first + random() % (1 + random() % 12));
                switch (random() % 8) {
                    case 0:
                        one.set.AddAll(other.set);
                        one.model.insert(other.model.begin(), other.model.end());
                        history += " union";
                        break;
                    case 1:
                        one.set.Subtract(other.set);
                        for (const int64_t id : other.model) {
                            one.model.erase(id);
                        }
                        history += " minus";
                        break;
                    case 2:
                        other.set.clear();
                        other.model.clear();
                        history += " clear";
                        break;
                    default:
                        one.Add(first, last);
                        history += (&one == &a ? " a+" : " b+") + std::to_string(first) + ".." +
                                   std::to_string(last);
                }
                SCOPED_TRACE("base " + std::to_string(base) + ", seed " + std::to_string(seed) +
                             ":" + history);
                ASSERT_NO_FATAL_FAILURE(a.Check());
                ASSERT_NO_FATAL_FAILURE(b.Check());
            }
        }
    }
}

TEST(IdSet, MinusItselfIsEmpty) {
    const std::vector<IdRange> ranges = {{1, 3}, {5, 5}, {9, 20}};
    IdSet set(ranges);
    set.Subtract(IdSet(ranges));
    EXPECT_TRUE(set.empty());
    IdSet everything({{kLeast, kGreatest - 1}});
    everything.Subtract(IdSet({{kLeast, kLeast}, {0, 0}, {kGreatest - 1, kGreatest - 1}}));
    EXPECT_EQ(everything.ranges(), (std::vector<IdRange>{{kLeast + 1, -1}, {1, kGreatest - 2}}));
}

TEST(IdSet, AddsItselfWithoutHarm) {
    IdSet set({{1, 3}, {5, 5}});
    set.AddAll(IdSet(set));
    EXPECT_EQ(set.ToMultirange(), "{[1,4),[5,6)}");
}

TEST(IdSet, HoldsARunOfAMillionAsOneRange) {
    IdSet set;
    for (int64_t id = 1; id <= 1000000; ++id) {
        set.Add(id);
    }
    EXPECT_EQ(set.ranges().size(), 1u);
    EXPECT_EQ(set.Count(), 1000000);
}

}  // namespace
}  // namespace crm_capi
