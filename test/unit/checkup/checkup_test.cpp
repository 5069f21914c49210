// checkup_test.cpp - how capi_check() judges what it found.
#include "core/checkup/checkup.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/answer/http_date.hpp"

namespace crm_capi {
namespace {

constexpr UnixMicros kSecond = kMicrosPerSecond;
const UnixMicros kNow = *ReadHttpDate("Wed, 25 Nov 2026 12:00:00 GMT");

CheckStatus StatusOf(const Findings& findings, Check check) {
    const Finding* found = nullptr;
    for (const Finding& finding : findings) {
        if (finding.check == check) {
            EXPECT_EQ(found, nullptr) << "twice: " << Describe(check).name;
            found = &finding;
        }
    }
    EXPECT_NE(found, nullptr) << "no row: " << Describe(check).name;
    return found != nullptr ? found->status : CheckStatus::kError;
}

bool Has(const Findings& findings, Check check) {
    for (const Finding& finding : findings) {
        if (finding.check == check) {
            return true;
        }
    }
    return false;
}

std::string Words(const Findings& findings, Check check) {
    for (const Finding& finding : findings) {
        if (finding.check == check) {
            return finding.detail;
        }
    }
    return {};
}

TEST(CheckupTest, EveryCheckHasANameAndAHint) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Check::kEventTime); i++) {
        const CheckText& text = Describe(static_cast<Check>(i));
        EXPECT_TRUE(names.insert(text.name).second) << text.name;
        EXPECT_EQ(text.hint.back(), '.') << text.name;
    }
}

// ---- Server ----

ServerFacts GoodServer() {
    ServerFacts facts;
    facts.is_preloaded = facts.launcher_runs = facts.shipper_runs = facts.is_chosen = true;
    facts.datasets = facts.watches = 1;
    return facts;
}

TEST(CheckupTest, TheServer) {
    const struct {
        const char* name;
        void (*change)(ServerFacts*);
        Check check;
        CheckStatus status;
    } rows[] = {
        {"good", [](ServerFacts*) {}, Check::kShipper, CheckStatus::kOk},
        {"no preload", [](ServerFacts* f) { f->is_preloaded = false; }, Check::kPreload,
         CheckStatus::kError},
        {"no launcher", [](ServerFacts* f) { f->launcher_runs = false; }, Check::kLauncher,
         CheckStatus::kError},
        {"no shipper", [](ServerFacts* f) { f->shipper_runs = false; }, Check::kShipper,
         CheckStatus::kError},
        {"no shipper is needed",
         [](ServerFacts* f) {
             f->shipper_runs = false;
             f->needs_no_shipper = true;
         },
         Check::kShipper, CheckStatus::kOk},
        {"no shipper is free",
         [](ServerFacts* f) {
             f->shipper_runs = false;
             f->waits_for_slot = true;
         },
         Check::kShipper, CheckStatus::kError},
        {"databases take turns", [](ServerFacts* f) { f->slots = {4, 200, 90, 59}; }, Check::kSlots,
         CheckStatus::kOk},
        {"they wait for long", [](ServerFacts* f) { f->slots = {4, 200, 90, 60}; }, Check::kSlots,
         CheckStatus::kWarning},
        {"left out", [](ServerFacts* f) { f->is_chosen = false; }, Check::kShipper,
         CheckStatus::kError},
        {"template", [](ServerFacts* f) { f->is_connectable = false; }, Check::kShipper,
         CheckStatus::kError},
        {"standby",
         [](ServerFacts* f) {
             f->is_standby = true;
             f->shipper_runs = false;
         },
         Check::kShipper, CheckStatus::kOk},
        {"standby",
         [](ServerFacts* f) {
             f->is_standby = true;
             f->launcher_runs = false;
         },
         Check::kLauncher, CheckStatus::kOk},
        {"any host", [](ServerFacts*) {}, Check::kHost, CheckStatus::kOk},
        {"another host", [](ServerFacts* f) { f->is_host_allowed = false; }, Check::kHost,
         CheckStatus::kError},
        {"no dataset", [](ServerFacts* f) { f->datasets = 0; }, Check::kDatasets,
         CheckStatus::kWarning},
        {"no watch", [](ServerFacts* f) { f->watches = 0; }, Check::kWatches,
         CheckStatus::kWarning},
        {"conditions are checked", [](ServerFacts* f) { f->conditions.waiting = 9; },
         Check::kConditions, CheckStatus::kOk},
        {"a condition hangs", [](ServerFacts* f) { f->conditions.postponed = 1; },
         Check::kConditions, CheckStatus::kWarning},
        {"nobody can check", [](ServerFacts* f) { f->conditions.lacks_workers = true; },
         Check::kConditions, CheckStatus::kError},
        {"rows lie in a door", [](ServerFacts* f) { f->doors = "capi_dumped_event_log"; },
         Check::kRestoredRows, CheckStatus::kError},
    };
    for (const auto& row : rows) {
        ServerFacts facts = GoodServer();
        row.change(&facts);
        Findings findings;
        JudgeServer(facts, &findings);
        EXPECT_EQ(findings.size(), 10u);
        EXPECT_EQ(StatusOf(findings, row.check), row.status) << row.name;
    }
}

