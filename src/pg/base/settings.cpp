/*
 * settings.cpp - the settings (GUCs) of crm_capi.
 */
#include "pg/base/settings.hpp"

#include <unistd.h>

#include "core/text/host_list.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

char* setting_databases = nullptr;
char* setting_hosts = nullptr;
int setting_poll_interval = 5000;
int setting_condition_timeout = 5000;
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

/* A list that cannot be read would name no database: every shipper would stop. */
bool
check_databases(char** list, void**, GucSource)
{
    List* names;
    char* const copy = pstrdup(*list); /* SplitIdentifierString() cuts it up */
    const bool is_list = SplitIdentifierString(copy, ',', &names);

    if (is_list)
        list_free(names);
    else
        GUC_check_errdetail("List syntax is invalid.");
    if (!is_list)
        GUC_check_errhint(
            "Separate the names of databases by commas, and put names with other "
            "characters than letters, digits and underscores into double quotes.");
    pfree(copy);
    return is_list;
}

/* What the configuration file says of our settings, which it may do before anybody knows them.
 * When they are defined, the server only warns of a wrong value and takes the default: for
 * databases that would be all, for the number of shippers too few. */
struct Wanted {
    const char* name;
    const char* value; /* NULL = nothing */
};

Wanted
wanted(const char* name)
{
    const char* const value = GetConfigOption(name, true, false);

    return {name, value ? pstrdup(value) : nullptr};
}

/* Stops the start of the server with the message that a setting of its own would get. */
void
require_valid(const Wanted& setting)
{
    if (setting.value)
        (void)set_config_option(setting.name, setting.value, PGC_POSTMASTER, PGC_S_FILE,
                                GUC_ACTION_SET, false, ERROR, false);
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

/* Asked for anew each time: a container can be given its name when it already runs. */
const char*
host_name()
{
    char name[256] = "";

    if (gethostname(name, sizeof name - 1) != 0)
        return pstrdup("");
    return pstrdup(name);
}

bool
is_allowed_host()
{
    return ListNamesHost(setting_hosts, host_name());
}

namespace {

/* Those that can be set at any time. */
void
define_common_settings()
{
    DefineCustomStringVariable(
        "crm_capi.databases", "Sets the databases whose events are shipped.",
        "A list of names, separated by commas. Empty means every database that has the extension.",
        &setting_databases, "", PGC_SIGHUP, GUC_LIST_INPUT, check_databases, nullptr, nullptr);
    DefineCustomStringVariable("crm_capi.hosts", "Sets the hosts from which events are sent.",
                               "A list of host names and patterns with * and ?, separated by "
                               "commas. Empty means every host.",
                               &setting_hosts, "", PGC_SIGHUP, GUC_LIST_INPUT, nullptr, nullptr,
                               nullptr);
    DefineCustomIntVariable("crm_capi.poll_interval",
                            "Sets the longest time after which a sleeping worker looks again.",
                            "A commit wakes the shipper at once; this is the safety net, and what "
                            "COMMIT PREPARED waits "
                            "for.",
                            &setting_poll_interval, 5000, 100, 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "crm_capi.condition_timeout",
        "Sets how long a condition that is checked before sending may take.",
        "For watches with recheck. An event whose condition takes longer is tried again later; "
        "others do not wait for it.",
        &setting_condition_timeout, 5000, 10, 300 * 1000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr,
        nullptr);
    DefineCustomIntVariable(
        "crm_capi.retention", "Sets how long the history of delivered events is kept.",
        "Parked and owed events stay, whatever their age. 0 keeps all for ever.",
        &setting_retention, 30 * SECS_PER_DAY, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_S, check_retention,
        nullptr, nullptr);
}

/* Those that can only be set when the server starts. */
void
define_start_settings()
{
    DefineCustomIntVariable(
        "crm_capi.max_shippers", "Sets how many databases can have a shipper at the same time.",
        "Databases take turns, however many there are. Each shipper takes one of "
        "max_worker_processes.",
        &setting_max_shippers, 4, 1, 1024, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
    /* The range that 18 leaves to extensions. 24 is for those without a number of their own. */
    DefineCustomIntVariable(
        "crm_capi.statistics_kind", "Sets the number of our kind among the server's statistics.",
        "From PostgreSQL 18 on. No other preloaded library may use the same.",
        &setting_statistics_kind, 24, 24, 32, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
}

}  // namespace

void
define_settings()
{
    static const char* const names[] = {"crm_capi.databases", "crm_capi.poll_interval",
                                        "crm_capi.retention", "crm_capi.max_shippers",
                                        "crm_capi.statistics_kind"};
    Wanted before[lengthof(names)];

    if (!process_shared_preload_libraries_in_progress) {
        define_common_settings();
        return;
    }
    for (size_t i = 0; i < lengthof(names); i++)
        before[i] = wanted(names[i]);
    define_common_settings();
    define_start_settings();
    for (const Wanted& setting : before)
        require_valid(setting);
}

}  // namespace crm_capi
