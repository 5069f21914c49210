/*
 * moved_row.hpp - rows that move between partitions.
 *
 * An UPDATE that moves a row fires no UPDATE trigger, but DELETE on the partition it leaves and, as
 * the very next event, INSERT on the one it enters. Seen alone, the INSERT is a new lead and would
 * send the row's stage once more. So on partitioned tables the trigger fires for DELETE, too, and
 * an INSERT right behind a DELETE of the same lead and stage brings nothing new.
 */
#pragma once

#include "pg/event_log.hpp"

namespace crm_capi {

/* The row that was just deleted, read as if it were an event of the dataset. */
void remember_deleted(Oid server, const NewEvent& event);

/* Whether the row just inserted is the one remembered. Forgets it: only neighbours count. */
bool is_moved(Oid server, const NewEvent& event);

void forget_deleted();

}  // namespace crm_capi