// A parallel query must find its workers when every shipper runs, whatever else is there.
TEST(CheckupTest, ShippersLeaveWorkersToParallelQueries) {
    const struct {
        WorkerFacts facts;
        CheckStatus status;
        const char* hint;
    } rows[] = {
        {{8, 4, 1, 8, 2}, CheckStatus::kOk, ""},
        {{8, 5, 1, 8, 2}, CheckStatus::kWarning, "Set max_worker_processes to 15 at least."},
        {{8, 16, 1, 8, 2}, CheckStatus::kWarning, "Set max_worker_processes to 26 at least."},
        {{26, 16, 1, 8, 2}, CheckStatus::kOk, ""},
        {{8, 16, 1, 8, 0}, CheckStatus::kOk, ""},
        {{8, 16, 1, 0, 2}, CheckStatus::kOk, ""},
        {{8, 6, 0, 8, 2}, CheckStatus::kWarning, "Set max_worker_processes to 15 at least."},
        {{8, 0, 1, 8, 2}, CheckStatus::kOk, ""},
    };
    for (const auto& row : rows) {
        ServerFacts facts = GoodServer();
        facts.workers = row.facts;
        Findings findings;
        JudgeServer(facts, &findings);
        EXPECT_EQ(StatusOf(findings, Check::kWorkers), row.status) << row.facts.shippers;
        for (const Finding& finding : findings) {
            if (finding.check == Check::kWorkers) {
                EXPECT_EQ(finding.hint, row.hint);
            }
        }
    }
}

// ---- Dataset ----

DatasetFacts GoodDataset() {
    DatasetFacts facts;
    facts.config.name = "sales";
    facts.config.access_token = "token";
    facts.health = "ok";
    facts.last_success_at = kNow - kMicrosPerHour;
    return facts;
}

