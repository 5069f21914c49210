// checkup_funnel.cpp - what Meta's verification page looks at (reference 1.4, 1.6), as far as it
// can be seen from here: Meta alone knows which of its leads never came to the CRM.
#include <algorithm>
#include <cstdio>

#include "core/checkup/checkup.hpp"
#include "core/text/json.hpp"

namespace crm_capi {

namespace {

// Reference 1.6.
constexpr int64_t kLeadsWanted = 200;
constexpr int kCoverageWanted = 60;  // per cent
constexpr size_t kStagesNeeded = 2;
constexpr size_t kStagesRecommended = 3;
constexpr int kLowestRate = 1;
constexpr int kHighestRate = 40;
constexpr int kDaysToOptimisedStage = 28;

// Reference 1.4 wants all earlier stages of every lead. Leads that were under way when the watch
// began lack theirs for good, so a few do not warn.
constexpr int kDisorderAllowed = 10;  // per cent

// As a percentage with one decimal, for people.
std::string Share(int64_t part, int64_t whole) {
    char text[32];
    std::snprintf(
        text, sizeof text, "%.1f %%",
        whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
    return text;
}

// "1 lead", "2 leads".
std::string Counted(int64_t number, const char* noun) {
    return std::to_string(number) + ' ' + noun + (number == 1 ? "" : "s");
}

// Whether part is less than so many per cent of whole, in whole numbers; false if both are 0.
bool IsBelow(int64_t part, int64_t whole, int percentage) {
    return part * 100 < whole * percentage;
}

// Whether part is more than so many per cent of whole, in whole numbers; false if both are 0.
bool IsAbove(int64_t part, int64_t whole, int percentage) {
    return part * 100 > whole * percentage;
}

// Enough leads in a month for Meta to learn from.
void JudgeVolume(const FunnelFacts& facts, UnixMicros now, Findings* findings) {
    const int64_t days =
        std::clamp<int64_t>((now - facts.since) / kMicrosPerDay, 0, kDaysToOptimisedStage);
    // A month is judged when it is over; before that the number speaks for itself.
    const bool is_few = facts.leads < kLeadsWanted && days >= kDaysToOptimisedStage - 1;
    findings->push_back(
        {facts.dataset,
         Check::kLeadVolume,
         is_few ? CheckStatus::kWarning : CheckStatus::kOk,
         Counted(facts.leads, "lead") + " had events in the last " + Counted(days + 1, "day") + '.',
         {}});
}

// For how many of the leads that we know anything was sent.
void JudgeCoverage(const FunnelFacts& facts, Findings* findings) {
    const bool is_low = IsBelow(facts.leads_sent, facts.leads, kCoverageWanted);
    findings->push_back({facts.dataset,
                         Check::kLeadCoverage,
                         is_low ? CheckStatus::kWarning : CheckStatus::kOk,
                         "Events of " + std::to_string(facts.leads_sent) + " of " +
                             std::to_string(facts.leads) + " leads were sent (" +
                             Share(facts.leads_sent, facts.leads) + ").",
                         {}});
}

// How many different stages Meta gets to see.
void JudgeStages(const FunnelFacts& facts, Findings* findings) {
    const size_t count = facts.stages.size();
    std::string detail = "Stages sent: " + std::to_string(count) + '.';
    if (count == kStagesNeeded) {
        detail += " " + std::to_string(kStagesRecommended) + " or more are recommended.";
    }
    findings->push_back({facts.dataset,
                         Check::kStages,
                         count < kStagesNeeded ? CheckStatus::kWarning : CheckStatus::kOk,
                         std::move(detail),
                         {}});
}

// `entry` is the stage with which most leads begin.
void JudgeOrder(const FunnelFacts& facts, const StageFacts& entry, Findings* findings) {
    const int64_t skipping = facts.leads_sent - entry.entries;
    const bool is_disordered = IsAbove(facts.out_of_order, facts.leads_sent, kDisorderAllowed) ||
                               IsAbove(skipping, facts.leads_sent, kDisorderAllowed);
    findings->push_back({facts.dataset,
                         Check::kStageOrder,
                         is_disordered ? CheckStatus::kWarning : CheckStatus::kOk,
                         "Leads begin with \"" + entry.stage + "\"; " +
                             Share(skipping, facts.leads_sent) + " do not, and " +
                             Share(facts.out_of_order, facts.leads_sent) +
                             " had an earlier stage sent after a later one.",
                         {}});
}

// At least one stage must be fit to be chosen in Events Manager.
void JudgeOptimisedStage(const FunnelFacts& facts, const StageFacts& entry, Findings* findings) {
    std::string fit;
    std::string unfit;
    for (const StageFacts& stage : facts.stages) {
        if (&stage == &entry) {
            continue;
        }
        const bool is_fit = !IsBelow(stage.in_time, facts.leads_sent, kLowestRate) &&
                            !IsAbove(stage.in_time, facts.leads_sent, kHighestRate);
        std::string& list = is_fit ? fit : unfit;
        list += (list.empty() ? "" : ", ") + ('"' + stage.stage + "\" ") +
                Share(stage.in_time, facts.leads_sent);
    }
    const bool is_well = !fit.empty();
    std::string detail = is_well ? "Stages fit to optimise for: " + fit + '.'
                                 : "No stage is reached by 1 to 40 % of the leads within 28 days";
    if (!is_well) {
        detail += unfit.empty() ? "." : ": " + unfit + '.';
    }
    findings->push_back({facts.dataset,
                         Check::kOptimisedStage,
                         is_well ? CheckStatus::kOk : CheckStatus::kWarning,
                         std::move(detail),
                         {}});
}

// Read from what is really sent: events without the two are taken and do not count.
void JudgeSource(const FunnelFacts& facts, Findings* findings) {
    const auto event = ParseJson(facts.sample_event);
    const auto custom =
        event.is_object() ? event.value("custom_data", Json::object()) : Json::object();
    const auto text = [&custom](const char* name) {
        const auto found = custom.find(name);
        return found != custom.end() && found->is_string() ? found->get<std::string>()
                                                           : std::string();
    };
    const bool is_set = text("event_source") == "crm" && !text("lead_event_source").empty();
    findings->push_back(
        {facts.dataset,
         Check::kEventSource,
         is_set ? CheckStatus::kOk : CheckStatus::kError,
         is_set ? "event_source is crm, lead_event_source is \"" + text("lead_event_source") + "\"."
                : "event_source or lead_event_source is not set.",
         {}});
}

// Beside the many events of other datasets, less than 28 days may have been looked through.
std::string NoEvent(const FunnelFacts& facts, UnixMicros now) {
    const UnixMicros span =
        std::min(now - facts.searched_since, kDaysToOptimisedStage * kMicrosPerDay);
    const std::string length = span < kMicrosPerHour  ? Counted(span / kMicrosPerMinute, "minute")
                               : span < kMicrosPerDay ? Counted(span / kMicrosPerHour, "hour")
                                                      : Counted(span / kMicrosPerDay, "day");
    return "There was no event in the last " + length + '.';
}

// Whether rows share a lead id that should each have their own.
void JudgeCopies(const FunnelFacts& facts, Findings* findings) {
    const bool are_some = facts.lead_ids.copied > 0;
    findings->push_back({facts.dataset,
                         Check::kLeadCopies,
                         are_some ? CheckStatus::kWarning : CheckStatus::kOk,
                         are_some ? Counted(facts.lead_ids.copied, "lead") +
                                        " reached one stage three times or more within a minute: "
                                        "the lead id stands in several rows."
                                  : "No lead id of the latest events stands in several rows.",
                         {}});
}

// One id in ten, or in a hundred, ends in zeros by chance.
void JudgeRounding(const FunnelFacts& facts, Findings* findings) {
    constexpr int64_t kEnoughToTell = 10;
    constexpr int kTooMany = 50;  // per cent
    const LeadIdFacts& ids = facts.lead_ids;
    const bool are_rounded =
        ids.rounded_ids >= kEnoughToTell && IsAbove(ids.rounded_ids, ids.long_ids, kTooMany);
    findings->push_back({facts.dataset,
                         Check::kRoundedLeadIds,
                         are_rounded ? CheckStatus::kError : CheckStatus::kOk,
                         are_rounded ? std::to_string(ids.rounded_ids) + " of " +
                                           Counted(ids.long_ids, "lead id") +
                                           " end in zeros behind the 15th digit."
                                     : "Lead ids look as Meta gives them.",
                         {}});
}

}  // namespace

void JudgeFunnel(const FunnelFacts& facts, UnixMicros now, Findings* findings) {
    JudgeSource(facts, findings);
    JudgeCopies(facts, findings);
    JudgeRounding(facts, findings);
    if (facts.leads == 0) {
        const std::string detail = NoEvent(facts, now);
        for (const Check check : {Check::kLeadVolume, Check::kLeadCoverage, Check::kStages,
                                  Check::kStageOrder, Check::kOptimisedStage}) {
            findings->push_back({facts.dataset, check, CheckStatus::kWarning, detail, {}});
        }
        return;
    }
    JudgeVolume(facts, now, findings);
    JudgeCoverage(facts, findings);
    JudgeStages(facts, findings);
    const auto entry = std::max_element(
        facts.stages.begin(), facts.stages.end(),
        [](const StageFacts& a, const StageFacts& b) { return a.entries < b.entries; });
    if (entry == facts.stages.end()) {
        for (const Check check : {Check::kStageOrder, Check::kOptimisedStage}) {
            findings->push_back(
                {facts.dataset, check, CheckStatus::kWarning, "No event has been sent.", {}});
        }
        return;
    }
    JudgeOrder(facts, *entry, findings);
    JudgeOptimisedStage(facts, *entry, findings);
}

}  // namespace crm_capi
