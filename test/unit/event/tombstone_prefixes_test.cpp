// forgotten_test.cpp - digests of forgotten leads, and the filter made of them.
#include "core/event/tombstone_prefixes.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace crm_capi {
namespace {

uint64_t Prefix(int64_t lead_id) {
    return PrefixOf(DigestOfLead(lead_id).data());
}

// As SELECT sha256(int8send(12345678901234567)) has it.
TEST(Forgotten, DigestIsThatOfTheEightBytes) {
    const Sha256Digest digest = DigestOfLead(12345678901234567);
    EXPECT_EQ(digest, Sha256(std::string_view("\x00\x2b\xdc\x54\x5d\x6b\x4b\x87", 8)));
    EXPECT_EQ(DigestOfLead(-1), Sha256("\xff\xff\xff\xff\xff\xff\xff\xff"));
}

TEST(Forgotten, PrefixIsTheFirstEightBytes) {
    const Sha256Digest digest = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xff};
    EXPECT_EQ(PrefixOf(digest.data()), 0x0123456789abcdefU);
}

TEST(Forgotten, NobodyIsForgottenAtFirst) {
    const TombstonePrefixes leads;
    EXPECT_TRUE(leads.empty());
    EXPECT_FALSE(leads.MayContain(12345678901234567));
}

TEST(Forgotten, FindsExactlyWhatItWasGiven) {
    TombstonePrefixes leads;
    std::vector<uint64_t> prefixes;
    for (int64_t lead = 0; lead < 2000; lead += 2) {
        prefixes.push_back(Prefix(lead));
    }
    leads.Assign(prefixes);
    for (int64_t lead = 0; lead < 2000; ++lead) {
        EXPECT_EQ(leads.MayContain(lead), lead % 2 == 0) << lead;
    }
    leads.Assign({});
    EXPECT_TRUE(leads.empty());
}

}  // namespace
}  // namespace crm_capi
