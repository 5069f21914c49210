// dataset_queue.hpp - what one dataset still owes, and what may go out next.
//
//   shelf          loaded events whose watch's condition is to be checked first (shelf.hpp)
//   overflow       those for which the shelf has no room; they are loaded again when it has
//   returning      ids that came off the shelf: they are loaded again, before the backlog
//   backlog        ids known to be owed, not loaded yet; a quarter of a byte each, or a little more
//   ready          loaded events, in the order in which they must go
//   split batches  parts of refused batches, to be sent one after the other
//   in flight      batches handed out by NextBatch and not settled yet
//
// Order is kept by lanes: while an event of a lead is in flight or in a part, the lead's later
// events stay in `ready` and other leads overtake them. Within a batch a lead's events lie in
// order, so one batch may carry several of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/dispatch/bisection.hpp"
#include "core/dispatch/overflow.hpp"
#include "core/dispatch/ready_events.hpp"
#include "core/dispatch/shelf.hpp"
#include "core/event/event.hpp"
#include "core/ids/id_bits.hpp"
#include "core/ids/id_queue.hpp"
#include "core/ids/id_set.hpp"
#include "core/event/reason.hpp"

namespace crm_capi {

// Events that go out in one request.
struct Batch {
    std::vector<Event> events;
    // 0 for a fresh batch; else the refused batch of which this is a part.
    uint64_t split_of = 0;
};

IdSet IdsOf(const std::vector<Event>& events);

// An event that is not to be sent any more, and why.
struct OverdueEvent {
    Event event;
    Reason reason;  // kDeadlinePassed or kDoubtTooOld
};

// Takes the events out that must not go in a request which may take up to `margin`.
std::vector<OverdueEvent> TakeOverdue(std::vector<Event>* events, UnixMicros now,
                                      UnixMicros margin);

// About so many bytes of events are loaded in advance, but one request at least: events differ in
// size by a factor of a hundred.
constexpr size_t kMostBytesLoaded = size_t{32} * 1024 * 1024;

class DatasetQueue {
public:
    explicit DatasetQueue(size_t most_on_shelf = kMostOnShelf) : most_on_shelf_(most_on_shelf) {}

    // The reader found an owed event. Ids come in the order in which they must go.
    void Owe(int64_t id);

    // Owed events that were found elsewhere; the backlog is in the order of ids afterwards.
    void OweInOrder(const IdSet& ids);

    // The next run of at most max_count ids to load, taken off the backlog; false if it is empty.
    bool TakeIds(int64_t max_count, IdRange* range);
    // The first id that TakeIds would take; something must be there that can be loaded.
    int64_t NextToLoad() const;

    // An event taken by TakeIds has been read from the log. A request will take `batch_size`
    // events.
    void Load(Event&& event, size_t batch_size);

    // Fills *batch with at most max_events that may go now, leaving out every event whose lead is
    // busy, and makes their leads busy. False if nothing may go. A part of a refused batch goes
    // before everything else, and has at most max_part events. What has waited for too long since
    // its condition was checked goes back to the shelf instead.
    bool NextBatch(size_t max_events, size_t max_part, Batch* batch, UnixMicros now = 0);

    // Meta has the batch's events.
    void Deliver(const Batch& batch);

    // The batch's events are done with in another way.
    void Settle(const Batch& batch);

    // The batch goes again: its events return to the front, in order.
    void Return(Batch batch);

    // The batch was refused for one of its events: it goes again in parts, one after the other.
    // Their leads stay busy until all are settled. The batch has at least two events.
    void Split(Batch batch);

    // These events are not to be sent; what is in flight stays so.
    void Drop(const IdSet& ids);

    // Takes the loaded events that must not go any more out of the queue, and says when the next of
    // the loaded ones must not (0 = none is loaded).
    std::vector<OverdueEvent> TakeOverdueEvents(UnixMicros now, UnixMicros margin,
                                                UnixMicros* next);

    // The same for the events on the shelf alone.
    std::vector<OverdueEvent> TakeOverdueShelved(UnixMicros now, UnixMicros margin,
                                                 UnixMicros* next);

    // Appends the ids of loaded events that wait and need a recheck.
    void AppendRechecks(std::vector<int64_t>* ids) const;

