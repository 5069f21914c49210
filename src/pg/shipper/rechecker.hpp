/*
 * rechecker.hpp - the worker that checks the conditions of one watch for a shipper.
 */
#pragma once

#include "pg/shipper/condition_channel.hpp"

namespace crm_capi {

/* Starts one for this database, which speaks through the segment; NULL if there is no worker to be
 * had. */
BackgroundWorkerHandle* start_rechecker(dsm_segment* segment);

}  // namespace crm_capi

extern "C" PGDLLEXPORT void capi_rechecker_main(Datum segment);
