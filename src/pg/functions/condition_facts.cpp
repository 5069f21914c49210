/*
 * condition_facts.cpp - what capi_check() finds about conditions that are checked before sending.
 */
#include "pg/functions/condition_facts.hpp"

#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/shared/condition_board.hpp"

namespace crm_capi {

void
gather_conditions(ConditionFacts* facts)
{
    const ConditionBoard board = conditions_of(MyDatabaseId);
    const char* const watch = legible_utf8(board.watch);
    const char* const sqlstate = board.sqlstate != 0 ? unpack_sql_state(board.sqlstate) : "none";

    call_cpp("note conditions", [&] {
        facts->waiting = board.waiting;
        facts->postponed = board.postponed;
        facts->lacks_workers = board.lacks_workers;
        facts->watch = watch;
        facts->sqlstate = sqlstate;
    });
}

}  // namespace crm_capi
