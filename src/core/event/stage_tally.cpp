// stage_tally.cpp - how many leads have reached which stage of a dataset on which day.
#include "core/event/stage_tally.hpp"

#include <algorithm>
#include <functional>

namespace crm_capi {

namespace {

// Rounded down, also before the clock's beginning.
std::optional<int64_t> DayOf(const std::optional<int64_t>& time) {
    if (!time) {
        return std::nullopt;
    }
    const int64_t day = *time / kMicrosPerDay;
    return *time % kMicrosPerDay < 0 ? day - 1 : day;
}

size_t HashOf(const StageEvent& event, const std::optional<int64_t>& day) {
    constexpr size_t kOddNumber = 0x9E3779B97F4A7C15;
    size_t hash = event.stage ? std::hash<std::string_view>()(*event.stage) : 0;
    hash = (hash ^ static_cast<size_t>(day.value_or(-1))) * kOddNumber;
    hash = (hash ^ static_cast<size_t>(event.dataset)) * kOddNumber;
    return hash ^ (hash >> 32);
}

// Sorts the numbers and leaves each once.
void LeaveEachOnce(std::vector<int64_t>* numbers) {
    if (!std::is_sorted(numbers->begin(), numbers->end())) {
        std::sort(numbers->begin(), numbers->end());
    }
    numbers->erase(std::unique(numbers->begin(), numbers->end()), numbers->end());
}

// How many of the sorted numbers are not among the others, which are sorted, too.
int64_t CountWithout(const std::vector<int64_t>& numbers, const std::vector<int64_t>& others) {
    int64_t count = 0;
    auto other = others.begin();
    for (const int64_t number : numbers) {
        while (other != others.end() && *other < number) {
            ++other;
        }
        count += other == others.end() || *other != number ? 1 : 0;
    }
    return count;
}

}  // namespace

void StageTally::GrowTable() {
    table_.assign(std::max<size_t>(64, table_.size() * 2), -1);
    for (size_t i = 0; i < groups_.size(); ++i) {
        size_t place = groups_[i].hash & (table_.size() - 1);
        while (table_[place] >= 0) {
            place = (place + 1) & (table_.size() - 1);
        }
        table_[place] = static_cast<int32_t>(i);
    }
}

StageTally::Group& StageTally::GroupOf(const StageEvent& event) {
    const std::optional<int64_t> day = DayOf(event.time);
    const size_t hash = HashOf(event, day);
    if (groups_.size() * 2 >= table_.size()) {
        GrowTable();
    }
    size_t place = hash & (table_.size() - 1);
    for (; table_[place] >= 0; place = (place + 1) & (table_.size() - 1)) {
        Group& group = groups_[static_cast<size_t>(table_[place])];
        if (group.hash == hash && group.counted.dataset == event.dataset &&
            group.counted.day == day && group.counted.stage == event.stage) {
            return group;
        }
    }
    table_[place] = static_cast<int32_t>(groups_.size());
    Group group{};
    group.hash = hash;
    group.counted.dataset = event.dataset;
    group.counted.day = day;
    if (event.stage) {
        group.counted.stage = std::string(*event.stage);
    }
    group.counted.first_at = group.counted.last_at = event.time.value_or(0);
    groups_.push_back(std::move(group));
    return groups_.back();
}

void StageTally::Add(const StageEvent& event) {
    Group& group = GroupOf(event);
    ++group.counted.events;
    group.counted.delivered += event.is_delivered ? 1 : 0;
    if (event.time) {
        group.counted.first_at = std::min(group.counted.first_at, *event.time);
        group.counted.last_at = std::max(group.counted.last_at, *event.time);
    }
    if (event.lead) {
        (event.is_delivered ? group.leads_delivered : group.other_leads).push_back(*event.lead);
    }
}

std::vector<StageDay> StageTally::Finish() {
    std::vector<StageDay> days;
    for (Group& group : groups_) {
        LeaveEachOnce(&group.leads_delivered);
        LeaveEachOnce(&group.other_leads);
        group.counted.leads_delivered = static_cast<int64_t>(group.leads_delivered.size());
        group.counted.leads =
            group.counted.leads_delivered + CountWithout(group.other_leads, group.leads_delivered);
        days.push_back(std::move(group.counted));
    }
    groups_.clear();
    table_.clear();
    return days;
}

}  // namespace crm_capi
