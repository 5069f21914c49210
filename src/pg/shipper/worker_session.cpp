/*
 * worker_session.cpp - the session of a worker.
 */
#include "pg/shipper/worker_session.hpp"

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

void
pin_session()
{
    static const char* const pinned[][2] = {
        {"role", "none"},
        {"search_path", "pg_catalog, pg_temp"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
        {"statement_timeout", "0"},
        {"lock_timeout", "0"},
        {"transaction_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"idle_session_timeout", "0"},
        {"row_security", "off"},
        {"session_replication_role", "origin"},
        {"synchronous_commit", "off"}, /* turn.cpp turns it on where something is to be sent */
        {"standard_conforming_strings", "on"},
        {"transform_null_equals", "off"},
        {"array_nulls", "on"},
        {"TimeZone", "UTC"},
        {"DateStyle", "ISO, MDY"},
        {"IntervalStyle", "postgres"},
        {"bytea_output", "hex"},
        {"exit_on_error", "off"},
        {"jit", "off"}, /* compiling would take longer than any of our statements */
        {"max_parallel_workers_per_gather", "0"},
        {"debug_print_parse", "off"}, /* they would write values into the log */
        {"debug_print_rewritten", "off"},
        {"debug_print_plan", "off"},
    };

    if (GetSessionUserId() != BOOTSTRAP_SUPERUSERID)
        SetSessionAuthorization(BOOTSTRAP_SUPERUSERID, true);
    for (const auto& setting : pinned)
        pin_setting(setting[0], setting[1]);
}

/* Some settings are not known to every server. */
void
pin_setting(const char* name, const char* value)
{
    if (GetConfigOption(name, true, false) != nullptr)
        SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

}  // namespace crm_capi
