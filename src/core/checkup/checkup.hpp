// checkup.hpp - what capi_check() looks at and how it judges, without a database or a network.
//
// Somebody else gathers the facts; each function here turns some of them into findings. Every check
// that is made leaves a finding, also when all is well: what was not looked at must not look well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dispatch/dataset_config.hpp"
#include "core/answer/answer_record.hpp"
#include "core/answer/http.hpp"

namespace crm_capi {

enum class CheckStatus { kOk, kWarning, kError };

// In the order in which they are reported.
enum class Check {
    kPreload,
    kLauncher,
    kShipper,
    kHost,
    kWorkers,
    kSlots,
    kConditions,
    kRestoredRows,
    kDatasets,
    kOrigin,
    kOptions,
    kMode,
    kToken,
    kTokenFile,
    kEndpoint,
    kCertificate,
    kClock,
    kApiVersion,
    kTokenAccepted,
    kHealth,
    kRequestSize,
    kDeadline,
    kParked,
    kUpload,
    kLeadVolume,
    kLeadCoverage,
    kStages,
    kEventSource,
    kLeadCopies,
    kRoundedLeadIds,
    kStageOrder,
    kOptimisedStage,
    kWatches,
    kWatch,
    kEventTime,
    kDroppedValues,
};

struct CheckText {
    Check check;
    std::string_view name;  // stable; shows in SQL as check_name
    std::string_view hint;  // what to do if it is not well; a whole sentence
};

// Never fails: every enumerator has a row.
const CheckText& Describe(Check check);

// "ok", "warning" or "error", as the column status of capi_check() shows it.
std::string_view StatusName(CheckStatus status);

struct Finding {
    std::string subject;  // what was looked at: "server", a dataset or a table
    Check check;
    CheckStatus status;
    std::string detail;  // a whole sentence: what was found
    std::string hint;    // empty = the check's own, if it is not well
};

using Findings = std::vector<Finding>;

// ---- The server ----

// Settings that decide whether parallel queries find workers when all shippers run.
struct WorkerFacts {
    int processes = 0;           // max_worker_processes
    int shippers = 0;            // crm_capi.max_shippers; 0 = the library is not preloaded
    int others = 0;              // that are always there, beside our launcher
    int parallel = 0;            // max_parallel_workers
    int parallel_per_query = 0;  // max_parallel_workers_per_gather; 0 = none are wanted
};

// How the databases of the server get on with the shippers that they share.
struct SlotFacts {
    int slots = 0;      // crm_capi.max_shippers; 0 = the library is not preloaded
    int databases = 0;  // that take part
    int waiting = 0;    // of these, for a shipper
    int64_t longest_wait_seconds = 0;
};

// Events that wait until the condition of their watch has been checked.
struct ConditionFacts {
    int64_t waiting = 0;
    int64_t postponed = 0;  // of these, because it could not be told
    bool lacks_workers = false;
    std::string watch;     // of the last one that was postponed
    std::string sqlstate;  // and what came in the way
};

struct ServerFacts {
    bool is_preloaded = false;
    bool is_standby = false;
    bool launcher_runs = false;
    bool shipper_runs = false;
    bool needs_no_shipper = false;  // it has nothing to do, or has just begun to wait for its turn
    bool waits_for_slot = false;    // and has for too long
    bool is_chosen = false;         // crm_capi.databases names this database, or none
    bool is_connectable = true;     // neither a template nor closed to connections
    std::string host;
    bool is_host_allowed = true;  // by crm_capi.hosts
    int datasets = 0;
    int watches = 0;
    WorkerFacts workers;
    SlotFacts slots;
    ConditionFacts conditions;
    std::string doors;  // for dumps, in which rows lie; empty = there are none
};

// Appends a finding for each check from kPreload to kDatasets, and for kWatches.
void JudgeServer(const ServerFacts& facts, Findings* findings);

// ---- A dataset as it is set and as it fares ----

struct TokenFile {
    std::string path;
    std::string problem;  // why its permissions could not be read; empty = they were
    unsigned permissions = 0;
};

struct DatasetFacts {
    DatasetConfig config;
    std::optional<TokenFile> token_file;
    bool is_standby = false;
    // Where this is, and whether the dataset belongs here: kNone, kCloned or kHostNotAllowed.
    std::string place;
    Reason place_reason = Reason::kNone;
    std::string place_detail;
    std::string place_since;  // as people read it; empty = not known
    // As capi_status has it.
    std::string health;
    std::string health_reason;  // for people
    Reason health_code = Reason::kNone;
    int64_t owed = 0;
    UnixMicros next_deadline = 0;    // 0 = nothing is owed
    UnixMicros last_success_at = 0;  // 0 = never
    int64_t parked_lately = 0;       // within a day
    int64_t request_size = 0;        // events a request may carry; 0 = as many as are set
};

// Appends a finding for each check from kOptions to kToken, and from kHealth to kUpload; one about
// the token's file only if there is a file. `now` is by the clock of the database.
void JudgeDataset(const DatasetFacts& facts, UnixMicros now, Findings* findings);

// One whose server was dropped while something is owed to it: it has no options any more.
void JudgeDatasetGone(const DatasetFacts& facts, UnixMicros now, Findings* findings);

// ---- What the endpoint said to a probe ----

struct ProbeFacts {
    std::string dataset;
    std::string api_version;
    bool with_token = false;  // it carried the token, and no event
    Secrets secrets;
    HttpAnswer answer;
    UnixMicros asked_at = 0;  // by the clock of the database
    UnixMicros answered_at = 0;
};

// Appends what the answer tells of endpoint, certificate, clock, version and token. Without an
// answer nothing is said of the clock and the token, nor of the certificate unless that is what
// failed; nor of the token if none was sent or the version is refused.
void JudgeProbe(const ProbeFacts& facts, Findings* findings);

// ---- The funnel, as Meta's verification page looks at it (reference 1.4, 1.6) ----

struct StageFacts {
    std::string stage;
    int64_t leads = 0;    // that have reached it
    int64_t entries = 0;  // for which it was the first
    int64_t in_time = 0;  // that reached it within 28 days after their first stage
};

// Of the leads that the latest events are about.
struct LeadIdFacts {
    int64_t copied = 0;       // reached one stage three times or more within a minute
    int64_t long_ids = 0;     // ids of 16 digits and more
    int64_t rounded_ids = 0;  // of them: with zeros behind the 15th digit
};

struct FunnelFacts {
    std::string dataset;
    LeadIdFacts lead_ids;
    UnixMicros searched_since = 0;   // all events since then were looked at
    UnixMicros since = 0;            // the oldest event that was looked at
    int64_t leads = 0;               // known to the queue
    int64_t leads_sent = 0;          // with an event that Meta has
    int64_t out_of_order = 0;        // leads with an earlier stage sent after a later one
    std::vector<StageFacts> stages;  // of what was sent
    std::string sample_event;        // JSON of an event of this dataset, as it is sent
};

// Appends a finding for each check from kLeadVolume to kOptimisedStage. What cannot be judged,
// because there was no event or none was sent, warns: it was not found to be well.
void JudgeFunnel(const FunnelFacts& facts, UnixMicros now, Findings* findings);

// ---- A watch ----

// The reason that most of a watch's latest events were parked for when they were enqueued.
struct ParkedShare {
    Reason reason = Reason::kNone;  // kNone = none was parked
    int64_t parked = 0;             // for this reason
    int64_t events = 0;             // of so many
};

// Values of one key that could not be used, for one cause.
struct DroppedFacts {
    std::string key;
    std::string cause;  // DropCauseCode()
    int64_t values = 0;
};

struct WatchFacts {
    std::string target;
    std::string problem;  // empty = it is intact
    std::string hint;     // empty = the check's own
    // Columns of type timestamp without time zone that are read as times, and arguments that make
    // a time of such values.
    std::string bare_timestamps;
    std::vector<DroppedFacts> dropped;  // within a week; the most frequent first
    uint32_t trigger = 0;               // OID of the trigger, by which events name their watch
    ParkedShare parked;
};

// Appends three findings: whether the watch works, whether it reads times without a time zone, and
// how many values of identities it had to drop.
void JudgeWatch(const WatchFacts& facts, Findings* findings);

}  // namespace crm_capi
