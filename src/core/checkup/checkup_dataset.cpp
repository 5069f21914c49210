// checkup_dataset.cpp - a dataset as it is set, as it fares, and what its endpoint says.
#include <algorithm>
#include <cstdio>

#include "core/dispatch/api_version.hpp"
#include "core/checkup/checkup.hpp"
#include "core/answer/http_date.hpp"

namespace crm_capi {

namespace {

// A quarter of the seven days is left when it warns on a Friday evening about Monday's deadline.
constexpr UnixMicros kDeadlineWarning = 48 * kMicrosPerHour;
constexpr UnixMicros kDeadlineError = 6 * kMicrosPerHour;

// Reference 1.6: an upload a day. Some hours of grace, or every quiet night would warn.
constexpr UnixMicros kUploadWarning = 26 * kMicrosPerHour;

// A clock that is off by more than the tolerance for future times gets events refused, or dated
// wrongly; ten seconds show that nobody keeps it.
constexpr int64_t kClockWarningSeconds = 10;
constexpr int64_t kClockErrorSeconds = 60;

constexpr unsigned kOthersMayRead = 04;
constexpr unsigned kOthersMayWrite = 02;

// A span in whole hours, rounded down, with its unit.
std::string Hours(UnixMicros span) {
    return std::to_string(span / kMicrosPerHour) + " hours";
}

// A copy is held, and tells where it came from.
void JudgeOrigin(const DatasetFacts& facts, Findings* findings) {
    const bool is_elsewhere = facts.place_reason == Reason::kCloned;
    const std::string since = facts.place_since.empty() ? "" : " since " + facts.place_since;
    findings->push_back({facts.config.name,
                         Check::kOrigin,
                         is_elsewhere ? CheckStatus::kError : CheckStatus::kOk,
                         is_elsewhere ? "Held" + since + ": this is " + facts.place + ", and " +
                                            facts.place_detail + '.'
                                      : "The dataset belongs to " + facts.place + since + '.',
                         {}});
}

// Nothing is sent while an option that Meta needs is missing.
void JudgeOptions(const DatasetFacts& facts, Findings* findings) {
    const DatasetConfig& config = facts.config;
    const bool is_missing = config.hold == Reason::kOptionMissing;
    findings->push_back({config.name,
                         Check::kOptions,
                         is_missing ? CheckStatus::kError : CheckStatus::kOk,
                         is_missing ? "The option " + config.hold_detail + " is not set."
                                    : "All required options are set.",
                         {}});
}

// Whether what is sent counts: paused, dry_run and test events do not.
void JudgeMode(const DatasetConfig& config, Findings* findings) {
    Finding finding{config.name, Check::kMode, CheckStatus::kWarning, {}, {}};
    if (config.mode == Mode::kPaused) {
        finding.detail = "The dataset is paused: nothing is sent.";
        finding.hint = Describe(Reason::kPaused).hint;
    } else if (config.mode == Mode::kDryRun) {
        finding.detail = "The mode is dry_run: nothing is sent.";
    } else if (!config.constants.test_event_code.empty()) {
        finding.detail = "Every event is sent with a test_event_code.";
    } else {
        finding.status = CheckStatus::kOk;
        finding.detail = "The mode is live.";
    }
    findings->push_back(std::move(finding));
}

// A dry run needs no token, but going live will.
void JudgeToken(const DatasetFacts& facts, Findings* findings) {
    const DatasetConfig& config = facts.config;
    Finding finding{config.name, Check::kToken, CheckStatus::kOk, "There is an access token.", {}};
    if (config.access_token.empty()) {
        finding.status = config.mode == Mode::kDryRun ? CheckStatus::kWarning : CheckStatus::kError;
        finding.detail = "There is no access token";
        finding.detail += config.hold == Reason::kTokenMissing && !config.hold_detail.empty()
                              ? ": " + config.hold_detail + '.'
                              : ".";
    }
    findings->push_back(std::move(finding));
}

// Nothing is said of a dataset whose token is in the mapping itself.
void JudgeTokenFile(const DatasetFacts& facts, Findings* findings) {
    if (!facts.token_file) {
        return;
    }
    const TokenFile& file = *facts.token_file;
    Finding finding{facts.config.name, Check::kTokenFile, CheckStatus::kOk, {}, {}};
    if (!file.problem.empty()) {
        finding.status = CheckStatus::kError;
        finding.detail = "File \"" + file.path + "\": " + file.problem + '.';
        finding.hint = "Create the file, readable by the account of the server alone.";
    } else if ((file.permissions & (kOthersMayRead | kOthersMayWrite)) != 0) {
        char mode[8];
        std::snprintf(mode, sizeof mode, "%04o", file.permissions & 07777);
        finding.status = CheckStatus::kError;
        finding.detail =
            "File \"" + file.path + "\" is open to everybody: its mode is " + mode + '.';
    } else {
        finding.detail = "File \"" + file.path + "\" is closed to others.";
    }
    findings->push_back(std::move(finding));
}

// What capi_status says, with the reason's own hint.
void JudgeHealth(const DatasetFacts& facts, Findings* findings) {
    Finding finding{facts.config.name, Check::kHealth, CheckStatus::kOk, {}, {}};
    finding.detail = "The dataset is " + facts.health;
    if (!facts.health_reason.empty() && facts.health_code != Reason::kPaused) {
        finding.detail += ": " + facts.health_reason;
    }
    finding.detail += '.';
    finding.hint = Describe(facts.health_code).hint;
    if (facts.health == "stopped") {
        finding.status = facts.is_standby ? CheckStatus::kOk : CheckStatus::kError;
        finding.hint = "See what the checks launcher and shipper of the server say.";
    } else if (facts.health == "held" || facts.health == "stalled") {
        finding.status = CheckStatus::kError;
    } else if (facts.health != "ok") {
        finding.status = CheckStatus::kWarning;
    }
    findings->push_back(std::move(finding));
}

// Whether requests carry as many events as are set.
void JudgeRequestSize(const DatasetFacts& facts, Findings* findings) {
    const bool is_reduced = facts.request_size != 0;
    findings->push_back({facts.config.name,
                         Check::kRequestSize,
                         is_reduced ? CheckStatus::kWarning : CheckStatus::kOk,
                         is_reduced
                             ? "Requests carry " + std::to_string(facts.request_size) +
                                   " events at most, since larger ones fail; " +
                                   std::to_string(facts.config.batch_size) + " are set."
                             : "Requests carry up to " + std::to_string(facts.config.batch_size) +
                                   " events, as is set.",
                         {}});
}

// How much of the seven days is left for what waits longest.
void JudgeDeadline(const DatasetFacts& facts, UnixMicros now, Findings* findings) {
    Finding finding{facts.config.name, Check::kDeadline, CheckStatus::kOk, "Nothing is owed.", {}};
    if (facts.next_deadline != 0) {
        const UnixMicros left = std::max<UnixMicros>(facts.next_deadline - now, 0);
        finding.status = left < kDeadlineError     ? CheckStatus::kError
                         : left < kDeadlineWarning ? CheckStatus::kWarning
                                                   : CheckStatus::kOk;
        finding.detail = "The first of the owed events (" + std::to_string(facts.owed) +
                         ") expires in " + Hours(left) + '.';
    }
    findings->push_back(std::move(finding));
}

// Parked events of the last day: what an operator can still retry in time.
void JudgeParked(const DatasetFacts& facts, Findings* findings) {
    const bool any = facts.parked_lately > 0;
    findings->push_back({facts.config.name,
                         Check::kParked,
                         any ? CheckStatus::kWarning : CheckStatus::kOk,
                         "Events parked within a day: " + std::to_string(facts.parked_lately) + '.',
                         {}});
}

// Whether Meta's "an upload a day" is kept.
void JudgeUpload(const DatasetFacts& facts, UnixMicros now, Findings* findings) {
    Finding finding{facts.config.name,
                    Check::kUpload,
                    CheckStatus::kWarning,
                    "No event has been delivered.",
                    {}};
    if (facts.last_success_at != 0) {
        const UnixMicros age = std::max<UnixMicros>(now - facts.last_success_at, 0);
        finding.status = age > kUploadWarning ? CheckStatus::kWarning : CheckStatus::kOk;
        finding.detail = "The last delivery was " + Hours(age) + " ago.";
    }
    findings->push_back(std::move(finding));
}

// ---- The probe ----

// Whether somebody answers, and whether it is somebody to trust; each is a check of its own.
void JudgeReachability(const ProbeFacts& facts, Findings* findings) {
    const HttpAnswer& answer = facts.answer;
    const bool is_answered = answer.result == TransportResult::kAnswered;
    const std::string words = answer.error.empty() ? "no answer" : answer.error;
    if (answer.tls_failed) {
        findings->push_back(
            {facts.dataset, Check::kEndpoint, CheckStatus::kOk, "The endpoint was reached.", {}});
        findings->push_back({facts.dataset,
                             Check::kCertificate,
                             CheckStatus::kError,
                             "The endpoint is not trusted: " + words + '.',
                             {}});
        return;
    }
    findings->push_back({facts.dataset,
                         Check::kEndpoint,
                         is_answered ? CheckStatus::kOk : CheckStatus::kError,
                         is_answered ? "The endpoint answered with HTTP status " +
                                           std::to_string(answer.http_status) + '.'
                                     : "The endpoint cannot be reached: " + words + '.',
                         {}});
    if (is_answered) {
        findings->push_back({facts.dataset,
                             Check::kCertificate,
                             CheckStatus::kOk,
                             "The connection is trusted.",
                             {}});
    }
}

// The first header of that lower-case name; empty if there is none.
std::string HeaderOf(const HttpAnswer& answer, std::string_view name) {
    for (const auto& [its_name, value] : answer.headers) {
        if (its_name == name) {
            return value;
        }
    }
    return {};
}

// How far our clock is ahead, at least. The answer's time has whole seconds and was written at
// some moment between question and answer; what that allows is no fault of the clock.
int64_t SecondsAhead(const ProbeFacts& facts, UnixMicros theirs) {
    const UnixMicros latest = theirs + kMicrosPerSecond;
    if (facts.asked_at > latest) {
        return (facts.asked_at - latest) / kMicrosPerSecond;
    }
    return facts.answered_at < theirs ? -((theirs - facts.answered_at) / kMicrosPerSecond) : 0;
}

// Our clock against the endpoint's; nothing is said if it did not answer.
void JudgeClock(const ProbeFacts& facts, Findings* findings) {
    if (facts.answer.result != TransportResult::kAnswered) {
        return;
    }
    Finding finding{facts.dataset, Check::kClock, CheckStatus::kOk, {}, {}};
    const auto theirs = ReadHttpDate(HeaderOf(facts.answer, "date"));
    if (!theirs) {
        finding.status = CheckStatus::kWarning;
        finding.detail = "The endpoint did not tell its time.";
        finding.hint = "Check whether a proxy answers in place of the endpoint.";
    } else {
        const int64_t ahead = SecondsAhead(facts, *theirs);
        const int64_t off = ahead < 0 ? -ahead : ahead;
        finding.status = off > kClockErrorSeconds     ? CheckStatus::kError
                         : off > kClockWarningSeconds ? CheckStatus::kWarning
                                                      : CheckStatus::kOk;
        finding.detail = off == 0 ? "The clock agrees with the endpoint's."
                                  : "The clock is " + std::to_string(off) + " seconds " +
                                        (ahead > 0 ? "ahead of" : "behind") + " the endpoint's.";
    }
    findings->push_back(std::move(finding));
}

// What the endpoint says of the version comes before what our own table knows.
void JudgeVersion(const ProbeFacts& facts, const Verdict& verdict, Findings* findings) {
    const VersionLife life = LifeOfVersion(facts.api_version, facts.asked_at);
    const std::string version = "Version " + facts.api_version;
    const std::string ends = life.ends.empty() ? "" : " on " + std::string(life.ends);
    const bool is_answered = facts.answer.result == TransportResult::kAnswered;
    Finding finding{facts.dataset,
                    Check::kApiVersion,
                    CheckStatus::kOk,
                    version + (is_answered ? " is served." : " has no known end."),
                    {}};
    if (verdict.reason == Reason::kVersionDead) {
        finding.status = CheckStatus::kError;
        finding.detail = version + " is refused by the endpoint.";
    } else if (life.age == VersionAge::kEnded) {
        finding.status = CheckStatus::kError;
        finding.detail = version + " ended" + ends + '.';
    } else if (!HeaderOf(facts.answer, "x-ad-api-version-warning").empty()) {
        finding.status = CheckStatus::kWarning;
        finding.detail = version + " is answered in another version.";
    } else if (life.age == VersionAge::kEnding) {
        finding.status = CheckStatus::kWarning;
        finding.detail = version + " ends" + ends + '.';
    } else if (life.age == VersionAge::kUnknown) {
        finding.detail = version + " is newer than this release of crm_capi.";
    }
    findings->push_back(std::move(finding));
}

// A request without events is refused in any case; what for tells whether the token is taken.
void JudgeTokenAnswer(const ProbeFacts& facts, const Verdict& verdict, Findings* findings) {
    if (!facts.with_token || facts.answer.result != TransportResult::kAnswered ||
        verdict.reason == Reason::kVersionDead) {
        return;
    }
    Finding finding{facts.dataset,
                    Check::kTokenAccepted,
                    CheckStatus::kOk,
                    "The endpoint takes the access token.",
                    {}};
    if (verdict.kind == VerdictKind::kHold) {
        finding.status = CheckStatus::kError;
        finding.detail = "The endpoint says: " + std::string(Describe(verdict.reason).text) + '.';
        finding.hint = Describe(verdict.reason).hint;
    } else if (verdict.kind != VerdictKind::kSplit) {
        finding.status = CheckStatus::kWarning;
        finding.detail = "Whether the token is taken is not known: the answer was HTTP status " +
                         std::to_string(facts.answer.http_status) + '.';
        finding.hint = "Call capi_check(send => true) again later.";
    }
    findings->push_back(std::move(finding));
}

}  // namespace

void JudgeDataset(const DatasetFacts& facts, UnixMicros now, Findings* findings) {
    JudgeOrigin(facts, findings);
    JudgeOptions(facts, findings);
    JudgeMode(facts.config, findings);
    JudgeToken(facts, findings);
    JudgeTokenFile(facts, findings);
    JudgeHealth(facts, findings);
    JudgeRequestSize(facts, findings);
    JudgeDeadline(facts, now, findings);
    JudgeParked(facts, findings);
    JudgeUpload(facts, now, findings);
}

void JudgeDatasetGone(const DatasetFacts& facts, UnixMicros now, Findings* findings) {
    JudgeHealth(facts, findings);
    JudgeDeadline(facts, now, findings);
    JudgeParked(facts, findings);
}

void JudgeProbe(const ProbeFacts& facts, Findings* findings) {
    Verdict verdict{};
    (void)RecordAnswer(facts.answer, 0, facts.secrets, &verdict);
    JudgeReachability(facts, findings);
    JudgeClock(facts, findings);
    JudgeVersion(facts, verdict, findings);
    JudgeTokenAnswer(facts, verdict, findings);
}

}  // namespace crm_capi
