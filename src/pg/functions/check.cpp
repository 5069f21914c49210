/*
 * check.cpp - capi_check(), the doctor.
 *
 * It runs in the session of whoever calls it, with the rights of the extension: EXECUTE is the
 * right to see what it tells, which is nothing about any lead.
 */
#include <algorithm>
#include <string>

#include "core/checkup/checkup.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/owned.hpp"
#include "pg/base/results.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/functions/checkup_facts.hpp"
#include "pg/queue/event_log.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_check);
}

namespace crm_capi {

namespace {

/* All endpoints are asked at the same time. One that has not answered by then is as good as dead:
 * Meta answers within 0.6 s, and the doctor has two seconds in all. */
constexpr long kProbeTimeoutMs = 1500;

enum CheckColumn { kSubject, kCheckName, kStatus, kDetail, kHint, kColumns };

/* C++ regime. */
void
AddProbe(const DatasetConfig& config, bool with_token, Checkup* checkup)
{
    ProbeFacts probe;
    SessionRequest asked;

    probe.dataset = config.name;
    probe.api_version = config.api_version;
    probe.with_token = with_token;
    probe.secrets = {config.access_token, config.app_secret};
    asked.request = with_token ? BuildRequest(config, {}) : BuildProbe(config);
    asked.request.timeout_ms = std::min(asked.request.timeout_ms, kProbeTimeoutMs);
    checkup->probes.push_back(std::move(probe));
    checkup->requests.list.push_back(std::move(asked));
}

/* Asks the endpoint of each dataset. Only if the caller says so a token goes with the question, and
 * never from a copy of the database. */
void
probe_endpoints(Checkup* checkup, bool send)
{
    for (const DatasetFacts& facts : checkup->datasets) {
        const DatasetConfig& config = facts.config;
        if (config.hold == Reason::kOptionMissing)
            continue;
        const bool with_token =
            send && !config.access_token.empty() && facts.place_reason == Reason::kNone;
        call_cpp("prepare a probe", [&] { AddProbe(config, with_token, checkup); });
    }
    if (checkup->probes.empty())
        return;
    run_session_requests(&checkup->requests, "CrmCapiCheck");
    call_cpp("take the answers", [&] {
        for (size_t i = 0; i < checkup->probes.size(); i++) {
            SessionRequest& asked = checkup->requests.list[i];
            checkup->probes[i].answer = std::move(asked.answer);
            checkup->probes[i].asked_at = asked.asked_at;
            checkup->probes[i].answered_at = asked.answered_at;
        }
    });
}

/* C++ regime. The server first, then each dataset, then the watches. */
void
JudgeFacts(Checkup* checkup, UnixMicros now)
{
    Findings& findings = checkup->findings;

    JudgeServer(checkup->server, &findings);
    for (size_t i = 0; i < checkup->datasets.size(); i++) {
        const auto first = static_cast<std::ptrdiff_t>(findings.size());
        JudgeDataset(checkup->datasets[i], now, &findings);
        for (const ProbeFacts& probe : checkup->probes) {
            if (probe.dataset == checkup->datasets[i].config.name)
                JudgeProbe(probe, &findings);
        }
        JudgeFunnel(checkup->funnels[i], now, &findings);
        std::stable_sort(findings.begin() + first, findings.end(),
                         [](const Finding& a, const Finding& b) { return a.check < b.check; });
    }
    for (const DatasetFacts& dataset : checkup->gone)
        JudgeDatasetGone(dataset, now, &findings);
    for (const WatchFacts& watch : checkup->watches)
        JudgeWatch(watch, &findings);
}

/* Puts one row into the result. Who is well needs no hint. */
void
put_finding(const Finding& finding, Tuplestorestate* results, TupleDesc columns)
{
    Datum values[kColumns] = {};
    bool nulls[kColumns] = {};
    const bool is_well = finding.status == CheckStatus::kOk;

    values[kSubject] = database_text(finding.subject);
    values[kCheckName] = text_datum(Describe(finding.check).name);
    values[kStatus] = text_datum(StatusName(finding.status));
    values[kDetail] = database_text(finding.detail);
    nulls[kHint] = is_well;
    if (!is_well)
        values[kHint] = finding.hint.empty() ? text_datum(Describe(finding.check).hint)
                                             : database_text(finding.hint);
    tuplestore_putvalues(results, columns, values, nulls);
}

/* Makes the check-up and puts a row for each finding. Everything else is gone afterwards:
 * connections, tokens. */
void
check_up(Oid schema, bool send, Tuplestorestate* results, TupleDesc columns)
{
    const MemoryContext room =
        AllocSetContextCreate(CurrentMemoryContext, "crm_capi check", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(room);
    auto* const checkup = make_owned<Checkup>();

    SPI_connect();
    gather_facts(schema, checkup);
    SPI_finish();
    probe_endpoints(checkup, send);
    const UnixMicros now = now_micros();
    call_cpp("judge what was found", [&] { JudgeFacts(checkup, now); });
    for (const Finding& finding : checkup->findings)
        put_finding(finding, results, columns);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(room);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_check(PG_FUNCTION_ARGS)
{
    const bool send = !PG_ARGISNULL(0) && PG_GETARG_BOOL(0);
    TupleDesc columns;
    Tuplestorestate* const results = begin_results(fcinfo, &columns);

    check_up(get_func_namespace(fcinfo->flinfo->fn_oid), send, results, columns);
    PG_RETURN_NULL();
}
