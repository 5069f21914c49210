/*
 * rechecker_place.hpp - one of the places in which a shipper has a process that checks the
 * conditions of one watch: how it is started, asked, heard and left.
 */
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "core/dispatch/shelf.hpp"
#include "pg/shipper/condition_channel.hpp"

namespace crm_capi {

struct RecheckerPlace {
    dsm_segment* segment = nullptr; /* NULL = nobody is asked here */
    shm_mq_handle* asking = nullptr;
    shm_mq_handle* finding = nullptr;
    BackgroundWorkerHandle* worker = nullptr; /* NULL = the place is free */
    std::string watch;
    std::deque<ConditionToCheck> asked; /* and not answered yet, in order */
    bool is_leaving = false;            /* the process is about to end by itself */
    size_t window = 1;                  /* so many may be under way to it */
    UnixMicros started_at = 0;
    UnixMicros heard_at = 0; /* started, or asked while it was idle, or found something */
};

/* The place of the watch, or NULL. */
RecheckerPlace* place_of(RecheckerPlace* places, int count, const std::string& watch);
/* A place for another watch: a free one, or that of a process which was started before then and has
 * nothing to do. NULL if there is none now. */
RecheckerPlace* another_place(RecheckerPlace* places, int count, UnixMicros started_before);

/* The clock may have been put back: no time lies in the future. */
void heed_clock(RecheckerPlace* place, UnixMicros now);

/* Starts a process for the watch in a free place. False if there is no worker, or no memory, to be
 * had. */
bool start_at(RecheckerPlace* place, const std::string& watch);

/* Hands these events over, and never waits. What does not arrive, because the process is gone, is
 * found among `asked` when the place is left. */
void ask(RecheckerPlace* place, const std::vector<ConditionToCheck>& conditions);

/* The next finding; false if there is none, and then *is_gone tells whether there will be any. */
bool hear(RecheckerPlace* place, ConditionFinding* found, bool* is_gone);

/* Nothing more is heard from here; the process ends as soon as it sees that. `asked` stays. */
void leave(RecheckerPlace* place);

/* The same for one that does not answer: it is told to end, and the place is not free before it is
 * gone. */
void end(RecheckerPlace* place);
/* Frees the place of such a process, if it is gone. */
void free_if_gone(RecheckerPlace* place);

}  // namespace crm_capi
