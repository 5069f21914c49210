// checkup.cpp - the table of checks, and how the server and the watches are judged.
#include "core/checkup/checkup.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "core/dispatch/slot_lending.hpp"

namespace crm_capi {

namespace {

// clang-format off
constexpr CheckText kTable[] = {
    {Check::kPreload, "preload",
     "Add crm_capi to shared_preload_libraries and restart the server."},
    {Check::kLauncher, "launcher",
     "Look for crm_capi in the server log; max_worker_processes may be too small."},
    {Check::kShipper, "shipper",
     "Look for crm_capi in the server log; max_worker_processes may be too small."},
    {Check::kHost, "host",
     "Add the host to crm_capi.hosts and reload, if events are to be sent from here."},
    {Check::kWorkers, "workers",
     "Raise max_worker_processes, or lower crm_capi.max_shippers."},
    {Check::kSlots, "slots",
     "Raise crm_capi.max_shippers, and max_worker_processes with it."},
    {Check::kConditions, "conditions",
     "See what the condition waits for; crm_capi.condition_timeout limits its time."},
    {Check::kRestoredRows, "restored_rows",
     "SELECT capi_restore_rows() puts them into the tables; pg_restore --disable-triggers has left them there."},
    {Check::kDatasets, "datasets",
     "Use CREATE SERVER ... FOREIGN DATA WRAPPER crm_capi to create a dataset."},
    {Check::kOrigin, "origin",
     "Call capi_resume only if this database is to send from now on; see docs/copies.md."},
    {Check::kOptions, "options",
     "Set dataset_id and lead_event_source with ALTER SERVER."},
    {Check::kMode, "mode",
     "Set the option mode to live, or drop test_event_code, when the dataset is to count."},
    {Check::kToken, "token",
     "Create a user mapping with access_token for the server's owner or for PUBLIC, or see to the file that its access_token_file names."},
    {Check::kTokenFile, "token_file",
     "Let nobody but the account of the server read the file: chmod 600."},
    {Check::kEndpoint, "endpoint",
     "Check name resolution, firewall and proxy between this server and the endpoint."},
    {Check::kCertificate, "certificate",
     "Check the system's CA certificates or the option ca_file, and whether a proxy breaks up TLS."},
    {Check::kClock, "clock",
     "Let a time service (NTP) set the clock of this server."},
    {Check::kApiVersion, "api_version",
     "Set api_version of the server to a current version, or drop the option."},
    {Check::kTokenAccepted, "token_accepted",
     "Set a new access_token with ALTER USER MAPPING."},
    {Check::kHealth, "health",
     "Look at capi_requests for the answers of the endpoint."},
    {Check::kRequestSize, "request_size",
     "Look in capi_requests for what larger requests end with; if it stays, let the proxy take larger bodies, raise timeout, or lower batch_size."},
    {Check::kDeadline, "deadline",
     "Put right what keeps the dataset from sending: Meta refuses events older than seven days."},
    {Check::kParked, "parked",
     "Look at reason_code and reason of the parked events in capi_undelivered."},
    {Check::kUpload, "daily_upload",
     "Meta wants an upload a day at least: check that the CRM changes stages and the dataset sends."},
    {Check::kLeadVolume, "lead_volume",
     "Meta wants about 200 leads a month to learn from; watch all tables that hold leads."},
    {Check::kLeadCoverage, "lead_coverage",
     "Meta wants events for 60 % of the leads at least: see why the others were not sent."},
    {Check::kStages, "stages",
     "Send every stage of the CRM: Meta needs two at least and recommends three."},
    {Check::kEventSource, "event_source",
     "Set lead_event_source with ALTER SERVER: without it Meta does not count the events."},
    {Check::kLeadCopies, "lead_copies",
     "Clear the lead id in copies of a record, or watch with repeat => 'first', which sends each stage of a lead once."},
    {Check::kRoundedLeadIds, "rounded_lead_ids",
     "Import the lead ids as text: a spreadsheet keeps 15 digits of a number. Meta knows none of the rounded ones."},
    {Check::kStageOrder, "stage_order",
     "Send all stages, the first one too, in the order in which the leads reach them."},
    {Check::kOptimisedStage, "optimised_stage",
     "Choose a stage that 1 to 40 % of the leads reach within 28 days."},
    {Check::kWatches, "watches",
     "Call capi_watch for the table that holds the stages of the leads."},
    {Check::kWatch, "watch",
     "Call capi_unwatch, put the cause right, and call capi_watch again."},
    {Check::kEventTime, "event_time",
     "Use timestamptz, or give the time zone in the watch: NEW.column AT TIME ZONE 'Europe/Paris'."},
    {Check::kDroppedValues, "dropped_values",
     "Look in the table for values of which capi_normalize(key, value) makes NULL; docs/doctor.md says what each cause means."},
};
// clang-format on

// Describe indexes the table by the enumerator.
constexpr bool RowsFollowTheEnum() {
    for (size_t i = 0; i < std::size(kTable); ++i) {
        if (kTable[i].check != static_cast<Check>(i)) {
            return false;
        }
    }
    return std::size(kTable) == static_cast<size_t>(Check::kDroppedValues) + 1;
}
static_assert(RowsFollowTheEnum(), "a check lacks its row, or rows are out of order");

constexpr const char* kServer = "server";

// Without the preload there is no launcher: the hint is then the preload's.
void JudgeLauncher(const ServerFacts& facts, Findings* findings) {
    Finding finding{kServer, Check::kLauncher, CheckStatus::kOk, "The launcher is running.", {}};
    if (facts.is_standby) {
        finding.detail = "This is a standby: the launcher starts when it is promoted.";
    } else if (!facts.launcher_runs) {
        finding.status = CheckStatus::kError;
        finding.detail = "The launcher is not running.";
        finding.hint = facts.is_preloaded ? "" : Describe(Check::kPreload).hint;
    }
    findings->push_back(std::move(finding));
}

// What keeps a shipper away is told in the order in which it would have to be put right.
void JudgeShipper(const ServerFacts& facts, Findings* findings) {
    Finding finding{
        kServer, Check::kShipper, CheckStatus::kOk, "The shipper of this database is running.", {}};
    if (facts.is_standby) {
        finding.detail = "This is a standby: nothing is sent until it is promoted.";
    } else if (!facts.is_connectable) {
        finding.status = CheckStatus::kError;
        finding.detail = "This database is a template or closed to connections.";
        finding.hint = "Keep the queue in a database that is not a template.";
    } else if (!facts.is_chosen) {
        finding.status = CheckStatus::kError;
        finding.detail = "crm_capi.databases does not name this database.";
        finding.hint = "Add the database to crm_capi.databases, or empty the setting.";
    } else if (facts.needs_no_shipper) {
        finding.detail =
            "This database needs no shipper now; one comes when there is something to do.";
    } else if (facts.waits_for_slot) {
        finding.status = CheckStatus::kError;
        finding.detail = "This database has waited for a shipper for more than a minute.";
        finding.hint = Describe(Check::kSlots).hint;
    } else if (!facts.shipper_runs) {
        finding.status = CheckStatus::kError;
        finding.detail = "No shipper is running in this database.";
        finding.hint = facts.is_preloaded ? "" : Describe(Check::kPreload).hint;
    }
    findings->push_back(std::move(finding));
}

// Where the server runs decides for all of its datasets.
void JudgeHost(const ServerFacts& facts, Findings* findings) {
    findings->push_back({kServer,
                         Check::kHost,
                         facts.is_host_allowed ? CheckStatus::kOk : CheckStatus::kError,
                         facts.is_host_allowed
                             ? "Events may be sent from this host, " + facts.host + '.'
                             : "crm_capi.hosts does not name this host, " + facts.host + '.',
                         {}});
}

// Whether a parallel query still finds the workers that it wants when every shipper runs. The
// number to set leaves all of max_parallel_workers to others.
void JudgeWorkers(const WorkerFacts& facts, Findings* findings) {
    constexpr int kLauncher = 1;
    const int ours = facts.shippers + kLauncher;
    const int left = std::max(facts.processes - ours - facts.others, 0);
    const int needed = ours + facts.others + facts.parallel;
    Finding finding{kServer,
                    Check::kWorkers,
                    CheckStatus::kOk,
                    "Shippers leave " + std::to_string(left) + " workers to parallel queries.",
                    {}};
    if (facts.shippers == 0) {
        finding.detail = "No shipper takes a worker from parallel queries.";
    } else if (left < std::min(facts.parallel_per_query, facts.parallel)) {
        finding.status = CheckStatus::kWarning;
        finding.detail = "With " + std::to_string(facts.shippers) + " shippers running, " +
                         std::to_string(left) +
                         " workers are left for a parallel query, which wants " +
                         std::to_string(facts.parallel_per_query) + '.';
        finding.hint = "Set max_worker_processes to " + std::to_string(needed) + " at least.";
    }
    findings->push_back(std::move(finding));
}

// Whether databases wait for their turn.
void JudgeSlots(const SlotFacts& facts, Findings* findings) {
    Finding finding{kServer, Check::kSlots, CheckStatus::kOk, "", {}};
    if (facts.slots == 0) {
        finding.detail = "No shipper is shared, because the library is not preloaded.";
    } else {
        finding.detail = "Databases that share up to " + std::to_string(facts.slots) +
                         " shippers: " + std::to_string(facts.databases) +
                         ". Of these wait for one: " + std::to_string(facts.waiting) + '.';
    }
    if (facts.longest_wait_seconds >= kLongWaitMs / 1000) {
        finding.status = CheckStatus::kWarning;
        finding.detail += " The longest has waited for " +
                          std::to_string(facts.longest_wait_seconds) + " seconds.";
    }
    findings->push_back(std::move(finding));
}

// What of the events that wait for a condition does not get on by itself, the gravest first.
void JudgeConditions(const ConditionFacts& facts, Findings* findings) {
    Finding finding{kServer,
                    Check::kConditions,
                    CheckStatus::kOk,
                    "No event waits for a condition that cannot be checked.",
                    {}};
    if (facts.lacks_workers) {
        finding.status = CheckStatus::kError;
        finding.detail = "No worker can be started that checks conditions. Events that wait: " +
                         std::to_string(facts.waiting) + '.';
        finding.hint = "Raise max_worker_processes.";
    } else if (facts.postponed > 0) {
        finding.status = CheckStatus::kWarning;
        finding.detail = "Events that wait because their condition could not be checked: " +
                         std::to_string(facts.postponed) + ". Last was watch " + facts.watch +
                         ": SQLSTATE " + facts.sqlstate + '.';
    }
    findings->push_back(std::move(finding));
}

// What a restore without triggers has left lying: events among it that nobody sends.
void JudgeRestoredRows(const std::string& doors, Findings* findings) {
    const bool are_empty = doors.empty();
    findings->push_back(
        {kServer,
         Check::kRestoredRows,
         are_empty ? CheckStatus::kOk : CheckStatus::kError,
         are_empty ? "No restored row waits to be put into its table."
                   : "Restored rows are not in the tables yet; they lie in " + doors + '.',
         {}});
}

// For what there should be at least one of; `none` is said if there is none.
void JudgeCount(Check check, int count, const char* none, Findings* findings) {
    const bool is_none = count == 0;
    findings->push_back({kServer,
                         check,
                         is_none ? CheckStatus::kWarning : CheckStatus::kOk,
                         is_none ? none : "Their number is " + std::to_string(count) + '.',
                         {}});
}

// A watch that works, and whose rows cannot be sent: what its events lack, it does not find.
Finding MostlyParked(const std::string& target, const ParkedShare& share) {
    const ReasonText& reason = Describe(share.reason);
    return {target, Check::kWatch, CheckStatus::kWarning,
            "Of its latest " + std::to_string(share.events) + " events within a day " +
                std::to_string(share.parked) + " were parked for one reason: " +
                std::string(reason.text) + " (" + std::string(reason.code) + ").",
            std::string(reason.hint)};
}

}  // namespace

const CheckText& Describe(Check check) {
    return kTable[static_cast<size_t>(check)];
}

std::string_view StatusName(CheckStatus status) {
    switch (status) {
        case CheckStatus::kOk:
            return "ok";
        case CheckStatus::kWarning:
            return "warning";
        case CheckStatus::kError:
            return "error";
    }
    return "";
}

void JudgeServer(const ServerFacts& facts, Findings* findings) {
    findings->push_back(
        facts.is_preloaded
            ? Finding{kServer, Check::kPreload, CheckStatus::kOk, "The library is preloaded.", {}}
            : Finding{kServer,
                      Check::kPreload,
                      CheckStatus::kError,
                      "shared_preload_libraries does not name crm_capi.",
                      {}});
    JudgeLauncher(facts, findings);
    JudgeShipper(facts, findings);
    JudgeHost(facts, findings);
    JudgeWorkers(facts.workers, findings);
    JudgeSlots(facts.slots, findings);
    JudgeConditions(facts.conditions, findings);
    JudgeRestoredRows(facts.doors, findings);
    JudgeCount(Check::kDatasets, facts.datasets, "There is no dataset.", findings);
    JudgeCount(Check::kWatches, facts.watches,
               "No table is watched: only capi_send_lead_event() brings events.", findings);
}

namespace {

// How many values were dropped, and of which keys for which causes.
void JudgeDropped(const WatchFacts& facts, Findings* findings) {
    Finding finding{facts.target,
                    Check::kDroppedValues,
                    CheckStatus::kOk,
                    "No value of an identity was dropped within 7 days.",
                    {}};
    int64_t values = 0;
    std::string list;
    for (const DroppedFacts& dropped : facts.dropped) {
        values += dropped.values;
        list += (list.empty() ? "" : ", ") + dropped.key + ' ' + dropped.cause + ' ' +
                std::to_string(dropped.values);
    }
    if (values > 0) {
        finding.status = CheckStatus::kWarning;
        finding.detail =
            "Values of identities that were dropped within 7 days: " + std::to_string(values) +
            " (" + list + ").";
    }
    findings->push_back(std::move(finding));
}

}  // namespace

void JudgeWatch(const WatchFacts& facts, Findings* findings) {
    if (!facts.problem.empty()) {
        findings->push_back(
            {facts.target, Check::kWatch, CheckStatus::kError, facts.problem, facts.hint});
    } else if (2 * facts.parked.parked > facts.parked.events) {
        findings->push_back(MostlyParked(facts.target, facts.parked));
    } else {
        findings->push_back(
            {facts.target, Check::kWatch, CheckStatus::kOk, "The watch is intact.", {}});
    }
    if (!facts.bare_timestamps.empty()) {
        findings->push_back(
            {facts.target,
             Check::kEventTime,
             CheckStatus::kWarning,
             "Taken as UTC, because it has no time zone: " + facts.bare_timestamps + '.',
             {}});
    } else {
        findings->push_back({facts.target,
                             Check::kEventTime,
                             CheckStatus::kOk,
                             "No time is read without its time zone.",
                             {}});
    }
    JudgeDropped(facts, findings);
}

}  // namespace crm_capi