TEST(CheckupTest, ADataset) {
    const struct {
        const char* name;
        void (*change)(DatasetFacts*);
        Check check;
        CheckStatus status;
    } rows[] = {
        {"good", [](DatasetFacts*) {}, Check::kHealth, CheckStatus::kOk},
        {"at home", [](DatasetFacts*) {}, Check::kOrigin, CheckStatus::kOk},
        {"a copy", [](DatasetFacts* f) { f->place_reason = Reason::kCloned; }, Check::kOrigin,
         CheckStatus::kError},
        {"another host", [](DatasetFacts* f) { f->place_reason = Reason::kHostNotAllowed; },
         Check::kOrigin, CheckStatus::kOk},
        {"option", [](DatasetFacts* f) { f->config.hold = Reason::kOptionMissing; },
         Check::kOptions, CheckStatus::kError},
        {"paused", [](DatasetFacts* f) { f->config.mode = Mode::kPaused; }, Check::kMode,
         CheckStatus::kWarning},
        {"dry run", [](DatasetFacts* f) { f->config.mode = Mode::kDryRun; }, Check::kMode,
         CheckStatus::kWarning},
        {"test", [](DatasetFacts* f) { f->config.constants.test_event_code = "T"; }, Check::kMode,
         CheckStatus::kWarning},
        {"no token", [](DatasetFacts* f) { f->config.access_token.clear(); }, Check::kToken,
         CheckStatus::kError},
        {"no token, dry",
         [](DatasetFacts* f) {
             f->config.access_token.clear();
             f->config.mode = Mode::kDryRun;
         },
         Check::kToken, CheckStatus::kWarning},
        {"closed", [](DatasetFacts* f) { f->token_file = TokenFile{"/t", "", 0640}; },
         Check::kTokenFile, CheckStatus::kOk},
        {"read by all", [](DatasetFacts* f) { f->token_file = TokenFile{"/t", "", 0604}; },
         Check::kTokenFile, CheckStatus::kError},
        {"written by all", [](DatasetFacts* f) { f->token_file = TokenFile{"/t", "", 0602}; },
         Check::kTokenFile, CheckStatus::kError},
        {"missing", [](DatasetFacts* f) { f->token_file = TokenFile{"/t", "not there", 0}; },
         Check::kTokenFile, CheckStatus::kError},
        {"held", [](DatasetFacts* f) { f->health = "held"; }, Check::kHealth, CheckStatus::kError},
        {"retrying", [](DatasetFacts* f) { f->health = "retrying"; }, Check::kHealth,
         CheckStatus::kWarning},
        {"stalled", [](DatasetFacts* f) { f->health = "stalled"; }, Check::kHealth,
         CheckStatus::kError},
        {"stopped", [](DatasetFacts* f) { f->health = "stopped"; }, Check::kHealth,
         CheckStatus::kError},
        {"standby",
         [](DatasetFacts* f) {
             f->health = "stopped";
             f->is_standby = true;
         },
         Check::kHealth, CheckStatus::kOk},
        {"far", [](DatasetFacts* f) { f->next_deadline = kNow + 48 * kMicrosPerHour; },
         Check::kDeadline, CheckStatus::kOk},
        {"near", [](DatasetFacts* f) { f->next_deadline = kNow + 48 * kMicrosPerHour - 1; },
         Check::kDeadline, CheckStatus::kWarning},
        {"nearer", [](DatasetFacts* f) { f->next_deadline = kNow + 6 * kMicrosPerHour - 1; },
         Check::kDeadline, CheckStatus::kError},
        {"over", [](DatasetFacts* f) { f->next_deadline = kNow - kMicrosPerDay; }, Check::kDeadline,
         CheckStatus::kError},
        {"small requests", [](DatasetFacts* f) { f->request_size = 125; }, Check::kRequestSize,
         CheckStatus::kWarning},
        {"parked", [](DatasetFacts* f) { f->parked_lately = 1; }, Check::kParked,
         CheckStatus::kWarning},
        {"a day ago", [](DatasetFacts* f) { f->last_success_at = kNow - 26 * kMicrosPerHour; },
         Check::kUpload, CheckStatus::kOk},
        {"longer ago", [](DatasetFacts* f) { f->last_success_at = kNow - 26 * kMicrosPerHour - 1; },
         Check::kUpload, CheckStatus::kWarning},
        {"never", [](DatasetFacts* f) { f->last_success_at = 0; }, Check::kUpload,
         CheckStatus::kWarning},
    };
    for (const auto& row : rows) {
        DatasetFacts facts = GoodDataset();
        row.change(&facts);
        Findings findings;
        JudgeDataset(facts, kNow, &findings);
        EXPECT_EQ(StatusOf(findings, row.check), row.status) << row.name;
        EXPECT_EQ(Has(findings, Check::kTokenFile), facts.token_file.has_value());
    }
}

TEST(CheckupTest, ADatasetThatIsGone) {
    DatasetFacts facts = GoodDataset();
    facts.health = "held";
    facts.owed = 1;
    facts.next_deadline = kNow + kMicrosPerHour;
    Findings findings;
    JudgeDatasetGone(facts, kNow, &findings);
    EXPECT_EQ(findings.size(), 3u);
    EXPECT_EQ(StatusOf(findings, Check::kHealth), CheckStatus::kError);
    EXPECT_EQ(StatusOf(findings, Check::kDeadline), CheckStatus::kError);
}

