/*
 * turn_transaction.cpp - the transaction of a turn.
 */
#include "pg/shipper/turn_transaction.hpp"

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

void
begin_turn()
{
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
}

}  // namespace crm_capi
