/*
 * settings.cpp - the settings (GUCs) of crm_capi.
 */
#include "pg/base/settings.hpp"

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

char* setting_databases = nullptr;
int setting_poll_interval = 5000;
int setting_retention = 30 * SECS_PER_DAY;
int setting_max_shippers = 4;
int setting_statistics_kind = 24;

namespace {

/* An event can be sent for seven days, and is what a second one is compared with for as long. The
 * eighth day is a margin for clocks and for passes that come late. */
constexpr int kLeastRetention = 8 * SECS_PER_DAY;

/* Called by the server before it takes a new crm_capi.retention. */
bool
check_retention(int* seconds, void**, GucSource)
{
    if (*seconds <= 0 || *seconds >= kLeastRetention)
        return true;
    GUC_check_errdetail(
        "History must be kept for at least eight days: for seven of them an event "
        "can still be sent, or turn up again.");
    GUC_check_errhint("0 keeps it for ever.");
    return false;
}

/* Whether crm_capi.databases has the name in its list; a list that cannot be read has none. */
bool
is_named(const char* database)
{
    List* names;
    ListCell* cell;
    char* const list = pstrdup(setting_databases);

    if (!SplitIdentifierString(list, ',', &names))
        return false;
    foreach (cell, names) {
        if (strcmp(static_cast<const char*>(lfirst(cell)), database) == 0)
            return true;
    }
    return false;
}

}  // namespace

bool
is_chosen_database(const char* database)
{
    return *setting_databases == '\0' || is_named(database);
}

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
    DefineCustomIntVariable(
        "crm_capi.retention", "Sets how long the history of delivered events is kept.",
        "Parked and owed events stay, whatever their age. 0 keeps all for ever.",
        &setting_retention, 30 * SECS_PER_DAY, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_S, check_retention,
        nullptr, nullptr);
    if (!process_shared_preload_libraries_in_progress)
        return; /* what follows can only be set when the server starts */
    DefineCustomIntVariable(
        "crm_capi.max_shippers", "Sets how many databases can have a shipper at the same time.",
        "Each shipper takes one of max_worker_processes.", &setting_max_shippers, 4, 1, 64,
        PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
    /* The range that 18 leaves to extensions. 24 is for those without a number of their own. */
    DefineCustomIntVariable(
        "crm_capi.statistics_kind", "Sets the number of our kind among the server's statistics.",
        "From PostgreSQL 18 on. No other preloaded library may use the same.",
        &setting_statistics_kind, 24, 24, 32, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
}

}  // namespace crm_capi
