/*
 * launcher.hpp - the worker that starts a shipper in every database that takes part.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* To be called while shared_preload_libraries is processed. */
void register_launcher();

}  // namespace crm_capi

/* Looked up by name when the worker starts. */
extern "C" PGDLLEXPORT void capi_launcher_main(Datum);
