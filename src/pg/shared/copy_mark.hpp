/*
 * copy_mark.hpp - the mark of a server that began as a backup of another one.
 *
 * A base backup started as a server of its own, and a point-in-time recovery, have the catalogs and
 * the identity of their original. What tells them from it lies in the data directory, and only
 * until the first start is over: a backup label or a recovery signal, without the standby signal
 * that makes a standby of a backup. So whoever starts like that is marked, by a file beside them
 * that stays. It goes where the data directory goes: a standby of a marked server has the same
 * mark, whether pg_basebackup or pg_rewind made it, and a backup of it, started on its own, gets
 * another.
 *
 * What has been accepted (origin.hpp) names the mark, so the file need never be taken away.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct CopyMark {
    uint64 id; /* 0 = this server did not begin as a backup */
    TimestampTz made_at;
    bool is_recovery; /* to a point in time, or to the end of an archive */
};

/* What a mark has that cannot be read: no dataset has been accepted under it unless somebody has
 * done so since. */
constexpr uint64 kUnreadableMark = PG_UINT64_MAX;

/* To be called while shared_preload_libraries is processed: a server that starts from a backup is
 * marked before its recovery begins. */
void mark_copies();

/* The mark of this server; read once per process, for it does not change while the server runs. */
const CopyMark* copy_mark();

}  // namespace crm_capi
