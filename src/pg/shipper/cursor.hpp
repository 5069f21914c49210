/*
 * cursor.hpp - the shipper's place in the log, from which a new shipper goes on.
 */
#pragma once

namespace crm_capi {

struct Shipper;

/* Writes it down if it has moved and the last time is a while ago; the totals go with it. At the
 * end of a turn, before its requests leave. */
void save_cursor(Shipper* shipper);

}  // namespace crm_capi
