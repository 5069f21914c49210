/*
 * turn_transaction.cpp - the transaction of a turn.
 */
#include "pg/shipper/turn_transaction.hpp"

#include "pg/base/pg_prelude.hpp"
#include "pg/shared/turn_clock.hpp"

namespace crm_capi {

void
begin_turn()
{
    note_turn_begins();
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
}

void
end_turn()
{
    PopActiveSnapshot();
    SPI_finish();
    CommitTransactionCommand();
    note_turn_ends();
}

}  // namespace crm_capi
