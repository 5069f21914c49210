/*
 * clock.hpp - PostgreSQL's time and the time of core: microseconds since 2000 and since 1970.
 */
#pragma once

#include "core/event/event.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* A time beyond what the core can count becomes the latest that it can: it lies in the future
 * anyhow. */
UnixMicros to_unix_micros(TimestampTz time);
TimestampTz from_unix_micros(UnixMicros time);

/* The time of day, whenever the transaction began. */
UnixMicros now_micros();

/* As people read it, to the minute and in UTC; "" if it is infinite. Not by to_char(), which fails
 * in databases of an encoding that nothing converts: it reads the names of months in any case. */
const char* utc_minute(TimestampTz time);

/* The year it is, in UTC. */
int current_year();

}  // namespace crm_capi
