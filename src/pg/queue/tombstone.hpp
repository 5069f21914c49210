/*
 * tombstone.hpp - leads that were forgotten do not come back.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Whether capi_forget() was called for the lead. While nobody was forgotten this costs a
 * comparison. */
bool is_forgotten(Oid schema, int64 lead_id);

}  // namespace crm_capi
