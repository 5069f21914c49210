/*
 * condition_board.hpp - how a shipper gets on with the conditions that are checked before events
 * are sent, for capi_check().
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct ConditionBoard {
    int64 waiting;      /* events that wait for a condition, or behind one that does */
    int64 postponed;    /* those of which nobody could tell */
    bool lacks_workers; /* no process could be started that checks them */
    int sqlstate; /* what came in the way of the last one that was postponed; 0 = nothing did */
    char watch[3 * NAMEDATALEN]; /* its watch; encoding of the database */
};

/* shared_memory.cpp: how much of it is ours, and where it lies. There is a board for each slot. */
Size condition_boards_size();
void place_condition_boards(void* memory, bool is_new);

/* Shipper: shows what has changed; nothing of an earlier shipper after its first call. */
void show_conditions(int slot, const ConditionBoard& board);

/* Anybody: of the shipper of this database; all empty if none is running. */
ConditionBoard conditions_of(Oid database);

}  // namespace crm_capi
