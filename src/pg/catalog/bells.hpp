/*
 * bells.hpp - by which a session tells the shipper, with its commit, what to look at.
 *
 * The message is one about a relation, as ALTER TABLE sends them. It is sent about views: messages
 * about tables are sent by VACUUM and ANALYZE, too, and whoever took those for news would look at
 * everything again whenever autovacuum has been there.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

enum class Bell {
    kSettings,   /* capi_pause(), capi_resume() */
    kDecisions,  /* capi_retry(), capi_cancel() */
    kTombstones, /* capi_forget() */
};

/* The relation that the message is about. */
Oid bell_relation(Oid schema, Bell bell);

/* Sends it when the current transaction commits. */
void ring(Oid schema, Bell bell);

}  // namespace crm_capi
