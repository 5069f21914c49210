/*
 * worker.hpp - the descriptions of our background workers, for the postmaster.
 *
 * Each starts when recovery has ended, so that none runs on a standby, and is not restarted: who
 * registers it may change that.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* A worker of the whole server. `type` is what pg_stat_activity shows, `function` where it begins;
 * both at most BGW_MAXLEN - 1 bytes. */
BackgroundWorker describe_worker(const char* type, const char* function);

/* A worker of one database, named after it; its number is in bgw_extra, see worker_database().
 * From 19 on the server itself ends it for a statement that needs the database for itself, should
 * database_ddl not have seen that statement come. */
BackgroundWorker describe_worker_of(const char* type, const char* function, Oid database);

/* For a worker that runs no code of others: once PostgreSQL has given everything back, its process
 * ends without the handlers of its libraries. OpenSSL's would free what it has inherited, and copy
 * each page of that to do so: a third of what a session costs that begins and ends at once. */
void skip_exit_handlers();

/* For a worker that makes and frees requests and what they will carry again and again: up to 32 MiB
 * stay with the process. By default the C library gives much of it back to the system each time,
 * and to touch a new page costs more than to fill it. */
void keep_freed_memory();

/* The database of this process, which was described by describe_worker_of(). */
Oid worker_database();

}  // namespace crm_capi
