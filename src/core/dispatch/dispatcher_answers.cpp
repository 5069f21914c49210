// dispatcher_answers.cpp - what an answer means for the dataset and for the request's events.
#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "core/answer/backoff.hpp"
#include "core/dispatch/dispatcher.hpp"

namespace crm_capi {

namespace {

constexpr UnixMicros kMicrosPerMs = 1000;

// Whether a smaller request might have fared better: the endpoint had trouble of its own, did not
// answer in time or not in its own words, or the connection did not last. A request that found no
// connection has met nobody who could mind its size.
bool MayBeForItsSize(Reason reason) {
    switch (reason) {
        case Reason::kServerError:
        case Reason::kConnectionCut:
        case Reason::kNotProcessed:
        case Reason::kAnswerUnreadable:
            return true;
        default:
            return false;
    }
}

}  // namespace

// First how the dataset fares, then what becomes of the events: the time of the next attempt
// goes into the record.
void Dispatcher::Answered(const HttpAnswer& http, UnixMicros now, uint64_t random) {
    HeedClock(now);
    const auto found = flights_.find(http.ticket);
    if (found == flights_.end()) {
        return;
    }
    Flight flight = std::move(found->second);
    flights_.erase(found);
    Dataset* const dataset = flight.dataset;
    --dataset->in_flight;

    Verdict verdict{};
    AnswerRecord ended =
        RecordAnswer(http, static_cast<int>(flight.batch.events.size()),
                     {dataset->config.access_token, dataset->config.app_secret}, &verdict);
    ended.request = flight.request;
    const Pace pace = PaceAskedFor(http);
    NoteSize(flight, verdict);
    if (verdict.kind == VerdictKind::kDelivered || verdict.kind == VerdictKind::kSplit) {
        Succeeded(flight, pace, now);
    } else {
        Failed(flight, verdict, ended, pace.pause, now, random);
    }
    const bool is_over = verdict.kind == VerdictKind::kDelivered ||
                         (verdict.kind == VerdictKind::kSplit && flight.batch.events.size() == 1);
    ended.next_attempt_at = is_over ? 0 : std::max(dataset->not_before, now);
    EndEvents(&flight, verdict, &ended);
    ended_.push_back(std::move(ended));
}

// What the answer says of the request's size. Of those that fail together one counts, as for the
// dataset's failures.
void Dispatcher::NoteSize(const Flight& flight, const Verdict& verdict) {
    Dataset* const dataset = flight.dataset;
    const size_t events = flight.batch.events.size();
    if (verdict.reason == Reason::kRequestTooLarge) {
        dataset->size.TooLarge(events);
    } else if (verdict.kind == VerdictKind::kDelivered || verdict.kind == VerdictKind::kSplit) {
        dataset->size.GotThrough(events, static_cast<size_t>(dataset->config.batch_size));
    } else if (flight.era == dataset->era && MayBeForItsSize(verdict.reason)) {
        dataset->size.Failed(events);
    }
}

void Dispatcher::Withhold(UnixMicros now) {
    for (size_t i = 0; i < outgoing_.size(); ++i) {
        if (outgoing_[i].dry_run) {
            continue;
        }
        Flight flight = std::move(departing_[i]);
        --flight.dataset->in_flight;
        AnswerRecord ended{};
        ended.request = outgoing_[i].request;
        ended.outcome = OutcomeName(VerdictKind::kRetry);
        ended.events_received = -1;
        ended.reason = Reason::kWithheld;
        ended.next_attempt_at = now;
        ended_.push_back(std::move(ended));
        ReturnBatch(flight.dataset, std::move(flight.batch));
    }
    outgoing_.clear();
    departing_.clear();
}

// The pause counts, whichever answer brings it; how the dataset fares only an answer to a request
// that was made since it last failed can tell.
void Dispatcher::Succeeded(const Flight& flight, const Pace& pace, UnixMicros now) {
    Dataset* const dataset = flight.dataset;
    const bool is_recent = flight.era == dataset->era;
    const UnixMicros until = pace.pause > 0 ? now + pace.pause : 0;
    PauseUntil(dataset, is_recent ? until : std::max(dataset->not_before, until));
    if (!is_recent) {
        return;
    }
    const bool was_slowed = dataset->health.health == Health::kSlowed;
    dataset->failures = 0;
    dataset->health = DatasetHealth();
    if (until != 0 || pace.percentage >= (was_slowed ? kPaceUntilPercent : kPaceFromPercent)) {
        dataset->health.health = Health::kSlowed;
        dataset->health.reason = Reason::kUsageHigh;
        dataset->health.detail = std::to_string(pace.percentage) + " % used";
    }
}

// Requests that were in flight together fail together: that is one failure, not several. But what
// Meta asks for counts, whichever answer brings it.
void Dispatcher::Failed(const Flight& flight, const Verdict& verdict, const AnswerRecord& ended,
                        UnixMicros pause, UnixMicros now, uint64_t random) {
    Dataset* const dataset = flight.dataset;
    UnixMicros until = now + pause;
    if (flight.era == dataset->era) {
        ++dataset->era;
        ++dataset->failures;
        until = std::max(until, now + kMicrosPerMs * BackoffMs(dataset->failures, random, {}));
    } else if (dataset->failures == 0 || until <= dataset->not_before) {
        return;
    }
    PauseUntil(dataset, until);
    dataset->health.health = verdict.kind == VerdictKind::kHold ? Health::kHeld : Health::kRetrying;
    dataset->health.reason = verdict.reason;
    dataset->health.detail = ended.detail;
}

// What was loaded since the last pause has not been looked at for its deadlines.
void Dispatcher::PauseUntil(Dataset* dataset, UnixMicros until) {
    dataset->not_before = until;
    dataset->sweep_at = 0;
}

// What becomes of the events: final, again, or again in parts. Where it was the size, all of them
// simply go again, in requests that are smaller by then.
void Dispatcher::EndEvents(Flight* flight, const Verdict& verdict, AnswerRecord* ended) {
    DatasetQueue& queue = flight->dataset->queue;
    switch (verdict.kind) {
        case VerdictKind::kDelivered:
            queue.Deliver(flight->batch);
            ForgetDoubts(flight->batch);
            break;
        case VerdictKind::kSplit:
            if (flight->batch.events.size() > 1 && verdict.reason == Reason::kRequestTooLarge) {
                ReturnBatch(flight->dataset, std::move(flight->batch));
                break;
            }
            if (flight->batch.events.size() > 1) {
                queue.Split(std::move(flight->batch));
                break;
            }
            ended->events.push_back(EndedEvent{flight->batch.events.front().id, flight->request,
                                               flight->dataset->config.numbers.front(), "parked",
                                               verdict.reason, ended->detail, ended->error_code,
                                               ended->error_subcode});
            queue.Settle(flight->batch);
            ForgetDoubts(flight->batch);
            break;
        case VerdictKind::kRetry:
        case VerdictKind::kSlowDown:
        case VerdictKind::kHold:
            ReturnBatch(flight->dataset, std::move(flight->batch));
            break;
        case VerdictKind::kInDoubt:
            NoteDoubt(flight);
            ReturnBatch(flight->dataset, std::move(flight->batch));
            break;
    }
}

// The oldest doubt counts: it is the first delivery by which Meta would recognise the next one.
void Dispatcher::NoteDoubt(Flight* flight) {
    doubts_.Add(IdsOf(flight->batch.events), flight->made_at);
    for (Event& event : flight->batch.events) {
        if (event.in_doubt_since == 0) {
            event.in_doubt_since = flight->made_at;
        }
    }
}

// What has ended needs no memory of its doubts. Most shippers have none.
void Dispatcher::ForgetDoubts(const Batch& batch) {
    if (!doubts_.events().empty() && !batch.events.empty()) {
        doubts_.Forget(IdsOf(batch.events));
    }
}

// Back to the queue, but for what was cancelled meanwhile.
void Dispatcher::ReturnBatch(Dataset* dataset, Batch batch) {
    const auto kept =
        std::stable_partition(batch.events.begin(), batch.events.end(),
                              [this](const Event& event) { return !dropped_.Contains(event.id); });
    Batch cancelled;
    std::move(kept, batch.events.end(), std::back_inserter(cancelled.events));
    batch.events.erase(kept, batch.events.end());
    dataset->queue.Settle(cancelled);
    ForgetDoubts(cancelled);
    if (batch.events.empty()) {
        dataset->queue.Settle(batch);
    } else {
        dataset->queue.Return(std::move(batch));
    }
}

}  // namespace crm_capi
