// dispatcher.hpp - decides what is sent, when, and what an answer means for its events.
//
// The shipper's brain, without hands: it is told what is owed, what the time is and what was
// answered, and says what to load, what to write down and what to send. It does no I/O and knows no
// clock, so every rule can be tested as a table. One turn of the shipper
// (src/pg/shipper/shipper.cpp):
//
//   Owe ...                 the reader found events
//   Answered ...            the transport brought answers   -> ended()    written down
//   NextLoad / Load ...     events are fetched from the log
//   Prepare                 batches become requests         -> outgoing() written down, committed
//   outgoing() are sent
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/dispatch/dataset_config.hpp"
#include "core/dispatch/dataset_queue.hpp"
#include "core/dispatch/doubts.hpp"
#include "core/dispatch/request_size.hpp"
#include "core/answer/answer_record.hpp"
#include "core/answer/http.hpp"
#include "core/ids/id_bits.hpp"
#include "core/ids/id_set.hpp"
#include "core/answer/pacing.hpp"
#include "core/event/reason.hpp"

namespace crm_capi {

// A request about to be sent.
struct OutgoingRequest {
    int64_t request = 0;  // set by the shipper when it has written the request down
    int dataset = 0;      // number in the log
    IdSet events;
    int event_count = 0;
    bool dry_run = false;  // written down as finished, not sent
    HttpRequest http;
};

// kSlowed: requests go, but with pauses, because Meta says that its limit is nearly used up.
enum class Health { kOk, kSlowed, kRetrying, kHeld, kPaused };
const char* HealthName(Health health);
// kOk for a name that is none.
Health HealthFromName(std::string_view name);

// What capi_dataset shows.
struct DatasetHealth {
    Health health = Health::kOk;
    Reason reason = Reason::kNone;
    std::string detail;
    UnixMicros next_attempt_at = 0;  // 0 = at once, or not before something changes
    size_t request_size = 0;         // events a request may carry; 0 = as many as are set
    int failures = 0;                // in a row
};

struct HealthChange {
    uint32_t server;
    std::string name;
    DatasetHealth now;
    bool announce;  // health or reason changed, not only the time of the next attempt
};

// What a dataset owes, for those who look on.
struct OwedOfDataset {
    int dataset;  // main number in the log
    int64_t owed;
    int64_t in_flight;
    int64_t in_doubt;
};

class Dispatcher {
public:
    // Datasets as they are set now. Known ones keep what they owe; a dataset that changed is tried
    // again at once. What is owed to a dataset that is gone stays owed.
    void Configure(std::vector<DatasetConfig> configs);
    // The dataset with this number fared so when an earlier shipper gave its slot to another
    // database: its pause goes on, and grows from there. To be called after Configure.
    void Resume(int number, const DatasetHealth& health);
    // An event was seen of a dataset that Configure did not name.
    bool NeedsConfiguration() const { return unknown_dataset_seen_; }

    void Owe(int dataset, int64_t event);
    // All that operators have cancelled. What of it is in flight may be delivered all the same, but
    // does not go again.
    void Drop(const IdSet& events);
    // What may have been delivered by requests of earlier shippers.
    void SetDoubts(Doubts doubts) { doubts_ = std::move(doubts); }

    // The next run of at most max_count ids that should be fetched from the log, of any dataset or
    // of one without a full batch; false if nothing more can be used now. Each event found is
    // handed over by Load.
    enum class Whose { kAny, kWithoutFullBatch };
    bool NextLoad(UnixMicros now, Whose whose, int64_t max_count, IdRange* range);
    // Whether an event of this dataset, which was seen just now and may go at once, can be handed
    // over by Load instead of by Owe: nothing of the dataset waits to be loaded before it.
    bool LoadsAtOnce(int dataset, UnixMicros now);
    void Load(Event event);
    // Whether NextLoad would have more.
    bool WantsLoad(UnixMicros now) const;
    // Whether enough is loaded for a full request that could go now, unless its leads are busy.
    bool HasFullBatch(UnixMicros now) const;

    // Appends the loaded events that the next requests may carry and that need a recheck first.
    // What has failed it ends here, unsent.
    void AppendRechecks(UnixMicros now, std::vector<int64_t>* ids) const;
    void EndUnsent(std::vector<EndedEvent> ended);

