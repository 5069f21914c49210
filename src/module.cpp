/*
 * module.cpp - what happens when the library is loaded.
 */
#include "pg/catalog/own_tables_ddl.hpp"
#include "pg/catalog/phone_country.hpp"
#include "pg/shared/database_ddl.hpp"
#include "pg/queue/identities.hpp"
#include "pg/shipper/launcher.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/base/settings.hpp"
#include "pg/shared/copy_mark.hpp"
#include "pg/shared/shared_memory.hpp"
#include "pg/shared/published_totals.hpp"
#include "pg/shared/wakeup.hpp"
#include "pg/watch/handmade_watch.hpp"

extern "C" {
#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "crm_capi", .version = "1.0");
#else
PG_MODULE_MAGIC;
#endif

PGDLLEXPORT void _PG_init(void);
}

/* Loaded late, the SQL side works and only the worker is absent; so only preloading sets it up. */
void _PG_init(void) {
    if (IsBinaryUpgrade)
        return;
    crm_capi::define_settings();
    MarkGUCPrefixReserved("crm_capi");
    if (!process_shared_preload_libraries_in_progress)
        return;
    crm_capi::reserve_shared_memory();
    crm_capi::mark_copies();
    crm_capi::register_totals();
    crm_capi::register_launcher();
    crm_capi::watch_database_ddl();
    crm_capi::watch_prepared_commits();
    crm_capi::protect_own_tables();
    crm_capi::comment_on_handmade_watches();
    crm_capi::warm_phone_room();
}
