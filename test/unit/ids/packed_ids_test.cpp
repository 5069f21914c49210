// packed_ids_test.cpp - what is packed comes out as it was, and nothing else is taken for it.
#include "core/ids/packed_ids.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "seeds.hpp"

namespace crm_capi {
namespace {

constexpr int64_t kGreatestId = std::numeric_limits<int64_t>::max() - 1;

std::string Pack(const std::vector<IdRange>& ranges) {
    std::string packed(ranges.size() * kMostBytesPerRange, '\0');
    packed.resize(
        PackIds(ranges.data(), ranges.size(), reinterpret_cast<unsigned char*>(packed.data())));
    return packed;
}

// False if it cannot be.
bool Unpack(const std::string& packed, std::vector<IdRange>* ranges) {
    ranges->resize(packed.size());
    const int count = UnpackIds(packed, ranges->data());
    ranges->resize(count < 0 ? 0 : static_cast<size_t>(count));
    return count >= 0;
}

void ExpectComesBack(const std::vector<IdRange>& ranges) {
    std::vector<IdRange> back;
    ASSERT_TRUE(Unpack(Pack(ranges), &back));
    EXPECT_EQ(back, ranges);
}

TEST(PackedIds, ComeOutAsTheyWere) {
    ExpectComesBack({});
    ExpectComesBack({{1, 1}});
    ExpectComesBack({{1, 500}});
    ExpectComesBack({{1, 1}, {3, 3}, {5, 7}, {1000000, 2000000}});
    ExpectComesBack({{kGreatestId, kGreatestId}});
    ExpectComesBack({{1, kGreatestId}});
    ExpectComesBack({{1, 1}, {kGreatestId - 1, kGreatestId}});
}

TEST(PackedIds, TakeTwoBytesWhereHundredsOfDatasetsTakeTurns) {
    std::vector<IdRange> ranges;
    for (int64_t id = 300000; id < 400000; id += 200) {
        ranges.push_back({id, id});
    }
    EXPECT_EQ(Pack(ranges).size(), 2 * 500 + 1);
}

TEST(PackedIds, ARangeTakesFewBytes) {
    EXPECT_EQ(Pack({{1, kGreatestId}}).size(), 1 + 9u);
    EXPECT_LE(Pack({{kGreatestId - 1, kGreatestId}}).size(), kMostBytesPerRange);
}

TEST(PackedIds, OtherBytesAreRefused) {
    const std::vector<std::string> others = {
        std::string(1, '\0'),        // id 0
        std::string("\x02\x02", 2),  // 1 and, adjacent, 2
        std::string("\x02\x00", 2),  // 1 and 1 again
        std::string("\x80", 1),      // a number that does not end
        std::string("\x82\x00", 2),  // one that could be shorter
        std::string("\x03", 1),      // no count
        std::string("\x03\x00", 2),  // no more ids than one, the long way
        std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03", 10),  // more than 64 bits
        std::string("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10),  // the greatest int64
        std::string("\x03\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", 10),  // up to it
        std::string(11, '\xff'),
    };
    for (const std::string& other : others) {
        std::vector<IdRange> ranges;
        EXPECT_FALSE(Unpack(other, &ranges)) << testing::PrintToString(other);
    }
}

// Whatever is taken is what would have been written.
class UnpackedBytes : public DrawnTrial {
public:
    using DrawnTrial::DrawnTrial;

    std::string Run() {
        std::string bytes(static_cast<size_t>(Pick(0, 6)), '\0');
        for (char& byte : bytes) {
            byte = static_cast<char>(Pick(0, 255));
        }
        std::vector<IdRange> ranges;
        Note(testing::PrintToString(bytes));
        return !Unpack(bytes, &ranges) || Pack(ranges) == bytes ? "" : "is not what it came from";
    }
};

TEST(PackedIds, AreTakenInOneFormOnly) {
    ExpectAllSeedsSucceed<UnpackedBytes>(20000);
}

class PackedRanges : public DrawnTrial {
public:
    using DrawnTrial::DrawnTrial;

    std::string Run() {
        std::vector<IdRange> ranges;
        int64_t next = 1;
        for (int i = Pick(0, 40); i > 0; --i) {
            const int64_t first = next + Far();
            ranges.push_back({first, Chance(50) ? first : first + Far()});
            next = ranges.back().last + 2;
            Note(ranges.back().first, " to ", ranges.back().last);
        }
        std::vector<IdRange> back;
        return Unpack(Pack(ranges), &back) && back == ranges ? "" : "came back otherwise";
    }

private:
    int64_t Far() { return int64_t{Pick(0, 300)} << Pick(0, 40); }
};

TEST(PackedIds, ComeOutAsTheyWereWhateverTheyAre) {
    ExpectAllSeedsSucceed<PackedRanges>(2000);
}

}  // namespace
}  // namespace crm_capi
