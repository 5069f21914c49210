// slot_lending.hpp - which databases get a shipper when they are more than there may be shippers.
//
// A slot is lent. Who has nothing to do gives it back when another one waits; who has, after a
// quantum, and waits again behind the others. So nobody waits for longer than it takes those before
// him to have their quantum, however much one of them has to do.
//
//   waiting --(a slot is free: who has waited longest)--> served --(asked to yield)--> waiting, or
//                                                                                      at rest
#pragma once

#include <cstdint>
#include <vector>

#include "core/event/event.hpp"

namespace crm_capi {

// Long against the start of a process, which looks through what its predecessor has left; short
// against the patience of those who wait.
constexpr UnixMicros kQuantum = 2 * kMicrosPerSecond;

// A database of which nobody knows whether it has anything to do waits as if it had come so much
// later: after the start of a server each of a thousand is looked into, and what commits meanwhile
// does not wait for that.
constexpr UnixMicros kLookHandicap = 30 * kMicrosPerSecond;

// Where slots are scarce, nobody keeps one for longer than this without having anything to do.
constexpr UnixMicros kLongestRest = 60 * kMicrosPerSecond;

// A database that has waited for so long is late: the log, the doctor and capi_status tell.
constexpr int kLongWaitMs = 60 * 1000;

struct WaitingDatabase {
    uint32_t database;
    UnixMicros since;
    bool is_look;  // nobody knows whether it has anything to do
};

struct LentSlot {
    int slot;
    UnixMicros serving_since;  // 0 = its shipper is still on its way
    UnixMicros resting_since;  // 0 = it has something to do
    bool is_asked;             // to yield, already
};

struct SlotsToLend {
    int count = 0;  // all there are
    int free = 0;
    int databases = 0;  // that take part
};

struct Lending {
    std::vector<uint32_t> served;  // get a slot now, in this order
    std::vector<int> asked;        // slots whose shippers are asked to yield
    UnixMicros look_again_at = 0;  // even if nothing happens; 0 = need not be
};

// Decides. Times in the future, as after a clock that was put back, count as now.
Lending LendSlots(std::vector<WaitingDatabase> waiting, std::vector<LentSlot> lent,
                  const SlotsToLend& slots, UnixMicros now);

}  // namespace crm_capi
