/*
 * figures_from_tables.hpp - what is owed, counted in the tables: when no shipper is there to be
 * asked.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Puts a row for each dataset that owes something or has requests under way; columns as
 * capi_figures() returns them. The caller has the right to know. */
void count_figures(Oid schema, Tuplestorestate* results);

}  // namespace crm_capi