// ---- Probe ----

ProbeFacts GoodProbe() {
    ProbeFacts facts;
    facts.dataset = "sales";
    facts.api_version = "v27.0";
    facts.answer.result = TransportResult::kAnswered;
    facts.answer.http_status = 400;
    facts.answer.body = R"({"error":{"code":100}})";
    facts.answer.headers = {{"date", "Wed, 25 Nov 2026 12:00:00 GMT"}};
    facts.asked_at = kNow;
    facts.answered_at = kNow + kSecond / 2;
    return facts;
}

Findings Judged(const ProbeFacts& facts) {
    Findings findings;
    JudgeProbe(facts, &findings);
    return findings;
}

TEST(CheckupTest, AnEndpointThatAnswersIsWell) {
    const Findings findings = Judged(GoodProbe());
    for (const Check check :
         {Check::kEndpoint, Check::kCertificate, Check::kClock, Check::kApiVersion}) {
        EXPECT_EQ(StatusOf(findings, check), CheckStatus::kOk);
    }
    EXPECT_FALSE(Has(findings, Check::kTokenAccepted));
}

TEST(CheckupTest, ADeadEndpointTellsNothingElse) {
    ProbeFacts facts = GoodProbe();
    facts.answer = HttpAnswer();
    facts.answer.error = "refused";
    const Findings findings = Judged(facts);
    EXPECT_EQ(StatusOf(findings, Check::kEndpoint), CheckStatus::kError);
    EXPECT_FALSE(Has(findings, Check::kCertificate));
    EXPECT_FALSE(Has(findings, Check::kClock));
    facts.answer.tls_failed = true;
    const Findings untrusted = Judged(facts);
    EXPECT_EQ(StatusOf(untrusted, Check::kEndpoint), CheckStatus::kOk);
    EXPECT_EQ(StatusOf(untrusted, Check::kCertificate), CheckStatus::kError);
}

TEST(CheckupTest, TheClockIsJudgedByWhatTheAnswerAllows) {
    const struct {
        UnixMicros asked;
        UnixMicros answered;
        CheckStatus status;
        const char* words;
    } rows[] = {
        {0, 0, CheckStatus::kOk, "agrees"},
        // The answer was written at some moment in between: nobody can tell.
        {-20 * kSecond, 20 * kSecond, CheckStatus::kOk, "agrees"},
        {kSecond, kSecond, CheckStatus::kOk, "agrees"},
        {11 * kSecond, 11 * kSecond, CheckStatus::kOk, "10 seconds ahead"},
        {12 * kSecond, 12 * kSecond, CheckStatus::kWarning, "11 seconds ahead"},
        {61 * kSecond, 61 * kSecond, CheckStatus::kWarning, "60 seconds ahead"},
        {62 * kSecond, 62 * kSecond, CheckStatus::kError, "61 seconds ahead"},
        {-12 * kSecond, -11 * kSecond, CheckStatus::kWarning, "11 seconds behind"},
        {-62 * kSecond, -61 * kSecond, CheckStatus::kError, "61 seconds behind"},
    };
    for (const auto& row : rows) {
        ProbeFacts facts = GoodProbe();
        facts.asked_at = kNow + row.asked;
        facts.answered_at = kNow + row.answered;
        const Findings findings = Judged(facts);
        EXPECT_EQ(StatusOf(findings, Check::kClock), row.status) << row.words;
        EXPECT_NE(Words(findings, Check::kClock).find(row.words), std::string::npos)
            << Words(findings, Check::kClock);
    }
}

