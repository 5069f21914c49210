/*
 * checkup_facts.hpp - what capi_check() finds in the database.
 */
#pragma once

#include <vector>

#include "core/checkup/checkup.hpp"
#include "pg/functions/session_requests.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* To be made by make_owned(). The funnels and probes are of the datasets with the same index. */
struct Checkup {
    ServerFacts server;
    std::vector<DatasetFacts> datasets;
    std::vector<DatasetFacts> gone; /* owed to, though their servers are dropped */
    std::vector<FunnelFacts> funnels;
    std::vector<ProbeFacts> probes;
    std::vector<WatchFacts> watches;
    SessionRequests requests;
    Findings findings;
};

/* Everything but what the endpoints say. Needs SPI. */
void gather_facts(Oid schema, Checkup* checkup);

}  // namespace crm_capi
