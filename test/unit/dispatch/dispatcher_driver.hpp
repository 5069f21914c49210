// dispatcher_driver.hpp - plays the shipper around a dispatcher: the log, the clock, the endpoint.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/dispatch/dispatcher.hpp"
#include "core/event/validation.hpp"
#include "queued_events.hpp"

namespace crm_capi {

constexpr UnixMicros kMillisecond = 1000;
constexpr UnixMicros kSecond = kMicrosPerSecond;
constexpr UnixMicros kMinute = kMicrosPerMinute;
constexpr UnixMicros kHour = kMicrosPerHour;
constexpr UnixMicros kStart = kNow;

// Draws for the back-off after the n-th failure in a row: the shortest pause and the longest.
constexpr uint64_t kShortest = 0;
constexpr int64_t kLongestMs = 5 * 60 * 1000;

inline Ids IdsIn(const std::string& multirange) {
    IdSet set;
    EXPECT_TRUE(IdSet::FromMultirange(multirange, &set)) << multirange;
    Ids ids;
    for (const IdRange& range : set.ranges()) {
        for (int64_t id = range.first; id <= range.last; ++id) {
            ids.push_back(id);
        }
    }
    return ids;
}

inline DatasetConfig Config(uint32_t server, std::vector<int> numbers) {
    DatasetConfig config;
    config.server = server;
    config.numbers = std::move(numbers);
    config.name = "server " + std::to_string(server);
    config.constants.dataset_id = "12345678901234" + std::to_string(10 + server);
    config.constants.lead_event_source = "test";
    config.access_token = "token of " + std::to_string(server);
    return config;
}

// Dataset 1, with requests of so many events and so many of them at once.
inline DatasetConfig SizedConfig(int batch_size, int max_in_flight) {
    DatasetConfig config = Config(1, {1});
    config.batch_size = batch_size;
    config.max_in_flight = max_in_flight;
    return config;
}

inline HttpAnswer Reply(int http_status, std::string body) {
    HttpAnswer answer;
    answer.result = TransportResult::kAnswered;
    answer.http_status = http_status;
    answer.body = std::move(body);
    return answer;
}

inline HttpAnswer Accepted(size_t events) {
    return Reply(200, "{\"events_received\":" + std::to_string(events) +
                          ",\"messages\":[],\"fbtrace_id\":\"AbC\"}");
}

inline HttpAnswer Refused(int64_t code, int64_t subcode = 0, int http_status = 400) {
    return Reply(http_status, "{\"error\":{\"message\":\"told\",\"code\":" + std::to_string(code) +
                                  ",\"error_subcode\":" + std::to_string(subcode) +
                                  ",\"fbtrace_id\":\"AbC\"}}");
}

inline HttpAnswer Lost(TransportResult result) {
    HttpAnswer answer;
    answer.result = result;
    answer.error = "told by libcurl";
    return answer;
}

inline HttpAnswer Throttled(int minutes) {
    HttpAnswer answer = Refused(4);
    answer.headers.emplace_back(
        "x-business-use-case-usage",
        "{\"1\":[{\"estimated_time_to_regain_access\":" + std::to_string(minutes) + "}]}");
    return answer;
}

inline HttpAnswer NotConnected() {
    return Lost(TransportResult::kNotSent);
}

inline HttpAnswer TokenRefused() {
    return Refused(190, 463);
}

// What left in a turn.
struct SentRequest {
    uint64_t ticket = 0;  // 0 = a dry run
    int64_t request = 0;
    int dataset = 0;
    Ids ids;
    HttpRequest http;

    std::string LastHeader() const { return http.headers.empty() ? "" : http.headers.back(); }
};

class DispatcherDriver {
public:
    void Configure(std::vector<DatasetConfig> configs) { core.Configure(std::move(configs)); }

    // An event of that lead is committed and found; returns its id.
    int64_t Owe(int dataset, int64_t lead = 0) {
        Event event;
        event.id = ++last_id;
        event.lead_id = lead;
        event.event_time = now - kHour;
        event.texts = EventTexts({"stage " + std::to_string(event.id)});
        log[event.id] = event;
        core.Owe(dataset, event.id);
        return event.id;
    }
    void OweMany(int dataset, int count) {
        while (count-- > 0) {
            Owe(dataset);
        }
    }
    // Its time is up in that many microseconds.
    int64_t OweUntil(int dataset, UnixMicros left, int64_t lead = 0) {
        const int64_t id = Owe(dataset, lead);
        log[id].event_time = now + left - kMaxEventAge;
        return id;
    }

