/*
 * condition_check.hpp - the condition of a watch, checked once more for one event.
 */
#pragma once

#include "pg/shipper/condition_channel.hpp"

namespace crm_capi {

/* Whether the condition of the event's watch holds for the row as it is now. The row is read and
 * the condition evaluated with the rights of the table's owner. An ERROR may come of it: the caller
 * says by describe_error() what it means. */
ConditionFinding check_condition(Oid schema, int64 event);

/* What an error while the condition was checked means for the event: to be tried again, or
 * not. */
ConditionFinding describe_error(int64 event, int sqlstate);

}  // namespace crm_capi
