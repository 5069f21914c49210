/*
 * judge_again.hpp - events that were parked when they were enqueued, judged by the watch as it is
 * now.
 *
 * What was parked in this way is never sent itself: its row of the log does not change. If the
 * watch has been put right, an event of its own is enqueued in its place, with the time of the
 * change.
 */
#pragma once

#include "pg/row/row_event.hpp"

namespace crm_capi {

struct ParkedEvent {
    int64 id;
    int64 lead_id; /* 0 = could not be read */
    CapturedStage captured;
    Jsonb* reference; /* to its row */
    bool is_latest;   /* of those of its row that do not know their stage */
};

enum class Ending { kUnchanged, kOwed, kParked, kCancelled };

struct SecondJudgement {
    Ending ending;
    Reason reason; /* of an event that is parked or cancelled */
    const char* detail;
    int64 event; /* that is owed in its place */
};

/* Reads the row with the rights of its table's owner and enqueues what is due. Between SPI_connect
 * and SPI_finish. */
SecondJudgement judge_again(Oid schema, const ParkedEvent& parked);

}  // namespace crm_capi
