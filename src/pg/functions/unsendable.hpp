/*
 * unsendable.hpp - why an event cannot be sent, as an error for the caller who asked for it.
 */
#pragma once

#include "core/event/reason.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* An ERROR with the reason's text and hint. `detail` is a whole sentence. */
void report_unsendable(Reason reason, const char* detail);

/* An ERROR if the argument is null that an event is made of. */
void require_argument(FunctionCallInfo fcinfo, int argument, const char* name);

/* Each an ERROR unless the value can be sent. */
void check_lead_id(int64 lead_id);
void check_event_name(const text* name);
void refuse_forgotten(Oid schema, int64 lead_id);

}  // namespace crm_capi