    int LoadAll() {
        int loaded = 0;
        IdRange range{};
        while (core.NextLoad(now, Dispatcher::Whose::kAny, 1000, &range)) {
            for (int64_t id = range.first; id <= range.last; ++id) {
                const auto event = log.find(id);
                if (event != log.end()) {
                    ++loaded;
                    core.Load(event->second);
                }
            }
        }
        return loaded;
    }

    // What the shipper does between two sleeps.
    std::vector<SentRequest> Turn(int max_requests = 16) {
        LoadAll();
        core.Prepare(now, max_requests);
        std::vector<SentRequest> sent;
        for (size_t i = 0; i < core.outgoing().size(); ++i) {
            OutgoingRequest& outgoing = core.outgoing()[i];
            outgoing.request = ++last_request;
            SentRequest request;
            request.request = outgoing.request;
            request.dataset = outgoing.dataset;
            request.ids = IdsIn(outgoing.events.ToMultirange());
            EXPECT_EQ(static_cast<int>(request.ids.size()), outgoing.event_count);
            request.http = std::move(outgoing.http);
            if (!outgoing.dry_run) {
                request.ticket = ++last_ticket;
                core.Sent(i, request.ticket);
            }
            sent.push_back(std::move(request));
        }
        core.outgoing().clear();
        return sent;
    }

    // A turn that makes one request.
    SentRequest TurnOfOne() {
        std::vector<SentRequest> sent = Turn();
        EXPECT_EQ(sent.size(), 1u);
        return sent.empty() ? SentRequest() : std::move(sent.front());
    }

    AnswerRecord Answer(const SentRequest& request, HttpAnswer answer,
                        uint64_t random = kShortest) {
        answer.ticket = request.ticket;
        core.Answered(answer, now, random);
        EXPECT_EQ(core.ended().size(), 1u);
        if (core.ended().empty()) {
            return AnswerRecord{};
        }
        AnswerRecord ended = std::move(core.ended().front());
        core.ended().clear();
        return ended;
    }
    void Accept(const SentRequest& request) { Answer(request, Accepted(request.ids.size())); }

    Ids TakeExpired() {
        Ids ids;
        for (const EndedEvent& event : core.overdue()) {
            EXPECT_STREQ(event.status, "expired");
            EXPECT_EQ(event.reason, Reason::kDeadlinePassed);
            EXPECT_EQ(event.request, 0);
            ids.push_back(event.event);
        }
        core.overdue().clear();
        return ids;
    }

    // "NAME: HEALTH REASON +MILLISECONDS", and " !" if it is announced.
    std::vector<std::string> Health() {
        std::vector<std::string> told;
        for (const HealthChange& change : core.TakeHealthChanges(now)) {
            std::string text = change.name + ": " + HealthName(change.now.health);
            if (change.now.reason != Reason::kNone) {
                text.append(" ").append(Describe(change.now.reason).code);
            }
            if (change.now.next_attempt_at != 0) {
                text += " +" + std::to_string((change.now.next_attempt_at - now) / kMillisecond);
            }
            told.push_back(change.announce ? text + " !" : text);
        }
        return told;
    }

    // Milliseconds until the dispatcher wants a turn; -1 = it waits for somebody else.
    int64_t DueMs() {
        const UnixMicros due = core.NextDue(now);
        return due == 0 ? -1 : (due - now) / kMillisecond;
    }
    std::string Owed() const { return core.Owed().ToMultirange(); }

    Dispatcher core;
    UnixMicros now = kStart;
    std::map<int64_t, Event> log;
    int64_t last_id = 0;
    int64_t last_request = 0;
    uint64_t last_ticket = 0;
};

inline std::vector<Ids> IdsOf(const std::vector<SentRequest>& requests) {
    std::vector<Ids> ids;
    for (const SentRequest& request : requests) {
        ids.push_back(request.ids);
    }
    return ids;
}

inline std::vector<int> DatasetsOf(const std::vector<SentRequest>& requests) {
    std::vector<int> datasets;
    for (const SentRequest& request : requests) {
        datasets.push_back(request.dataset);
    }
    return datasets;
}

}  // namespace crm_capi
