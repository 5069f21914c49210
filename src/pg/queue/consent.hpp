/*
 * consent.hpp - consent signals on their way from a CRM's row or a caller to the log.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* What became of them, in current memory. */
struct ConsentWords {
    const char* fault; /* which member must be what; NULL if all can be used */
    Jsonb* consent;    /* NULL if nothing is said */
};

/* Reads an object of the members that core/event/consent.hpp knows. Never an ERROR for what it
 * holds. */
ConsentWords read_consent(const char* json);

}  // namespace crm_capi