    // Conditions are checked by somebody who may take his time; only what waits for one waits.
    // AppendWatchesToCheck says of which watches, TakeConditions gives at most so many events of
    // one, and of each the dispatcher is to be told what became of it. That a condition holds
    // counts for one attempt, and not for long.
    void AppendWatchesToCheck(UnixMicros now, std::vector<std::string>* watches);
    void TakeConditions(const std::string& watch, size_t most, UnixMicros now,
                        std::vector<ConditionToCheck>* taken);
    void ConditionHolds(int64_t event, UnixMicros now);
    // They do not, or nobody will ever tell: the events end. All of a turn at once: looking for
    // them costs as much as for one.
    void ConditionsEnd(std::vector<EndedEvent> ended);
    // Nobody can tell now: asked again after a pause, or, if its time would be over by then, the
    // event ends as `ended` says.
    void ConditionUnknown(EndedEvent ended, UnixMicros now);
    // Whoever was asked has not answered.
    void AskAgain(int64_t event);
    // Whether there ever was one to check; how many events wait, for a condition or for one that
    // does, of how many of them nobody could tell so far, and whether a shelf takes no more.
    bool HasConditions() const { return conditions_seen_; }
    struct Conditions {
        int64_t waiting = 0;
        int64_t postponed = 0;
    };
    Conditions CountConditions() const;

    // Makes requests of what is loaded; at most max_requests. Events that must not go any more end
    // here.
    void Prepare(UnixMicros now, int max_requests);
    std::vector<OutgoingRequest>& outgoing() { return outgoing_; }
    // The request with this index in outgoing() is on its way under this ticket.
    void Sent(size_t index, uint64_t ticket);

    // What Prepare made does not leave after all, although it is on record: nobody has confirmed
    // that the record stays. Nothing was sent, so the events go again as if for the first time.
    void Withhold(UnixMicros now);

    // From here on nothing is begun: what goes are parts of refused batches, which would have to be
    // parted anew. And whether there are any that can go.
    void FinishOnly(bool only) { finishes_only_ = only; }
    bool IsParting(UnixMicros now) const;

    // Judges an answer. `random` is uniform over all 64-bit values.
    void Answered(const HttpAnswer& answer, UnixMicros now, uint64_t random);

    std::vector<AnswerRecord>& ended() { return ended_; }
    // Events that ended without a request: their seven days are over, they have been in doubt for
    // so long that Meta would take them for new ones, or they failed a recheck.
    std::vector<EndedEvent>& overdue() { return overdue_; }
    // Health changes since the last call.
    std::vector<HealthChange> TakeHealthChanges(UnixMicros now);

    // When the next turn is due: `now` if something can go that no answer will wake us for, else
    // when the first pause ends; 0 = nothing waits for time to pass.
    UnixMicros NextDue(UnixMicros now);

    // A dataset is held: what holds it may have been put right where no message tells of it, in a
    // token file.
    bool HasHeld() const;
    bool HasOwed() const;
    // All owed ids, in flight or not.
    IdBits OwedBits() const;
    IdSet Owed() const { return OwedBits().ToSet(); }
    // How many there are, each dataset once; and the lowest of a dataset, so many at most.
    std::vector<OwedOfDataset> OwedByDataset() const;
    IdSet FirstOwed(int dataset, int64_t count) const;
    // Of how many events it is remembered that they may have been delivered.
    int64_t DoubtsHeld() const { return doubts_.events().Count(); }
    // The oldest request in flight, or 0.
    int64_t OldestRequestInFlight() const;

private:
    struct Dataset {
        DatasetConfig config;
        DatasetQueue queue;
        bool configured = false;  // named by the latest Configure
        int in_flight = 0;
        bool was_full = false;  // its latest request: what is left to load is of a long backlog
        int failures = 0;       // in a row; > 0: one request at a time
        RequestSize size;
        // Begins anew with each failure and each change of settings. What a request of an earlier
        // era meets does not tell how the dataset fares now.
        uint64_t era = 0;
        UnixMicros not_before = 0;
        // While it may not send: when the next loaded event is overdue. 0 = nobody has looked yet;
        // the turn in which the pause begins does.
        UnixMicros sweep_at = 0;
        UnixMicros shelf_sweep_at = 0;  // while it may send: when to look at the shelf
        DatasetHealth health;           // as of the latest answer
        DatasetHealth reported;
        bool must_report = false;  // even if it has not changed
    };
    struct Flight {
        Dataset* dataset;
        int64_t request;
        uint64_t era;  // of the dataset, when the request was made
        UnixMicros made_at;
        Batch batch;
    };

