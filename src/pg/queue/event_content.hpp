/*
 * event_content.hpp - what an event says, read from its row of the log, whatever the row holds.
 *
 * The log can hold what no enqueue of ours has written: bytes that are no text in a SQL_ASCII
 * database, rows of a restore or of a superuser, values whose TOAST table is damaged. Such an event
 * is parked, alone; it must not end the shipper, whose successor would meet it again.
 */
#pragma once

#include "pg/queue/log_reader.hpp"

namespace crm_capi {

/* Of a row that has been taken apart. Fills in the times, the texts and what is to be rechecked; or
 * says in `unreadable` and `detail` why it cannot. An ERROR only if the server itself ends what we
 * do, or lacks resources. */
void read_content(const TupleTableSlot* row, LoggedEvent* event);

}  // namespace crm_capi
