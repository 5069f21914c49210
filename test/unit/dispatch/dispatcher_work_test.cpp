// dispatcher_work_test.cpp - many datasets under random answers, settings and clocks, beside a
// plain model of the endpoint.
//
// Whatever happens: an event ends once, as delivered, parked or expired, or is still owed; a bad
// one is parked with its own code and a good one never; a later stage of a lead is never accepted
// while an earlier one is owed. A failing seed is run again with its steps written out.
#include "core/dispatch/dispatcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dispatcher_driver.hpp"
#include "seeds.hpp"

namespace crm_capi {
namespace {

class WorkOfDispatcher : public DrawnTrial {
public:
    WorkOfDispatcher(uint32_t seed, bool keep_trace) : DrawnTrial(seed, keep_trace) {
        const int servers = Pick(1, 8);
        for (int i = 0; i < servers; ++i) {
            AddServer();
        }
        leads_ = Pick(1, 8);
        bad_percent_ = Chance(50) ? 0 : Pick(1, 30);
        fault_percent_ = Pick(0, 60);
        late_percent_ = Chance(50) ? 0 : Pick(1, 20);
        max_requests_ = Pick(1, 16);
        Configure();
    }

    // Empty, or what went wrong.
    std::string Run() {
        for (int step = 0; step < 150 && failure_.empty(); ++step) {
            Step(Pick(1, 100));
            Check();
        }
        Heal();
        for (int step = 0; step < 20000 && shipper_.core.HasOwed() && failure_.empty(); ++step) {
            Step(Pick(21, 80));
        }
        Check();
        if (final_.size() != events_.size()) {
            Fail(std::to_string(events_.size() - final_.size()) + " events never end");
        }
        if (shipper_.core.NextDue(shipper_.now) != 0) {
            Fail("a turn is due for nothing");
        }
        return failure_;
    }

private:
    struct Known {
        uint32_t server;
        int64_t lead;
        int64_t subcode;  // why Meta refuses it; 0 = it does not
    };
    struct Flight {
        uint32_t server;
        UnixMicros sent_at;
        SentRequest request;
    };

    static std::string Text(const Ids& ids) {
        std::string text;
        for (const int64_t id : ids) {
            text += ' ' + std::to_string(id);
        }
        return text;
    }

    void Step(int dice) {
        if (dice <= 18) {
            Owe();
        } else if (dice <= 20) {
            Change();
        } else if (dice <= 45) {
            Turn();
        } else if (dice <= 75 && !flights_.empty()) {
            Answer();
        } else {
            const UnixMicros due = shipper_.core.NextDue(shipper_.now);
            shipper_.now += Pick(1, 2000) * kMillisecond;
            shipper_.now = Chance(50) ? std::max(due, shipper_.now) : shipper_.now;
        }
    }

    // ---- What users and operators do ----

    void AddServer() {
        DatasetConfig config = Config(++last_server_, {++last_number_});
        config.batch_size = Pick(1, 20);
        config.max_in_flight = Pick(1, 5);
        configs_.push_back(std::move(config));
    }

    void Configure() { shipper_.Configure(configs_); }

    void Owe() {
        const DatasetConfig& config = configs_[static_cast<size_t>(Pick(1, Servers())) - 1];
        for (int count = Pick(1, 12); count > 0; --count) {
            const int64_t lead = Pick(0, leads_);
            const auto number =
                static_cast<size_t>(Pick(1, static_cast<int>(config.numbers.size())));
            const int dataset = config.numbers[number - 1];
            const int64_t id = Chance(late_percent_)
                                   ? shipper_.OweUntil(dataset, Pick(0, 300) * kSecond, lead)
                                   : shipper_.Owe(dataset, lead);
            events_[id] =
                Known{config.server, lead, Chance(bad_percent_) ? 2804001 + Pick(0, 90) : 0};
            Note("owe ", id, " of lead ", lead, " to ", config.server,
                 events_[id].subcode != 0 ? ", bad" : "");
        }
        if (shipper_.core.NeedsConfiguration()) {
            Configure();
        }
    }