    // A dataset that may load so many events more before the round is over.
    struct LoadTurn {
        int64_t next;  // id of the first of them
        int64_t most;
        Dataset* dataset;
        bool operator<(const LoadTurn& other) const { return next > other.next; }
    };

    Dataset* FindOrAdd(const DatasetConfig& config);
    void TakeOver(int number, Dataset* dataset);
    bool HasFullBatch(const Dataset& dataset) const;
    bool WantsLoad(const Dataset& dataset, UnixMicros now) const;
    bool IsOpen(const Dataset& dataset) const;
    bool MayEndUnsent(const Dataset& dataset, UnixMicros now) const;
    bool MustSweep(const Dataset& dataset, UnixMicros now) const;
    size_t CountWanted(const Dataset& dataset, size_t batch_size) const;
    size_t CountToLoad(const Dataset& dataset, UnixMicros now) const;
    void Enlist(Dataset* dataset, int64_t most);
    bool IsRoundWorthwhile(UnixMicros now) const;
    void BeginRound(UnixMicros now);
    bool LoadInRound(UnixMicros now, Whose whose, int64_t max_count, IdRange* range);
    void Sweep(Dataset* dataset, UnixMicros now);
    void SweepShelf(Dataset* dataset, UnixMicros now);
    size_t CountToCheck(const Dataset& dataset, const std::string& watch, UnixMicros now) const;
    void TakePermission(Event* event);
    void ForgetPermissions(const IdSet& events);
    void EndOverdue(const Dataset& dataset, const OverdueEvent& overdue);
    void HeedClock(UnixMicros now);
    void NoteDoubt(Flight* flight);
    void ForgetDoubts(const Batch& batch);
    void ReturnBatch(Dataset* dataset, Batch batch);
    bool MaySend(const Dataset& dataset, UnixMicros now) const;
    static void PauseUntil(Dataset* dataset, UnixMicros until);
    int FreeSlots(const Dataset& dataset) const;
    static size_t LargestRequest(const Dataset& dataset);
    static size_t BatchSize(const Dataset& dataset);
    void MakeRequests(UnixMicros now, int max_requests);
    bool PrepareOne(Dataset* dataset, UnixMicros now);
    void DropOverdue(Dataset* dataset, Batch* batch, UnixMicros now);
    static void NoteSize(const Flight& flight, const Verdict& verdict);
    void Succeeded(const Flight& flight, const Pace& pace, UnixMicros now);
    void Failed(const Flight& flight, const Verdict& verdict, const AnswerRecord& ended,
                UnixMicros pause, UnixMicros now, uint64_t random);
    void EndEvents(Flight* flight, const Verdict& verdict, AnswerRecord* ended);
    static DatasetHealth CurrentHealth(const Dataset& dataset, UnixMicros now);

    std::list<std::unique_ptr<Dataset>> datasets_;
    std::unordered_map<int, Dataset*> by_number_;
    bool unknown_dataset_seen_ = false;
    bool finishes_only_ = false;
    bool rechecks_seen_ = false;           // most databases never have one
    bool conditions_seen_ = false;         // likewise
    std::priority_queue<LoadTurn> round_;  // the smallest id first
    size_t loaders_ = 0;                   // how many could load and send when the round began
    Dataset* loading_ = nullptr;           // what Load gives to
    std::vector<OutgoingRequest> outgoing_;
    std::vector<Flight> departing_;  // same index as outgoing_
    std::unordered_map<uint64_t, Flight> flights_;
    std::vector<AnswerRecord> ended_;
    std::vector<EndedEvent> overdue_;
    // Events on their way back from a shelf, and when their condition was found to hold.
    std::unordered_map<int64_t, UnixMicros> permitted_;
    Doubts doubts_;
    UnixMicros clock_ = 0;  // latest time told
    IdSet dropped_;         // as of the latest Drop; what of it is in flight does not go again
};

}  // namespace crm_capi
