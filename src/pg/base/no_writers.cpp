/*
 * no_writers.cpp - telling without a transaction that nobody has written anything meanwhile.
 */
#include "pg/base/no_writers.hpp"

namespace crm_capi {

uint64
quiet_since(Snapshot snapshot)
{
    const uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
    const bool quiet = snapshot->xcnt == 0 && !snapshot->suboverflowed &&
                       snapshot->xmax == static_cast<TransactionId>(next);

    return quiet ? next : 0;
}

bool
is_still_quiet(uint64 since)
{
    return since != 0 && since == U64FromFullTransactionId(ReadNextFullTransactionId());
}

}  // namespace crm_capi