    void Change() {
        DatasetConfig& config = configs_[static_cast<size_t>(Pick(1, Servers())) - 1];
        switch (Pick(1, 6)) {
            case 1:
                config.mode = config.mode == Mode::kLive ? Mode::kPaused : Mode::kLive;
                break;
            case 2:
                config.hold = config.hold == Reason::kNone ? Reason::kTokenMissing : Reason::kNone;
                break;
            case 3:
                ++config.resumes;
                break;
            case 4:
                config.batch_size = Pick(1, 20);
                config.max_in_flight = Pick(1, 5);
                break;
            case 5:  // registered twice
                config.numbers.push_back(++last_number_);
                break;
            default:  // dropped and created again
                for (auto& [id, known] : events_) {
                    known.server = known.server == config.server ? last_server_ + 1 : known.server;
                }
                for (Flight& flight : flights_) {
                    flight.server =
                        flight.server == config.server ? last_server_ + 1 : flight.server;
                }
                config.server = ++last_server_;
        }
        Note("change ", config.server);
        Configure();
    }

    void Heal() {
        Note("heal");
        fault_percent_ = 0;
        for (DatasetConfig& config : configs_) {
            config.mode = Mode::kLive;
            config.hold = Reason::kNone;
        }
        Configure();
    }

    int Servers() const { return static_cast<int>(configs_.size()); }

    // ---- What the shipper does ----

    void Turn() {
        std::vector<SentRequest> sent = shipper_.Turn(max_requests_);
        if (static_cast<int>(sent.size()) > max_requests_) {
            Fail("more requests than wished for");
        }
        for (SentRequest& request : sent) {
            Note("send ", request.request, " to ", request.dataset, ":", Text(request.ids));
            Leave(std::move(request));
        }
        for (const EndedEvent& event : shipper_.core.overdue()) {
            Note(event.status, " ", event.event);
            const bool is_due =
                event.reason == Reason::kDeadlinePassed
                    ? PastDeadline(event.event)
                    : event.reason == Reason::kDoubtTooOld && PastDoubt(event.event);
            if (!is_due) {
                Fail(std::to_string(event.event) + " ends too early");
            }
            End(event.event);
        }
        shipper_.core.overdue().clear();
    }

    void Leave(SentRequest request) {
        const auto config = std::find_if(
            configs_.begin(), configs_.end(),
            [&](const DatasetConfig& c) { return c.numbers.front() == request.dataset; });
        if (config == configs_.end() || config->mode != Mode::kLive ||
            config->hold != Reason::kNone) {
            Fail("a request of a dataset that may not send");
            return;
        }
        const auto in_flight =
            std::count_if(flights_.begin(), flights_.end(),
                          [&](const Flight& flight) { return flight.server == config->server; });
        if (in_flight >= config->max_in_flight) {
            Fail("more than max_in_flight to " + std::to_string(config->server));
        }
        for (const int64_t id : request.ids) {
            if (events_.at(id).server != config->server) {
                Fail(std::to_string(id) + " goes to the wrong dataset");
            }
            if (final_.count(id) != 0 || !in_flight_.insert(id).second || PastDeadline(id) ||
                PastDoubt(id)) {
                Fail(std::to_string(id) + " must not be sent");
            }
        }
        flights_.push_back(Flight{config->server, shipper_.now, std::move(request)});
    }

    bool PastDeadline(int64_t id) const {
        return DeadlinePassed(shipper_.log.at(id).event_time, shipper_.now, 30 * kSecond);
    }

    bool PastDoubt(int64_t id) const {
        const auto doubt = in_doubt_since_.find(id);
        return doubt != in_doubt_since_.end() &&
               shipper_.now + 30 * kSecond >= doubt->second + 48 * kHour;
    }

    // ---- What the endpoint does ----

