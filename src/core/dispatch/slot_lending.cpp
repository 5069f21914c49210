// slot_lending.cpp - see slot_lending.hpp.
#include "core/dispatch/slot_lending.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <tuple>

namespace crm_capi {

namespace {

// Where slots are scarce some are kept free, so that who comes next need not wait for another one
// to leave.
int WantedFree(const SlotsToLend& slots) {
    return slots.databases > slots.count ? std::max(1, slots.count / 4) : 0;
}

// Who has waited longest comes first.
void SortByPatience(std::vector<WaitingDatabase>* waiting) {
    const auto key = [](const WaitingDatabase& one) {
        return std::make_tuple(one.since + (one.is_look ? kLookHandicap : 0), one.database);
    };
    std::sort(waiting->begin(), waiting->end(),
              [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

// Asks so many of those who rest, the longest first; and where slots are scarce whoever has rested
// for too long. Returns how many were asked.
int AskResting(const std::vector<LentSlot>& lent, int most, bool is_scarce, UnixMicros now,
               Lending* lending) {
    std::vector<LentSlot> resting;
    int asked = 0;
    std::copy_if(lent.begin(), lent.end(), std::back_inserter(resting),
                 [](const LentSlot& one) { return one.resting_since != 0 && !one.is_asked; });
    std::sort(resting.begin(), resting.end(), [](const auto& a, const auto& b) {
        return std::tie(a.resting_since, a.slot) < std::tie(b.resting_since, b.slot);
    });
    for (const LentSlot& one : resting) {
        if (asked < most || (is_scarce && now - one.resting_since >= kLongestRest)) {
            lending->asked.push_back(one.slot);
            ++asked;
        } else if (is_scarce) {
            NoteTime(one.resting_since + kLongestRest, &lending->look_again_at);
        }
    }
    return asked;
}

// Asks so many of those who have had their quantum, the longest first.
void AskBusy(const std::vector<LentSlot>& lent, int most, UnixMicros now, Lending* lending) {
    std::vector<LentSlot> busy;
    std::copy_if(lent.begin(), lent.end(), std::back_inserter(busy), [](const LentSlot& one) {
        return one.serving_since != 0 && one.resting_since == 0 && !one.is_asked;
    });
    std::sort(busy.begin(), busy.end(), [](const auto& a, const auto& b) {
        return std::tie(a.serving_since, a.slot) < std::tie(b.serving_since, b.slot);
    });
    for (const LentSlot& one : busy) {
        if (most <= 0) {
            return;
        }
        if (now - one.serving_since >= kQuantum) {
            lending->asked.push_back(one.slot);
            --most;
        } else {
            NoteTime(one.serving_since + kQuantum, &lending->look_again_at);
        }
    }
}

}  // namespace

Lending LendSlots(std::vector<WaitingDatabase> waiting, std::vector<LentSlot> lent,
                  const SlotsToLend& slots, UnixMicros now) {
    Lending lending;
    for (WaitingDatabase& one : waiting) {
        one.since = std::min(one.since, now);
    }
    for (LentSlot& one : lent) {
        one.serving_since = std::min(one.serving_since, now);
        one.resting_since = std::min(one.resting_since, now);
    }
    SortByPatience(&waiting);
    const size_t served = std::min(waiting.size(), static_cast<size_t>(std::max(slots.free, 0)));
    for (size_t i = 0; i < served; ++i) {
        lending.served.push_back(waiting[i].database);
    }
    const auto unserved = static_cast<int>(waiting.size() - served);
    const auto on_their_way = static_cast<int>(
        std::count_if(lent.begin(), lent.end(), [](const LentSlot& one) { return one.is_asked; }));
    const int spare = std::max(0, WantedFree(slots) - (slots.free - static_cast<int>(served)));
    const int asked = AskResting(lent, unserved + spare - on_their_way,
                                 slots.databases > slots.count, now, &lending);
    AskBusy(lent, unserved - on_their_way - asked, now, &lending);
    return lending;
}

}  // namespace crm_capi
