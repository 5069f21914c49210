/*
 * no_writers.hpp - telling without a transaction that nobody has written anything meanwhile.
 *
 * An idle worker asks this at each poll, and mostly does nothing else.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The next transaction id, if by this snapshot nobody was writing and nobody has begun to since;
 * else 0. Prepared transactions count as writing. */
uint64 no_writers_since(Snapshot snapshot);

/* Whether no transaction has begun to write since no_writers_since() answered; never after 0. */
bool still_no_writers(uint64 since);

}  // namespace crm_capi
