/*
 * no_writers.cpp - telling without a transaction that nobody has written anything meanwhile.
 */
#include "pg/base/no_writers.hpp"

namespace crm_capi {

uint64
no_writers_since(Snapshot snapshot)
{
    const uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
    const bool nobody_writes = snapshot->xcnt == 0 && !snapshot->suboverflowed &&
                               snapshot->xmax == static_cast<TransactionId>(next);

    return nobody_writes ? next : 0;
}

bool
still_no_writers(uint64 since)
{
    return since != 0 && since == U64FromFullTransactionId(ReadNextFullTransactionId());
}

}  // namespace crm_capi
