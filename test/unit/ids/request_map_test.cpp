// request_map_test.cpp - which requests each event was in, against a search through all of them.
#include "core/ids/request_map.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace crm_capi {

static bool operator==(const EventRequests& a, const EventRequests& b) {
    return a.latest == b.latest && a.state == b.state && a.attempts == b.attempts &&
           a.is_in_doubt == b.is_in_doubt;
}

namespace {

struct Request {
    RequestTraits traits;
    std::vector<IdRange> ranges;
};

RequestMap MapOf(const std::vector<Request>& requests) {
    RequestMap map;
    for (const Request& request : requests) {
        map.AddRequest(request.traits);
        for (const IdRange& range : request.ranges) {
            map.AddRange(range);
        }
    }
    map.Finish();
    return map;
}

// The same by looking through every request.
EventRequests Searched(const std::vector<Request>& requests, int64_t event) {
    EventRequests found;
    for (const Request& request : requests) {
        const bool has = std::any_of(
            request.ranges.begin(), request.ranges.end(),
            [event](const IdRange& range) { return range.first <= event && event <= range.last; });
        if (!has) {
            continue;
        }
        if (request.traits.id > found.latest) {
            found.latest = request.traits.id;
            found.state = request.traits.state;
        }
        found.attempts += request.traits.is_attempt ? 1 : 0;
        found.is_in_doubt = found.is_in_doubt || request.traits.is_in_doubt;
    }
    return found;
}

TEST(RequestMap, KnowsNothingOfEventsThatWereInNoRequest) {
    const RequestMap empty = MapOf({});
    EXPECT_EQ(empty.Find(1).latest, 0);
    const RequestMap map = MapOf({{{7, true, false, 3}, {{10, 12}, {20, 20}}}});
    for (const int64_t event :
         {int64_t{9}, int64_t{13}, int64_t{19}, int64_t{21}, std::numeric_limits<int64_t>::min(),
          std::numeric_limits<int64_t>::max()}) {
        EXPECT_EQ(map.Find(event).latest, 0) << event;
        EXPECT_EQ(map.Find(event).attempts, 0) << event;
    }
    for (const int64_t event : {10, 11, 12, 20}) {
        EXPECT_EQ(map.Find(event).latest, 7) << event;
        EXPECT_EQ(map.Find(event).state, 3) << event;
    }
}

TEST(RequestMap, TellsTheLatestRequestAndCountsAttempts) {
    const RequestMap map = MapOf({{{1, true, true, 1}, {{1, 10}}},
                                  {{2, false, false, 2}, {{1, 1}}},
                                  {{3, true, false, 3}, {{1, 3}, {5, 10}}}});
    EXPECT_EQ(map.Find(1), (EventRequests{3, 3, 2, true}));
    EXPECT_EQ(map.Find(2), (EventRequests{3, 3, 2, true}));
    EXPECT_EQ(map.Find(4), (EventRequests{1, 1, 1, true}));
    EXPECT_EQ(map.Find(10), (EventRequests{3, 3, 2, true}));
    EXPECT_EQ(map.Find(1).place, 2);
    EXPECT_EQ(map.Find(4).place, 0);
    EXPECT_EQ(map.Find(11).place, -1);
}

TEST(RequestMap, AgreesWithASearchThroughAllRequests) {
    for (uint32_t seed = 1; seed <= 300; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&random](int first, int last) {
            return std::uniform_int_distribution<int>(first, last)(random);
        };
        std::vector<Request> requests;
        for (int i = pick(0, 12); i > 0; --i) {
            Request request{{i, pick(0, 3) > 0, pick(0, 5) == 0, pick(0, 4)}, {}};
            for (int64_t at = pick(0, 40); at < 60; at += pick(2, 30)) {
                const int64_t last = at + pick(0, 5);
                request.ranges.push_back({at, last});
                at = last + 1;
            }
            requests.push_back(request);
        }
        const RequestMap map = MapOf(requests);
        for (int n = 0; n < 300; ++n) {
            const int64_t event = n < 80 ? n : n < 160 ? 160 - n : pick(-2, 80);
            const EventRequests found = map.Find(event);
            EXPECT_EQ(found, Searched(requests, event)) << seed << ": " << event;
            EXPECT_TRUE(found.alike.first <= event && event <= found.alike.last) << event;
            for (int64_t like = found.alike.first; like <= found.alike.last; ++like) {
                EXPECT_EQ(found, Searched(requests, like)) << seed << ": " << like;
            }
        }
    }
}

}  // namespace
}  // namespace crm_capi
