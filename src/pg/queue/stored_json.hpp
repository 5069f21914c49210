/*
 * stored_json.hpp - whether a jsonb value is one.
 *
 * The server's own functions trust what lies on disk: with wrong counts or offsets they read beyond
 * the value, and the crash would come back with each shipper that meets the row.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Whether all of the value lies within it and is of a known kind; texts are not looked into. */
bool is_sound(const Jsonb* json);

}  // namespace crm_capi
