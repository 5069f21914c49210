/*
 * origin.hpp - where a dataset belongs, and whether events may be sent to it from here.
 *
 * The option "origin" of a dataset's server says where it was made, or where capi_resume() has let
 * it send: system identifier of the cluster, OID of the database, and the marks (copy_mark.hpp) of
 * the backups that a server had begun as when that was done:
 *
 *     7301234567890123456/16384
 *     7301234567890123456/16384/4611686018427387905
 *
 * A dump carries the option, with data and without. So whatever the copy consists of, a dataset
 * that is not at home is held; and none of it is secret. A server that lost its mark, such as a
 * standby made of an older backup, is no copy: only a mark that has not been accepted is one. The
 * queue has an origin of its own in capi_dataset, for dumps of the data alone.
 */
#pragma once

#include "core/event/reason.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Whether a text has the form of an origin. */
bool is_origin(const char* text);

/* Has the servers that the current transaction has created or altered stamped with this database,
 * if they have no origin: before it commits, so that nobody ever sees one without. */
void stamp_origins_at_commit();

/* The same for servers that have none from a time when they were not stamped. Leaves out what
 * somebody else is changing, and what a copy may have brought along. */
void stamp_old_servers(Oid schema);

/* Lets a dataset send from this database, for good. */
void accept_origin(Oid server);

/* Why nothing may be sent to a dataset from here: it belongs elsewhere, or its queue does (see
 * is_registered_elsewhere), or because of the host; kNone if it may. The detail, a fragment of a
 * sentence, lies in current memory. */
struct Hold {
    Reason reason;
    const char* detail;
};
Hold place_hold(Oid server, bool is_queue_elsewhere);

/* This database, as the doctor names it: database 16384 of cluster 7301234567890123456. */
const char* this_place();

}  // namespace crm_capi
