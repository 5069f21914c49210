/*
 * settings.hpp - the settings (GUCs) of crm_capi.
 */
#pragma once

namespace crm_capi {

extern char* setting_databases;   /* names, separated by commas; empty = wherever it is installed */
extern char* setting_hosts;       /* names and patterns; empty = every host may send */
extern int setting_poll_interval; /* milliseconds */
extern int setting_condition_timeout; /* milliseconds */
extern int setting_retention;         /* seconds; 0 or less = for ever */
extern int setting_max_shippers;
extern int setting_statistics_kind;

/* Defines all of them. Must run before the prefix is reserved, preloaded or not. */
void define_settings();

/* Whether crm_capi.databases names this database, or none. */
bool is_chosen_database(const char* database);

/* The name of this host, in current memory, and whether crm_capi.hosts lets it send. */
const char* host_name();
bool is_allowed_host();

}  // namespace crm_capi