    // Appends the watches of which a condition is to be checked, each once.
    void AppendWatches(UnixMicros now, std::vector<std::string>* watches);
    // Appends at most so many events of the watch that wait for nothing but their condition.
    void TakeConditions(const std::string& watch, size_t most, UnixMicros now,
                        std::vector<ConditionToCheck>* taken);

    // What became of it: the condition holds, and true if the event is to be loaded again for that;
    // nobody can tell now; nobody has answered.
    bool Permit(int64_t id, UnixMicros now);
    UnixMicros PostponeCondition(int64_t id, UnixMicros now) { return shelf_.Postpone(id, now); }
    void AskAgain(int64_t id) { shelf_.AskAgain(id); }
    // For those who count.
    const Shelf& shelf() const { return shelf_; }
    int64_t overflow_count() const { return overflow_.Count(); }
    // The clock was put back.
    void EndPauses() { shelf_.EndPauses(); }

    // When something on the shelf is due: a condition to be asked for again, or the end of the time
    // for which a refused batch waits for conditions; 0 = nothing waits for time to pass.
    UnixMicros NextShelfDue() const;

    size_t ready_count() const { return ready_.size(); }
    // So many events as large as the latest ones fit in kMostBytesLoaded; a few if none was seen.
    size_t CountThatFits() const {
        constexpr size_t kBeforeTheFirst = 256;
        return bytes_each_ == 0 ? kBeforeTheFirst : kMostBytesLoaded / bytes_each_;
    }
    // Owed and not loaded.
    size_t backlog_count() const {
        return static_cast<size_t>(returning_.Count() + overflow_.Count() + backlog_.Count());
    }
    int64_t returning_count() const { return returning_.Count(); }
    // Something is owed that is not in flight.
    bool HasWaiting() const;
    // Likewise; it is loaded, and does not wait for a condition alone.
    bool HasSendable(UnixMicros now) const;
    // Refused batches are on their way through bisection.
    bool HasParts() const { return !split_batches_.empty(); }
    // Something is owed that is not loaded.
    bool HasBacklog() const { return backlog_count() > 0; }
    // Likewise, and there is room for it.
    bool CanLoad() const {
        return !backlog_.empty() || !returning_.empty() ||
               (!overflow_.empty() && RoomOnShelf() > 0);
    }
    int64_t in_flight_count() const { return in_flight_.Count(); }
    // All that is owed, in flight or not.
    void AddOwedTo(IdBits* ids) const;
    IdSet Owed() const;
    int64_t CountOwed() const;

private:
    // A refused batch on its way through bisection.
    struct SplitBatch {
        uint64_t number;
        Bisection bisection;
        UnixMicros awaits_since = 0;  // a condition; 0 = none of its events does
    };

    // How many more events it takes; below zero while more than fit came back.
    int64_t RoomOnShelf() const {
        return static_cast<int64_t>(most_on_shelf_) - static_cast<int64_t>(shelf_.size());
    }
    bool NextPart(size_t max_part, UnixMicros now, Batch* batch);
    void Shelve(const Event& event);
    void EmptyOverflow();
    void ShelveReturned();
    void ShelveStale(UnixMicros now);
    void ShelvePart(SplitBatch* split, UnixMicros now);
    template <class MustWait>
    void ShelveReady(const MustWait& must_wait);
    void LoadAgain(const std::vector<int64_t>& released);
    // Whether something of the lead is in flight or in a part.
    bool IsBusy(int64_t lead) const { return busy_leads_.count(lead) != 0; }
    void Occupy(const std::vector<Event>& events);
    void Vacate(const std::vector<Event>& events);
    std::list<SplitBatch>::iterator FindSplit(uint64_t number);
    void ForgetIfOver(std::list<SplitBatch>::iterator split);
    void Leave(const Batch& batch);

    size_t most_on_shelf_;
    IdQueue backlog_;
    IdQueue returning_;
    Shelf shelf_;
    Overflow overflow_;
    bool has_conditions_ = false;  // most queues never see one
    ReadyEvents ready_;
    size_t bytes_each_ = 0;  // a moving average over the latest events
    std::list<SplitBatch> split_batches_;
    uint64_t last_split_number_ = 0;
    std::unordered_map<int64_t, int> busy_leads_;  // lead id -> events under way
    IdSet in_flight_;
};

}  // namespace crm_capi