TEST(CheckupTest, TheVersionIsJudgedByTableAndAnswer) {
    const struct {
        const char* version;
        const char* body;
        bool warned;
        CheckStatus status;
    } rows[] = {
        {"v27.0", "{}", false, CheckStatus::kOk},
        {"v27.0", "{}", true, CheckStatus::kWarning},
        {"v27.0", R"({"error":{"code":2635}})", false, CheckStatus::kError},
        {"v21.0", "{}", false, CheckStatus::kWarning},
        {"v20.0", "{}", false, CheckStatus::kError},
        {"v99.0", "{}", false, CheckStatus::kOk},
    };
    for (const auto& row : rows) {
        ProbeFacts facts = GoodProbe();
        facts.api_version = row.version;
        facts.answer.body = row.body;
        if (row.warned) {
            facts.answer.headers.emplace_back("x-ad-api-version-warning", "upgraded");
        }
        EXPECT_EQ(StatusOf(Judged(facts), Check::kApiVersion), row.status) << row.version;
    }
}

TEST(CheckupTest, ARefusalOfNoEventsShowsThatTheTokenIsTaken) {
    const std::pair<const char*, CheckStatus> rows[] = {
        {R"({"error":{"code":100}})", CheckStatus::kOk},
        {R"({"error":{"code":190}})", CheckStatus::kError},
        {R"({"error":{"code":200}})", CheckStatus::kError},
        {R"({"error":{"code":100,"error_subcode":33}})", CheckStatus::kError},
        {R"({"error":{"code":4}})", CheckStatus::kWarning},
        {"<html>", CheckStatus::kWarning},
    };
    for (const auto& [body, status] : rows) {
        ProbeFacts facts = GoodProbe();
        facts.with_token = true;
        facts.answer.body = body;
        EXPECT_EQ(StatusOf(Judged(facts), Check::kTokenAccepted), status) << body;
    }
}

// ---- Watch ----

TEST(CheckupTest, AWatch) {
    Findings findings;
    JudgeWatch({"leads", "", "", "", {}, 0, {}}, &findings);
    EXPECT_EQ(StatusOf(findings, Check::kWatch), CheckStatus::kOk);
    EXPECT_EQ(StatusOf(findings, Check::kEventTime), CheckStatus::kOk);
    EXPECT_EQ(StatusOf(findings, Check::kDroppedValues), CheckStatus::kOk);
    findings.clear();
    JudgeWatch({"leads",
                "It is gone.",
                "Bring it back.",
                "changed_at",
                {{"ph", "rounded", 12}, {"em", "form", 1}},
                0,
                {}},
               &findings);
    EXPECT_EQ(findings.front().hint, "Bring it back.");
    EXPECT_EQ(StatusOf(findings, Check::kWatch), CheckStatus::kError);
    EXPECT_EQ(StatusOf(findings, Check::kEventTime), CheckStatus::kWarning);
    EXPECT_EQ(StatusOf(findings, Check::kDroppedValues), CheckStatus::kWarning);
    EXPECT_EQ(
        findings.back().detail,
        "Values of identities that were dropped within 7 days: 13 (ph rounded 12, em form 1).");
}

// Half of the events parked for one reason may be a bad import; more is the watch.
TEST(CheckupTest, AWatchWhoseEventsAreMostlyParked) {
    Findings findings;
    JudgeWatch({"leads", "", "", "", {}, 17, {Reason::kStageMissing, 5, 10}}, &findings);
    EXPECT_EQ(StatusOf(findings, Check::kWatch), CheckStatus::kOk);
    findings.clear();
    JudgeWatch({"leads", "", "", "", {}, 17, {Reason::kStageMissing, 6, 10}}, &findings);
    EXPECT_EQ(StatusOf(findings, Check::kWatch), CheckStatus::kWarning);
    EXPECT_EQ(findings.front().detail,
              "Of its latest 10 events within a day 6 were parked for one reason: "
              "stage is empty (stage_missing).");
    EXPECT_EQ(findings.front().hint, Describe(Reason::kStageMissing).hint);
    findings.clear();
    JudgeWatch({"leads", "It is gone.", "", "", {}, 17, {Reason::kStageMissing, 6, 10}}, &findings);
    EXPECT_EQ(StatusOf(findings, Check::kWatch), CheckStatus::kError);
}

}  // namespace
}  // namespace crm_capi