    void Answer() {
        const auto at = flights_.begin() + Pick(0, static_cast<int>(flights_.size()) - 1);
        const SentRequest request = std::move(at->request);
        const UnixMicros sent_at = at->sent_at;
        flights_.erase(at);
        for (const int64_t id : request.ids) {
            in_flight_.erase(id);
        }
        const HttpAnswer answer = Chance(fault_percent_) ? Fault(request) : Judge(request);
        const AnswerRecord ended = shipper_.Answer(request, answer, Draw());
        Note("answer ", request.request, ": ", ended.outcome, " ", ended.detail);
        for (const EndedEvent& event : ended.events) {
            Note("parked ", event.event);
            if (event.error_subcode != events_.at(event.event).subcode) {
                Fail(std::to_string(event.event) + " is parked without reason");
            }
            End(event.event);
        }
        if (std::string(ended.outcome) == "in_doubt") {
            for (const int64_t id : request.ids) {
                in_doubt_since_.emplace(id, sent_at);
            }
        }
        if (std::string(ended.outcome) == "delivered") {
            std::for_each(request.ids.begin(), request.ids.end(), [&](int64_t id) { End(id); });
        }
    }

    uint64_t Draw() { return (uint64_t{random_()} << 32) | random_(); }

    HttpAnswer Judge(const SentRequest& request) {
        for (const int64_t id : request.ids) {
            if (events_.at(id).subcode != 0) {
                return Refused(100, events_.at(id).subcode);
            }
        }
        Accept(request.ids);
        return Accepted(request.ids.size());
    }

    HttpAnswer Fault(const SentRequest& request) {
        const size_t events = request.ids.size();
        HttpAnswer judged = Judge(request);  // the fault comes after it, or before; see below
        switch (Pick(1, 10)) {
            case 1:
                return Lost(TransportResult::kMaybeDelivered);
            case 2:
                return Lost(TransportResult::kAnswerTooLarge);
            case 3:
                return Accepted(events + 1);
            case 4:
                return Reply(200, judged.body.substr(0, judged.body.size() / 2));
            case 5:
                return Lost(TransportResult::kNotSent);
            case 6:
                return Reply(503, "<html>");
            case 7:
                return Throttled(Pick(0, 5));
            case 8:
                return TokenRefused();
            case 9:
                return events > 1 ? Reply(413, "") : Refused(2);
            default:
                return Reply(429, "");
        }
    }

    // Meta takes the events in: earlier stages must be final, or precede in the same request.
    void Accept(const Ids& ids) {
        std::set<int64_t> before;
        for (const int64_t id : ids) {
            const Known& known = events_.at(id);
            for (auto at = events_.begin(); at->first != id && known.lead != 0; ++at) {
                if (at->second.lead == known.lead && at->second.server == known.server &&
                    final_.count(at->first) == 0 && before.count(at->first) == 0) {
                    Fail(std::to_string(id) + " overtakes " + std::to_string(at->first));
                }
            }
            before.insert(id);
        }
    }

    // ---- What must be true ----

    void End(int64_t id) {
        if (!final_.insert(id).second) {
            Fail(std::to_string(id) + " ends twice");
        }
    }

    void Check() {
        std::vector<IdRange> ranges;
        for (const auto& [id, known] : events_) {
            if (final_.count(id) == 0) {
                ranges.push_back(IdRange{id, id});
            }
        }
        const std::string expected = IdSet(std::move(ranges)).ToMultirange();
        if (shipper_.Owed() != expected) {
            Fail("owed " + shipper_.Owed() + ", expected " + expected);
        }
        if (shipper_.core.HasOwed() != (expected != "{}")) {
            Fail("HasOwed is wrong");
        }
        const bool someone_flies = shipper_.core.OldestRequestInFlight() != 0;
        if (someone_flies != !flights_.empty()) {
            Fail("OldestRequestInFlight is wrong");
        }
    }

    int leads_ = 1;
    int bad_percent_ = 0;
    int fault_percent_ = 0;
    int late_percent_ = 0;  // events whose deadline is near
    int max_requests_ = 1;

    DispatcherDriver shipper_;
    std::vector<DatasetConfig> configs_;
    uint32_t last_server_ = 0;
    int last_number_ = 0;
    std::map<int64_t, Known> events_;
    std::set<int64_t> final_;
    std::set<int64_t> in_flight_;
    std::map<int64_t, UnixMicros> in_doubt_since_;
    std::vector<Flight> flights_;
};

TEST(DispatcherWork, EachEventEndsOnceAndInOrderWhateverIsAnswered) {
    ExpectAllSeedsSucceed<WorkOfDispatcher>(500);
}

}  // namespace
}  // namespace crm_capi
