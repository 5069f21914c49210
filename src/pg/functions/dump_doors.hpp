/*
 * dump_doors.hpp - rows that a restore has left in the doors for dumps.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The doors in which rows lie, separated by commas; empty if none does. Needs SPI. */
const char* doors_with_rows(Oid schema);

}  // namespace crm_capi
