/*
 * relations.hpp - where the extension's own tables are.
 *
 * Looked up by name in the extension's schema and cached per process; forgotten when one of them
 * goes away. Tables and sequences only: they keep their OIDs for as long as the extension is there,
 * which indexes do not (base/primary_key.hpp).
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct Relations {
    Oid schema;
    Oid event_log;
    Oid event_id;
    Oid request_id;
    Oid request_log;
    Oid settlement;
    Oid tombstone;
    Oid dataset;
    Oid dataset_number;
    Oid watch_approval;
    Oid reached_stage;
    Oid lead_filter;
    Oid cursor;
    Oid counter;
};

/* Column numbers, as sql/crm_capi--1.0.sql defines the tables. */
namespace event_log_column {
enum {
    kId = 1,
    kEnqueuedAt,
    kEventTime,
    kLeadId,
    kDataset,
    kWatch,
    kParked,
    kEventName,
    kUserData,
    kCustomData,
    kRecheck,
    kConsent,
    kDropped,
    kEnd
};
}
namespace request_log_column {
enum {
    kId = 1,
    kStartedAt,
    kFinishedAt,
    kNextAttemptAt,
    kDataset,
    kEventCount,
    kHttpStatus,
    kEventsReceived,
    kErrorCode,
    kErrorSubcode,
    kOutcome,
    kReasonCode,
    kDetail,
    kFbtraceId,
    kEvents,
    kEnd
};
}
namespace settlement_column {
enum {
    kEvent = 1,
    kSettledAt,
    kRequest,
    kDataset,
    kErrorCode,
    kErrorSubcode,
    kStatus,
    kReasonCode,
    kDetail,
    kEnd
};
}
namespace lead_filter_column {
enum { kFirstEvent = 1, kLastEvent, kFilter, kEnd };
}
namespace cursor_column {
enum { kOnlyRow = 1, kPosition, kOpen, kRequest, kUpdatedAt, kEnd };
}
namespace counter_column {
enum {
    kDataset = 1,
    kEnqueued,
    kDelivered,
    kDryRun,
    kParked,
    kExpired,
    kRequests,
    kRetries,
    kBytes,
    kRequestMicros,
    kLastSuccessAt,
    kCountedAt,
    kEnd
};
}
namespace tombstone_column {
enum { kLead = 1, kForgottenAt, kUnseenFrom, kEvents, kEnd };
}
namespace dataset_column {
enum {
    kNumber = 1,
    kServer,
    kName,
    kSystemIdentifier,
    kDatabase,
    kPaused,
    kResumes,
    kHealth,
    kReasonCode,
    kDetail,
    kHealthSince,
    kHereSince,
    kNextAttemptAt,
    kRequestSize,
    kFailures,
    kEnd
};
}

namespace watch_approval_column {
enum { kOwner = 1, kDigest, kApprovedAt, kEnd };
}
namespace reached_stage_column {
enum { kLeadId = 1, kEvent, kReachedAt, kDatasetId, kEventName, kEnd };
}

/* Schema of the extension in this database, or InvalidOid. Needs a transaction, and keeps DROP and
 * ALTER EXTENSION away until it ends: they lock the extension first, so they wait here instead of
 * deadlocking with us over its tables. */
Oid lock_extension();

/* The tables in the given schema; an ERROR if one is missing. Valid until the next command. */
const Relations* relations_in(Oid schema);

/* As whom a function acts. */
struct ActingUser {
    Oid id;
    int context;
};
/* What follows is done as the owner of the tables, whoever calls: knowing something of the queue is
 * not the right to read it. Returns whom to become again; an error does that by itself. */
ActingUser become_queue_owner(Oid schema);
void become(const ActingUser& user);

/* From now on the listener is called when cached knowledge about our relations is dropped; at most
 * four listen. Who listens already goes on. */
void on_relations_forgotten(void (*listener)());

}  // namespace crm_capi
