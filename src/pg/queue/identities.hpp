/*
 * identities.hpp - user_data on its way from a CRM's row to the log: normalised, hashed, judged.
 *
 * Plain personal data ends here: what comes out is what may be written to disk.
 */
#pragma once

#include <string_view>

#include "core/identity/identities.hpp"
#include "pg/queue/event_log.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* What became of a user_data. All pointers lie in the memory that was current. */
struct IdentityReading {
    Reason reason;        /* kNone, or why it cannot be taken; then nothing below is set */
    const char* detail;   /* of the reason: the key at fault; may be NULL; never personal data */
    const char* unusable; /* the first key of which a value was dropped though it was not blank */
    const char* cause;    /* a sentence about that value */
    const char* dropped;  /* all of them, as a JSON list of pairs of key and cause; NULL = none */
    int64 lead_id;        /* of user_data; 0 = none */
    bool sufficient;      /* Meta would take the event without a lead id */
    int64 lane;       /* of these identities, should there be no better one; 0 = none are left */
    Jsonb* user_data; /* hashed; NULL if nothing is left */
};

/* Normalises and hashes. No value makes it fail: that becomes a reason, or drops the value. For a
 * trigger as well as for a function. `default_country` may be NULL. */
IdentityReading read_identities(const Jsonb* given, const char* default_country);

/* Puts the identities into an event. The event may already have a lead id, or, if Meta gave the
 * lead none, a lane of the CRM's own key (lane_of). If it has neither, it gets the lead id of
 * user_data, or the identities' lane. Returns kNone, or why the event cannot be sent: the reading's
 * own reason, kLeadIdConflict or kIdentityInsufficient. */
Reason identify(NewEvent* event, const IdentityReading* reading);

/* The lane of a lead that Meta gave no id: a negative number for NewEvent.lead_id, from the CRM's
 * own key of the lead, whatever its type is. */
int64 lane_of(std::string_view key);

}  // namespace crm_capi
