// digest_test.cpp - published hashes, and what an event's identity depends on.
#include "core/event/digest.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "sample_event.hpp"

namespace crm_capi {
namespace {

TEST(Digest, Sha256MatchesPublishedValues) {
    const std::pair<std::string_view, std::string_view> vectors[] = {
        // Reference 2.3, printed by Meta.
        {"john_smith@gmail.com",
         "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"},
        {"test@example.com", "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"},
        {"12345678901", "254aa248acb47dd654ca3ea53f48c2c26d641d23d7e2e93a1ec56258df7674c4"},
        {"mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"},
        {"19970216", "01acdbf6ec7b4f478a225f1a246e5d6767eeab1a7ffa17f025265b5b94f40f0c"},
        {"us", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"},
        // Hashes of placeholders.
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"null", "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"},
        {"undefined", "eb045d78d273107348b0300c01d29b7552d622abbc6faf81b3ec55359aa9950c"},
        // FIPS 180-2, two blocks.
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (const auto& [text, hash] : vectors) {
        EXPECT_EQ(Sha256Hex(text), hash) << text;
    }
    EXPECT_EQ(Sha256Hex(std::string_view()), Sha256Hex(""));
}

TEST(Digest, AppSecretProofMatchesTheSdks) {
    EXPECT_EQ(AppSecretProof("accesstoken0", "appsecret1"),
              "f4fb3b41a416d7da68b7cb62f9a87aafd90911be3dc2896332a206dd96af0e32");
    // RFC 4231, case 2: token and secret are not confused.
    EXPECT_EQ(AppSecretProof("what do ya want for nothing?", "Jefe"),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(AppSecretProof({}, {}),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(EventId, IsTheDocumentedHash) {
    const std::string id = EventId("1234567890123456", SampleEvent());
    EXPECT_EQ(id, Sha256Hex("1234567890123456\n12345678901234567\n1790000000123456\nqualified")
                      .substr(0, 32));
    EXPECT_EQ(id.size(), 32u);
    // A constant, because Meta must recognise what an older version of ours sent.
    EXPECT_EQ(id, "dc6736b6a0db1afca89fb70a733a81ab");
}

TEST(EventId, IgnoresWhatIsNotIdentity) {
    const std::string id = EventId("1", SampleEvent());
    Event event = SampleEvent();
    event.id = 77;
    event.texts = EventTexts({"qualified", R"({"em":"x"})", R"({"value":1})", "a"});
    EXPECT_EQ(EventId("1", event), id);
}

TEST(EventId, TellsEventsApart) {
    std::set<std::string> ids;
    ids.insert(EventId("1", SampleEvent()));
    ids.insert(EventId("2", SampleEvent()));
    Event event = SampleEvent();
    event.lead_id = 12345678901234568;  // what a double would make of it
    ids.insert(EventId("1", event));
    event = SampleEvent();
    event.event_time += 1;  // another change within the same second
    ids.insert(EventId("1", event));
    event.event_time = -event.event_time;
    ids.insert(EventId("1", event));
    event = SampleEvent();
    event.texts = EventTexts({"Qualified"});
    ids.insert(EventId("1", event));
    EXPECT_EQ(ids.size(), 6u);
}

TEST(EventId, PeopleWithoutLeadIdDifferByLane) {
    Event event = SampleEvent();
    event.lead_id = -5;
    const std::string first = EventId("1", event);
    EXPECT_EQ(first, Sha256Hex("1\n-5\n1790000000123456\nqualified").substr(0, 32));
    event.lead_id = -6;
    EXPECT_NE(EventId("1", event), first);
}

TEST(LaneKey, IsAlwaysNegativeAndAlwaysTheSame) {
    std::set<int64_t> lanes;
    for (int i = 0; i < 10000; ++i) {
        const int64_t lane = LaneKey(std::to_string(i));
        EXPECT_LT(lane, 0);
        EXPECT_EQ(LaneKey(std::to_string(i)), lane);
        lanes.insert(lane);
    }
    EXPECT_EQ(lanes.size(), 10000u);
    // A constant, because events of one lead must stay in one lane from version to version: half of
    // the first eight bytes of SHA-256 of the empty text, below zero.
    EXPECT_EQ(LaneKey(""), -1 - static_cast<int64_t>(0xe3b0c44298fc1c14 >> 1));
}

TEST(EventId, ExtremesAreFine) {
    Event event;
    event.lead_id = std::numeric_limits<int64_t>::min();
    event.event_time = std::numeric_limits<int64_t>::min();
    EXPECT_EQ(EventId("", event),
              Sha256Hex("\n-9223372036854775808\n-9223372036854775808\n").substr(0, 32));
}

}  // namespace
}  // namespace crm_capi
