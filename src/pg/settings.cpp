/*
 * settings.cpp - the settings (GUCs) of crm_capi.
 */
#include "pg/settings.hpp"

#include "pg/pg_prelude.hpp"

namespace crm_capi {

char* setting_databases = nullptr;
int setting_poll_interval = 5000;
int setting_max_shippers = 4;

void
define_settings()
{
    DefineCustomStringVariable(
        "crm_capi.databases", "Sets the databases whose events are shipped.",
        "A list of names, separated by commas. Empty means every database that has the extension.",
        &setting_databases, "", PGC_SIGHUP, GUC_LIST_INPUT, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("crm_capi.poll_interval",
                            "Sets the longest time after which a sleeping worker looks again.",
                            "A commit wakes the shipper at once; this is the safety net, and what "
                            "COMMIT PREPARED waits "
                            "for.",
                            &setting_poll_interval, 5000, 100, 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS,
                            nullptr, nullptr, nullptr);
    if (!process_shared_preload_libraries_in_progress)
        return; /* what follows can only be set when the server starts */
    DefineCustomIntVariable(
        "crm_capi.max_shippers", "Sets how many databases can have a shipper at the same time.",
        "Each shipper takes one of max_worker_processes.", &setting_max_shippers, 4, 1, 64,
        PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
}

}  // namespace crm_capi
