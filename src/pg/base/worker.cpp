#include "pg/base/worker.hpp"

#include <malloc.h>
#include <unistd.h>

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

namespace {

/* The last of the callbacks at the end of a process, because it was registered first. */
void
leave_at_once(int code, Datum)
{
    _exit(code);
}

}  // namespace

BackgroundWorker
describe_worker(const char* type, const char* function)
{
    BackgroundWorker worker;

    memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "crm_capi", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
    strlcpy(worker.bgw_name, type, BGW_MAXLEN);
    strlcpy(worker.bgw_type, type, BGW_MAXLEN);
    return worker;
}

BackgroundWorker
describe_worker_of(const char* type, const char* function, Oid database)
{
    BackgroundWorker worker = describe_worker(type, function);

    worker.bgw_flags |= kInterruptibleWorker;
    snprintf(worker.bgw_name, BGW_MAXLEN, "%s for database %u", type, database);
    memcpy(worker.bgw_extra, &database, sizeof database);
    return worker;
}

Oid
worker_database()
{
    Oid database;

    memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof database);
    return database;
}

void
skip_exit_handlers()
{
    on_proc_exit(leave_at_once, 0);
}

/* Both: who sets one of them has the other as it is by default, which adapts itself no more. */
void
keep_freed_memory()
{
#ifdef __GLIBC__
    constexpr int kBytesKept = 32 * 1024 * 1024; /* the most that mallopt takes */

    (void)mallopt(M_MMAP_THRESHOLD, kBytesKept);
    (void)mallopt(M_TRIM_THRESHOLD, kBytesKept);
#endif
}

}  // namespace crm_capi
