// stage_tally.hpp - how many leads have reached which stage of a dataset on which day.
//
// Leads are told apart exactly, so each event costs eight bytes until the end, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event/event.hpp"

namespace crm_capi {

struct StageEvent {
    int dataset;  // the caller's own number
    std::optional<std::string_view> stage;
    std::optional<int64_t> time;  // by any clock whose days begin at multiples of kMicrosPerDay
    std::optional<int64_t> lead;
    bool is_delivered;
};

struct StageDay {
    int dataset;
    std::optional<std::string> stage;
    std::optional<int64_t> day;
    int64_t events = 0;
    int64_t delivered = 0;
    int64_t leads = 0;            // that reached the stage
    int64_t leads_delivered = 0;  // of which an event was delivered
    int64_t first_at = 0;         // meaningless without a day
    int64_t last_at = 0;
};

class StageTally {
public:
    void Add(const StageEvent& event);
    // After the last one; in no order. The tally is empty afterwards.
    std::vector<StageDay> Finish();

private:
    struct Group {
        StageDay counted;
        size_t hash;
        std::vector<int64_t> leads_delivered;
        std::vector<int64_t> other_leads;
    };

    Group& GroupOf(const StageEvent& event);
    void GrowTable();

    std::vector<Group> groups_;
    std::vector<int32_t> table_;  // by hash: index in groups_, or -1
};

}  // namespace crm_capi
