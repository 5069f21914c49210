// dataset_queue_work_test.cpp - one dataset's queue under random work, beside a plain model.
//
// Events are owed, loaded or found to be gone, sent in several batches at once, and delivered,
// returned, refused or expired in any order. A failing seed is run again with its steps written
// out.
#include "core/dispatch/dataset_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "queued_events.hpp"
#include "seeds.hpp"

namespace crm_capi {
namespace {

class WorkOfQueue : public DrawnTrial {
public:
    WorkOfQueue(uint32_t seed, bool keep_trace) : DrawnTrial(seed, keep_trace) {
        leads_ = Pick(1, 12);
        bad_percent_ = Pick(0, 30);
        return_percent_ = Pick(0, 40);
        max_in_flight_ = static_cast<size_t>(Pick(1, 6));
    }

    // Empty, or what went wrong.
    std::string Run() {
        for (int step = 0; step < 250 && failure_.empty(); ++step) {
            Step(Pick(1, 100));
            Check();
        }
        return_percent_ = 0;
        for (int step = 0; step < 100000 && !order_.empty() && failure_.empty(); ++step) {
            Step(Pick(21, 100));
            Check();
        }
        if (!order_.empty() || queue_.HasWaiting()) {
            Fail("the queue does not run dry");
        }
        return failure_;
    }

private:
    struct Known {
        int64_t lead;
        bool loaded;
        bool in_flight;
        bool in_part;  // of a refused batch
    };

    void NoteBatch(const char* what, const Batch& batch) {
        if (keep_trace_) {
            trace_ << what << " (split of " << batch.split_of << "):";
            for (const Event& event : batch.events) {
                trace_ << ' ' << event.id << '/' << event.lead_id;
            }
            trace_ << '\n';
        }
    }

    void Step(int dice) {
        if (dice <= 20) {
            Owe();
        } else if (dice <= 40) {
            LoadSome();
        } else if (dice <= 70 && flights_.size() < max_in_flight_) {
            Send();
        } else if (!flights_.empty()) {
            Answer();
        }
    }

    // New ids, and now and then stragglers with smaller ones.
    void Owe() {
        for (int count = Pick(1, 15); count > 0; --count) {
            int64_t id = ++last_id_;
            if (Chance(10)) {
                left_out_.push_back(id);
                continue;
            }
            if (!left_out_.empty() && Chance(10)) {
                id = left_out_.back();
                left_out_.pop_back();
                --last_id_;
            }
            const int64_t lead = Pick(0, leads_);
            known_[id] = Known{lead, false, false, false};
            order_.push_back(id);
            queue_.Owe(id);
            Note("owe ", id, " of lead ", lead);
        }
    }

    void LoadSome() {
        IdRange range{};
        if (!queue_.TakeIds(Pick(1, 20), &range)) {
            return;
        }
        Note("load ", range.first, " to ", range.last);
        for (int64_t id = range.first; id <= range.last; ++id) {
            if (Chance(3)) {
                Note("  ", id, " is gone");  // erased from the log
                Forget(id);
                continue;
            }
            known_.at(id).loaded = true;
            Event event;
            event.id = id;
            event.lead_id = known_.at(id).lead;
            queue_.Load(std::move(event), 1);
        }
    }

    void Send() {
        const auto max_events = static_cast<size_t>(Pick(1, 25));
        const auto max_part = static_cast<size_t>(Pick(1, 25));
        Batch batch;
        if (queue_.NextBatch(max_events, max_part, &batch)) {
            NoteBatch("send", batch);
            CheckOrder(batch);
            for (const Event& event : batch.events) {
                known_.at(event.id).in_flight = true;
            }
            if (batch.events.size() > (batch.split_of == 0 ? max_events : max_part)) {
                Fail("more events than wished for");
            }
            flights_.push_back(std::move(batch));
            if (flights_.back().split_of != 0 || flights_.back().events.size() == max_events) {
                return;
            }
        }
        CheckNothingMayGo();
    }

