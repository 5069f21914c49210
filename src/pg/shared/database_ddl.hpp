/*
 * database_ddl.hpp - statements that need a database to themselves.
 *
 * DROP DATABASE, CREATE DATABASE ... TEMPLATE, ALTER DATABASE ... RENAME and SET TABLESPACE refuse
 * a database that somebody is connected to. The shipper of that database steps aside while such a
 * statement of somebody entitled to it runs, and comes back behind it.
 */
#pragma once

namespace crm_capi {

/* To be called while shared_preload_libraries is processed. */
void watch_database_ddl();

}  // namespace crm_capi
