/*
 * copy_mark.cpp - the mark of a server that began as a backup of another one.
 */
#include "pg/shared/copy_mark.hpp"

#include <sys/stat.h>
#include <unistd.h>

extern "C" {
#include "common/file_perm.h"
}

namespace crm_capi {

namespace {

constexpr const char* kFile = "crm_capi.copy";
constexpr const char* kNewFile = "crm_capi.copy.new";

constexpr const char* kFormat =
    "crm_capi: this server began as a backup of another one, see docs/copies.md\n"
    "mark " UINT64_FORMAT "\nmade " INT64_FORMAT "\nrecovery %d\n";
constexpr size_t kLongestFile = 256;

shmem_startup_hook_type startup_hook_of_others = nullptr;

/* Processes have it from the postmaster, which has read or made it before any of them began. */
CopyMark mark = {0, 0, false};
bool is_known = false;

bool
exists(const char* file)
{
    struct stat status;

    return stat(file, &status) == 0;
}

/* PostgreSQL itself gives the standby signal precedence over the recovery signal. A backup label
 * alone is not left by a crash: since 15 no backup writes it into the directory of a running
 * server.
 */
bool
starts_from_backup()
{
    return !exists(STANDBY_SIGNAL_FILE) &&
           (exists(BACKUP_LABEL_FILE) || exists(RECOVERY_SIGNAL_FILE));
}

CopyMark
read_mark()
{
    CopyMark read = {kUnreadableMark, 0, false};
    char text[kLongestFile];
    int is_recovery = 0;

    const int file = open(kFile, O_RDONLY | PG_BINARY, 0);
    if (file < 0 && errno == ENOENT)
        return {0, 0, false};
    const ssize_t length = file < 0 ? -1 : ::read(file, text, sizeof text - 1);
    if (file >= 0)
        (void)close(file);
    if (length <= 0)
        return read;
    text[length] = '\0';
    if (sscanf(text, kFormat, &read.id, &read.made_at, &is_recovery) != 3 || read.id == 0)
        return {kUnreadableMark, 0, false};
    read.is_recovery = is_recovery != 0;
    return read;
}

bool
write_mark_to(const char* path)
{
    char text[kLongestFile];

    const int length =
        snprintf(text, sizeof text, kFormat, mark.id, mark.made_at, mark.is_recovery ? 1 : 0);
    const int file = open(path, O_CREAT | O_TRUNC | O_WRONLY | PG_BINARY, pg_file_create_mode);
    if (file < 0)
        return false;
    const bool is_written =
        write(file, text, static_cast<size_t>(length)) == length && pg_fsync(file) == 0;
    return close(file) == 0 && is_written;
}

/* A copy that cannot be marked is held all the same, until the server is restarted: that it starts
 * matters more. Whatever keeps us from writing a hundred bytes here will keep PostgreSQL from it.
 */
void
make_mark()
{
    mark.made_at = GetCurrentTimestamp();
    mark.is_recovery = exists(RECOVERY_SIGNAL_FILE);
    if (!pg_strong_random(&mark.id, sizeof mark.id) || mark.id == 0)
        mark.id = static_cast<uint64>(mark.made_at);
    if (!write_mark_to(kNewFile))
        ereport(WARNING,
                (errcode_for_file_access(), errmsg("could not write file \"%s\": %m", kNewFile),
                 errdetail("After another restart crm_capi will take this server for the "
                           "original of its backup."),
                 errhint("Set crm_capi.hosts to the hosts that are to send.")));
    else
        (void)durable_rename(kNewFile, kFile, WARNING);
    ereport(LOG,
            (errmsg("this server starts from a backup: crm_capi sends nothing from here before "
                    "capi_resume() is called")));
}

/* Here, and not when the library is loaded: that happens also to who only asks for a setting
 * (postgres -C), and the backup may be made a standby afterwards. */
void
look_how_the_server_starts()
{
    if (startup_hook_of_others)
        startup_hook_of_others();
    if (IsUnderPostmaster)
        return;
    if (starts_from_backup())
        make_mark();
    else
        mark = read_mark();
    is_known = true;
}

}  // namespace

void
mark_copies()
{
    startup_hook_of_others = shmem_startup_hook;
    shmem_startup_hook = look_how_the_server_starts;
}

const CopyMark*
copy_mark()
{
    if (!is_known)
        mark = read_mark();
    is_known = true;
    return &mark;
}

}  // namespace crm_capi
