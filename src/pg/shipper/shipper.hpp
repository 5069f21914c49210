/*
 * shipper.hpp - the worker that carries one database's events to Meta.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Starts a shipper in a slot that the launcher has taken. NULL if there is no worker slot. */
BackgroundWorkerHandle* start_shipper(int slot, Oid database);

}  // namespace crm_capi

/* Looked up by name when the worker starts. */
extern "C" PGDLLEXPORT void capi_shipper_main(Datum argument);
