/*
 * notices.hpp - NOTIFY by the shipper, on the channel crm_capi.
 *
 * In the shipper's own transaction, never in the CRM's: commits that notify wait for each other.
 */
#pragma once

#include <vector>

#include "core/dispatch/notice.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Parked events that nobody has been told of yet, and what has been told. */
struct ParkedNews {
    std::vector<int64_t> events;
    ParkedKinds told;
};

/* A dataset's health has changed. `reason_code` may be NULL. */
void notify_health(const char* dataset, const char* health, const char* reason_code);

/* Tells of the first events of a kind among those parked since the last call. Needs SPI. */
void notify_parked(Oid schema, ParkedNews* news);

}  // namespace crm_capi
