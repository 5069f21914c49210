// checkup_funnel_test.cpp - how capi_check() judges a funnel, by Meta's rules.
#include <gtest/gtest.h>

#include "core/checkup/checkup.hpp"

namespace crm_capi {
namespace {

constexpr UnixMicros kFunnelNow = 20000 * kMicrosPerDay;

// Meta's example: raw 100, MQL 70, opportunity 30, converted 15.
FunnelFacts MetasExample() {
    FunnelFacts facts;
    facts.dataset = "sales";
    facts.since = kFunnelNow - 28 * kMicrosPerDay;
    facts.leads = facts.leads_sent = 1000;
    facts.stages = {{"converted", 150, 0, 150},
                    {"mql", 700, 0, 700},
                    {"opportunity", 300, 0, 300},
                    {"raw", 1000, 1000, 1000}};
    facts.sample_event = R"({"custom_data":{"event_source":"crm","lead_event_source":"Odoo"}})";
    return facts;
}

Finding Judged(const FunnelFacts& facts, Check check) {
    Findings findings;
    JudgeFunnel(facts, kFunnelNow, &findings);
    EXPECT_EQ(findings.size(), 8u);  // whatever is missing, each check is made
    for (const Finding& finding : findings) {
        if (finding.check == check) {
            return finding;
        }
    }
    ADD_FAILURE() << "no row: " << Describe(check).name;
    return {};
}

TEST(CheckupFunnelTest, EachRule) {
    constexpr auto kOk = CheckStatus::kOk;
    constexpr auto kWarning = CheckStatus::kWarning;
    constexpr auto kError = CheckStatus::kError;
    const struct {
        const char* name;
        void (*change)(FunnelFacts*);
        Check check;
        CheckStatus status;
    } rows[] = {
        {"volume", [](FunnelFacts*) {}, Check::kLeadVolume, kOk},
        {"few", [](FunnelFacts* f) { f->leads = 199; }, Check::kLeadVolume, kWarning},
        {"few so far",
         [](FunnelFacts* f) {
             f->leads = 199;
             f->since = kFunnelNow - 20 * kMicrosPerDay;
         },
         Check::kLeadVolume, kOk},
        {"coverage", [](FunnelFacts* f) { f->leads_sent = 600; }, Check::kLeadCoverage, kOk},
        {"low coverage", [](FunnelFacts* f) { f->leads_sent = 599; }, Check::kLeadCoverage,
         kWarning},
        {"stages", [](FunnelFacts*) {}, Check::kStages, kOk},
        {"two stages", [](FunnelFacts* f) { f->stages.resize(2); }, Check::kStages, kOk},
        {"one stage", [](FunnelFacts* f) { f->stages.resize(1); }, Check::kStages, kWarning},
        {"source", [](FunnelFacts*) {}, Check::kEventSource, kOk},
        {"other source",
         [](FunnelFacts* f) {
             f->sample_event =
                 R"({"custom_data":{"event_source":"web","lead_event_source":"Odoo"}})";
         },
         Check::kEventSource, kError},
        {"no source",
         [](FunnelFacts* f) {
             f->sample_event = R"({"custom_data":{"event_source":"crm","lead_event_source":""}})";
         },
         Check::kEventSource, kError},
        {"no event", [](FunnelFacts* f) { f->sample_event = "{}"; }, Check::kEventSource, kError},
        {"no JSON", [](FunnelFacts* f) { f->sample_event = "{"; }, Check::kEventSource, kError},
        {"no copy", [](FunnelFacts*) {}, Check::kLeadCopies, kOk},
        {"a copied lead", [](FunnelFacts* f) { f->lead_ids.copied = 1; }, Check::kLeadCopies,
         kWarning},
        {"no ids", [](FunnelFacts*) {}, Check::kRoundedLeadIds, kOk},
        {"few zeros", [](FunnelFacts* f) { f->lead_ids = {0, 9, 9}; }, Check::kRoundedLeadIds, kOk},
        {"rounded", [](FunnelFacts* f) { f->lead_ids = {0, 10, 10}; }, Check::kRoundedLeadIds,
         kError},
        {"half", [](FunnelFacts* f) { f->lead_ids = {0, 100, 50}; }, Check::kRoundedLeadIds, kOk},
        {"over half", [](FunnelFacts* f) { f->lead_ids = {0, 100, 51}; }, Check::kRoundedLeadIds,
         kError},
        {"order", [](FunnelFacts* f) { f->out_of_order = 100; }, Check::kStageOrder, kOk},
        {"disorder", [](FunnelFacts* f) { f->out_of_order = 101; }, Check::kStageOrder, kWarning},
        {"skipped", [](FunnelFacts* f) { f->stages[3].entries = 899; }, Check::kStageOrder,
         kWarning},
        {"example", [](FunnelFacts*) {}, Check::kOptimisedStage, kOk},
        {"too many",
         [](FunnelFacts* f) { f->stages = {{"raw", 1000, 1000, 1000}, {"won", 401, 0, 401}}; },
         Check::kOptimisedStage, kWarning},
        {"most",
         [](FunnelFacts* f) { f->stages = {{"raw", 1000, 1000, 1000}, {"won", 400, 0, 400}}; },
         Check::kOptimisedStage, kOk},
        {"fewest",
         [](FunnelFacts* f) { f->stages = {{"raw", 1000, 1000, 1000}, {"won", 10, 0, 10}}; },
         Check::kOptimisedStage, kOk},
        {"too few",
         [](FunnelFacts* f) { f->stages = {{"raw", 1000, 1000, 1000}, {"won", 9, 0, 9}}; },
         Check::kOptimisedStage, kWarning},
        {"too late",
         [](FunnelFacts* f) { f->stages = {{"raw", 1000, 1000, 1000}, {"won", 100, 0, 9}}; },
         Check::kOptimisedStage, kWarning},
        {"entry alone", [](FunnelFacts* f) { f->stages = {{"raw", 100, 100, 100}}; },
         Check::kOptimisedStage, kWarning},
        {"nothing",
         [](FunnelFacts* f) {
             f->leads = f->leads_sent = 0;
             f->stages.clear();
         },
         Check::kStages, kWarning},
        {"nothing sent",
         [](FunnelFacts* f) {
             f->leads_sent = 0;
             f->stages.clear();
         },
         Check::kStageOrder, kWarning},
    };
    for (const auto& row : rows) {
        FunnelFacts facts = MetasExample();
        row.change(&facts);
        const Finding finding = Judged(facts, row.check);
        EXPECT_EQ(finding.status, row.status) << row.name << ": " << finding.detail;
    }
}

TEST(CheckupFunnelTest, NamesTheStagesThatFit) {
    EXPECT_EQ(Judged(MetasExample(), Check::kOptimisedStage).detail,
              "Stages fit to optimise for: \"converted\" 15.0 %, \"opportunity\" 30.0 %.");
}

TEST(CheckupFunnelTest, SaysHowFarBackItLookedForEvents) {
    const struct {
        UnixMicros searched;
        const char* detail;
    } rows[] = {
        {0, "There was no event in the last 28 days."},
        {kFunnelNow - 90 * kMicrosPerDay, "There was no event in the last 28 days."},
        {kFunnelNow - 3 * kMicrosPerDay, "There was no event in the last 3 days."},
        {kFunnelNow - kMicrosPerDay / 4, "There was no event in the last 6 hours."},
        {kFunnelNow - kMicrosPerDay / 48, "There was no event in the last 30 minutes."},
    };
    for (const auto& row : rows) {
        FunnelFacts facts = MetasExample();
        facts.leads = 0;
        facts.searched_since = row.searched;
        EXPECT_EQ(Judged(facts, Check::kStages).detail, row.detail);
    }
}

}  // namespace
}  // namespace crm_capi
