/*
 * clock.cpp - PostgreSQL's time and the time of core.
 */
#include "pg/base/clock.hpp"

namespace crm_capi {

namespace {

constexpr UnixMicros kUnixToPostgres =
    static_cast<UnixMicros>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * USECS_PER_SEC;

}  // namespace

UnixMicros
to_unix_micros(TimestampTz time)
{
    UnixMicros result;

    /* The last thirty years of PostgreSQL's calendar do not fit; they are in the future anyhow. */
    return pg_add_s64_overflow(time, kUnixToPostgres, &result) ? PG_INT64_MAX : result;
}

TimestampTz
from_unix_micros(UnixMicros time)
{
    return time - kUnixToPostgres;
}

UnixMicros
now_micros()
{
    return to_unix_micros(GetCurrentTimestamp());
}

const char*
utc_minute(TimestampTz time)
{
    pg_tm parts;
    fsec_t fraction;

    if (TIMESTAMP_NOT_FINITE(time) ||
        timestamp2tm(time, nullptr, &parts, &fraction, nullptr, nullptr) != 0)
        return "";
    return psprintf("%04d-%02d-%02d %02d:%02d UTC", parts.tm_year, parts.tm_mon, parts.tm_mday,
                    parts.tm_hour, parts.tm_min);
}

int
current_year()
{
    pg_tm parts;
    fsec_t fraction;

    if (timestamp2tm(GetCurrentTimestamp(), nullptr, &parts, &fraction, nullptr, nullptr) != 0)
        elog(ERROR, "current time is out of range");
    return parts.tm_year;
}

}  // namespace crm_capi
