/*
 * service.hpp - whether somebody serves this database, or would if there were something to do.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

enum class ServiceState {
    kRunning, /* it has a shipper */
    kResting, /* it needs none now */
    kWaiting, /* for a slot, not for long yet */
    kLate,    /* likewise, for longer than a minute */
    kStopped, /* nobody will serve it as things are */
};

struct Service {
    ServiceState state;
    TimestampTz since; /* it waits; 0 = it does not */
    bool is_settled;   /* what the tables say is all that the last shipper knew */
};

/* Of the current database. */
Service service_of_database();

}  // namespace crm_capi
