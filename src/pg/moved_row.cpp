/*
 * moved_row.cpp - rows that move between partitions.
 */
#include "pg/moved_row.hpp"

#include "core/validation.hpp"

namespace crm_capi {

namespace {

/* Fixed memory: nothing to free when a transaction is aborted in between. A stage that is too long
 * is parked, so its text does not have to be kept. */
struct DeletedRow {
    bool valid;
    TransactionId transaction; /* an aborted one must not be remembered by the next */
    Oid server;
    bool has_lead_id;
    int64 lead_id;
    int stage_length; /* -1 = none */
    char stage[kMaxEventNameCharacters * MAX_MULTIBYTE_CHAR_LEN];
};

DeletedRow deleted;

int
stage_length(const NewEvent& event)
{
    return event.event_name ? static_cast<int>(VARSIZE_ANY_EXHDR(event.event_name)) : -1;
}

}  // namespace

void
remember_deleted(Oid server, const NewEvent& event)
{
    const int length = stage_length(event);

    deleted.valid = length <= static_cast<int>(sizeof deleted.stage);
    deleted.transaction = GetTopTransactionIdIfAny();
    deleted.server = server;
    deleted.has_lead_id = event.has_lead_id;
    deleted.lead_id = event.lead_id;
    deleted.stage_length = length;
    if (deleted.valid && length > 0)
        memcpy(deleted.stage, VARDATA_ANY(event.event_name), static_cast<size_t>(length));
}

bool
is_moved(Oid server, const NewEvent& event)
{
    const int length = stage_length(event);
    const bool same = deleted.valid && deleted.transaction == GetTopTransactionIdIfAny() &&
                      deleted.server == server && deleted.has_lead_id == event.has_lead_id &&
                      deleted.lead_id == event.lead_id && deleted.stage_length == length &&
                      (length <= 0 || memcmp(deleted.stage, VARDATA_ANY(event.event_name),
                                             static_cast<size_t>(length)) == 0);
    deleted.valid = false;
    return same;
}

void
forget_deleted()
{
    deleted.valid = false;
}

}  // namespace crm_capi
