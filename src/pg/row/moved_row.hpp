/*
 * moved_row.hpp - rows that move between partitions.
 *
 * An UPDATE that moves a row fires no UPDATE trigger, but DELETE on the partition it leaves and, as
 * the next event of the same watch, INSERT on the one it enters. Seen alone, the INSERT is a new
 * lead and would send the row's stage once more. So on partitioned tables the trigger fires for
 * DELETE, too: a row that was deleted because it moves is remembered, and the INSERT behind it is
 * an UPDATE.
 */
#pragma once

#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* A row of the watch's table was deleted. Remembers it if it moves; one that is gone for good costs
 * nothing. */
void remember_if_moving(const Watch* watch, Relation table, TupleTableSlot* deleted);

/* What the row just inserted was in the partition it came from, in the form of its new one; NULL if
 * it is new. */
TupleTableSlot* take_moved(const Watch* watch, Relation table);

/* The row that moved did not arrive: a trigger of the CRM has kept it away. */
void forget_moved(const Watch* watch);

}  // namespace crm_capi