    void Answer() {
        const auto at = flights_.begin() + Pick(0, static_cast<int>(flights_.size()) - 1);
        Batch batch = std::move(*at);
        flights_.erase(at);
        if (Chance(15) && !batch.events.empty()) {
            Expire(&batch);
        }
        for (const Event& event : batch.events) {
            known_.at(event.id).in_flight = false;
        }
        if (Chance(return_percent_) && !batch.events.empty()) {
            NoteBatch("return", batch);
            queue_.Return(std::move(batch));
        } else if (Chance(bad_percent_) && batch.events.size() > 1) {
            NoteBatch("split", batch);
            for (const Event& event : batch.events) {
                known_.at(event.id).in_part = true;
            }
            queue_.Split(std::move(batch));
        } else {
            NoteBatch("settle", batch);
            for (const Event& event : batch.events) {
                Forget(event.id);
            }
            queue_.Settle(batch);
        }
    }

    // Some of the batch's events leave it.
    void Expire(Batch* batch) {
        Batch expired;
        Batch alive;
        alive.split_of = batch->split_of;
        for (Event& event : batch->events) {
            (Chance(40) ? expired : alive).events.push_back(std::move(event));
        }
        NoteBatch("expire", expired);
        for (const Event& event : expired.events) {
            Forget(event.id);
        }
        queue_.Settle(expired);
        *batch = std::move(alive);
    }

    void Forget(int64_t id) {
        known_.erase(id);
        order_.erase(std::find(order_.begin(), order_.end(), id));
    }

    // Of each lead the batch holds its first owed events, in order: so none is under way elsewhere.
    void CheckOrder(const Batch& batch) {
        std::map<int64_t, Ids> owed_of_lead;
        for (const int64_t id : order_) {
            owed_of_lead[known_.at(id).lead].push_back(id);
        }
        std::map<int64_t, size_t> sent_of_lead;
        for (const Event& event : batch.events) {
            const auto known = known_.find(event.id);
            if (known == known_.end() || known->second.in_flight || !known->second.loaded ||
                known->second.in_part != (batch.split_of != 0)) {
                Fail("event " + std::to_string(event.id) + " must not be in this batch");
            } else if (event.lead_id != kNoLead &&
                       owed_of_lead[event.lead_id][sent_of_lead[event.lead_id]++] != event.id) {
                Fail("event " + std::to_string(event.id) + " goes before its turn");
            }
        }
    }

    // Whatever is loaded and not under way belongs to a lead that is.
    void CheckNothingMayGo() {
        std::set<int64_t> busy;
        for (const auto& [id, known] : known_) {
            if (known.in_flight || known.in_part) {
                busy.insert(known.lead);
            }
        }
        for (const auto& [id, known] : known_) {
            const bool waits = known.loaded && !known.in_flight && !known.in_part;
            if (waits && (known.lead == kNoLead || busy.count(known.lead) == 0)) {
                Fail("event " + std::to_string(id) + " could go and was left");
            }
        }
    }

    void Check() {
        std::vector<IdRange> ranges;
        size_t waiting = 0;
        size_t ready = 0;
        for (const auto& [id, known] : known_) {
            ranges.push_back(IdRange{id, id});
            waiting += !known.in_flight;
            ready += known.loaded && !known.in_flight && !known.in_part;
        }
        const IdSet expected(std::move(ranges));
        const IdSet owed = queue_.Owed();
        if (!(owed.ranges() == expected.ranges())) {
            Fail("owed " + owed.ToMultirange() + ", expected " + expected.ToMultirange());
        }
        if (queue_.CountOwed() != expected.Count()) {
            Fail("owes " + std::to_string(queue_.CountOwed()) + ", expected " +
                 std::to_string(expected.Count()));
        }
        if (queue_.HasWaiting() != (waiting > 0)) {
            Fail(std::to_string(waiting) + " are waiting, HasWaiting does not say so");
        }
        if (queue_.ready_count() != ready) {
            Fail(std::to_string(queue_.ready_count()) + " ready, expected " +
                 std::to_string(ready));
        }
    }

    int leads_;
    int bad_percent_;
    int return_percent_;
    size_t max_in_flight_;

    DatasetQueue queue_;
    std::vector<Batch> flights_;
    int64_t last_id_ = 0;
    Ids left_out_;                    // ids that were not visible when their neighbours were owed
    Ids order_;                       // owed ids in the order in which they were owed
    std::map<int64_t, Known> known_;  // the same ids
};

TEST(DatasetQueueWork, KeepsOrderAndOwedSetWhateverIsAnswered) {
    ExpectAllSeedsSucceed<WorkOfQueue>(200);
}

}  // namespace
}  // namespace crm_capi
