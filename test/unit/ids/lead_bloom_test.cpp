// lead_filter_test.cpp - which runs of the log cannot hold a lead.
#include "core/ids/lead_bloom.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace crm_capi {
namespace {

TEST(LeadBloom, HoldsNothingAtFirst) {
    const LeadBloom filter;
    for (const int64_t lead : {int64_t{0}, int64_t{-1}, int64_t{525645896321548}}) {
        EXPECT_FALSE(MayHoldLead(filter.bytes(), lead)) << lead;
    }
}

TEST(LeadBloom, NeverDeniesWhatItHolds) {
    std::vector<int64_t> leads = {0, -1, std::numeric_limits<int64_t>::max(),
                                  std::numeric_limits<int64_t>::min()};
    for (int64_t i = 0; i < kEventsPerBloom; ++i) {
        leads.push_back(520000000000000 + 97 * i);
    }
    LeadBloom filter;
    for (const int64_t lead : leads) {
        filter.Add(lead);
        EXPECT_TRUE(MayHoldLead(filter.bytes(), lead)) << lead;
    }
    for (const int64_t lead : leads) {
        EXPECT_TRUE(MayHoldLead(filter.bytes(), lead)) << lead;
    }
}

// Leads come with ids that lie close together, in steps or at random; none of it may make the
// filter worse than its size promises.
TEST(LeadBloom, SeldomTakesALeadForAnother) {
    for (const int64_t step : {1, 2, 97, 4096, 1000003}) {
        LeadBloom filter;
        for (int64_t i = 0; i < kEventsPerBloom; ++i) {
            filter.Add(520000000000000 + step * i);
        }
        int wrong = 0;
        for (int64_t i = kEventsPerBloom; i < kEventsPerBloom + 100000; ++i) {
            wrong += MayHoldLead(filter.bytes(), 520000000000000 + step * i) ? 1 : 0;
        }
        EXPECT_LT(wrong, 150) << "step " << step;  // 67 are expected
    }
}

// What is stored must be read by the next version, too.
TEST(LeadBloom, ItsFormIsKept) {
    LeadBloom filter;
    filter.Add(525645896321548);
    std::vector<size_t> bits;
    for (size_t bit = 0; bit < kLeadBloomBytes * 8; ++bit) {
        if ((filter.bytes()[bit / 8] & (1U << (bit % 8))) != 0) {
            bits.push_back(bit);
        }
    }
    EXPECT_EQ(bits, (std::vector<size_t>{59, 2214, 4761, 6917, 9072, 11228, 11620, 13775}));
}

}  // namespace
}  // namespace crm_capi
