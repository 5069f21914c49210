/*
 * turn_transaction.hpp - the transaction of a turn.
 */
#pragma once

namespace crm_capi {

/* A transaction with SPI and a snapshot. */
void begin_turn();
/* Commits. */
void end_turn();

}  // namespace crm_capi
