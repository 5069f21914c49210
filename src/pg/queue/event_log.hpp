/*
 * event_log.hpp - enqueueing: one row appended to the log, in the CRM's own transaction.
 */
#pragma once

#include "core/event/event.hpp"
#include "core/event/reason.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* An event to be enqueued. What is absent is NULL in the log. */
struct NewEvent {
    int32 dataset; /* number in capi_dataset; 0 = could not be told */
    Oid watch;     /* trigger on the watched table; InvalidOid = sent by a call */
    bool has_lead_id;
    int64 lead_id;
    bool has_event_time;
    TimestampTz event_time;
    text* event_name;   /* may be NULL */
    Jsonb* user_data;   /* may be NULL */
    Jsonb* custom_data; /* may be NULL */
    Jsonb* recheck;     /* what counts once more before it is sent; may be NULL */
    Jsonb* consent;     /* what overrides the dataset's options; may be NULL */
    Jsonb* dropped;     /* values of identities that could not be used; may be NULL */
    Reason parked;      /* kNone = owed; else why it can never be sent */
    const char* detail; /* of the reason; may be NULL; never personal data */
};

/* Appends the event and returns its id. The current user needs no right on our tables. The shipper
 * is woken when the transaction commits. */
int64 enqueue(Oid schema, const NewEvent& event);

}  // namespace crm_capi
