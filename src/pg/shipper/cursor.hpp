/*
 * cursor.hpp - the shipper's place in the log, from which a new shipper goes on.
 */
#pragma once

#include "core/ids/id_set.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct Shipper;

/* The row of capi_cursor as it stands, and what has happened since it was written. */
struct Cursor {
    TimestampTz written_at = 0;
    int64_t request = 0;      /* it speaks for requests up to this one */
    int64 latest_request = 0; /* that is in capi_request_log */
    int requests_since = 0;   /* that it was tried to write it */
    bool is_behind = false;   /* what it should say has changed */
    TimestampTz tried_at = 0; /* it may have come out too large to be written */
    size_t open_ranges = 0;   /* when it was tried */
    IdSet open_ids;           /* what is about to be written */
};

/* Writes it down if it has moved and the last time is a while ago; the totals go with it. At the
 * end of a turn, before its requests leave. */
void save_cursor(Shipper* shipper);

}  // namespace crm_capi
