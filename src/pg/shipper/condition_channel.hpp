/*
 * condition_channel.hpp - what a shipper and a process that checks conditions for it say to each
 * other: ids one way, findings the other, through two queues in a segment of shared memory that
 * goes with the two of them. Nothing of it needs to survive: what is lost is asked again.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

extern "C" {
#include "storage/dsm.h"
#include "storage/shm_mq.h"
}

namespace crm_capi {

/* With the last two the process ends: what else it was asked is to be asked of another one. */
enum class Finding {
    kHolds,
    kFails,
    kUnknown,   /* and will stay so until somebody does something */
    kLater,     /* nobody can tell now: it took too long, or what it needs is locked or lacking */
    kOtherOwner /* not looked at: the session belongs to another role */
};

struct ConditionFinding {
    int64 event;
    Finding finding;
    int sqlstate; /* of the error that was in the way; 0 = none was */
    char detail[160];
};

/* So many events are under way to a process at once; the queues have room for all of them, so that
 * the shipper never waits for room. */
constexpr int kMostAsked = 128;
constexpr Size kAskingQueue = 8 * 1024;
constexpr Size kFindingQueue = 64 * 1024;
constexpr Size kChannelSize = kAskingQueue + kFindingQueue;
/* A reader gives back room late, by a quarter of the queue at most. */
static_assert(kMostAsked * (sizeof(int64) + 2 * MAXIMUM_ALIGNOF) < kAskingQueue / 2);
static_assert(kMostAsked * (sizeof(ConditionFinding) + 2 * MAXIMUM_ALIGNOF) < kFindingQueue / 2);

/* Where the shipper writes what is to be checked. */
inline shm_mq*
asking_queue(dsm_segment* segment)
{
    return static_cast<shm_mq*>(dsm_segment_address(segment));
}

/* Where the other process writes what it has found. */
inline shm_mq*
finding_queue(dsm_segment* segment)
{
    return reinterpret_cast<shm_mq*>(static_cast<char*>(dsm_segment_address(segment)) +
                                     kAskingQueue);
}

}  // namespace crm_capi
