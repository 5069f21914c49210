/*
 * messenger.hpp - a worker that tells on the channel crm_capi what capi_status shows, and is gone.
 *
 * A shipper that does not get on cannot tell of it, and the launcher is connected to no database:
 * what it finds out about a stall this one tells, when it begins and when it is over.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* False if there is no worker slot. */
bool start_messenger(Oid database);

}  // namespace crm_capi

/* Looked up by name when the worker starts. */
extern "C" PGDLLEXPORT void capi_messenger_main(Datum database);
