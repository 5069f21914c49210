/*
 * numbers.hpp - the numbers that our sequences hand out: ids of events and requests, and numbers of
 * datasets.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

enum class Numbered { kEvents, kRequests, kDatasets };

/* The next number, behind all that the tables know of when a process first asks; that of an event
 * is behind what the shipper has read, whose owner must have a transaction id when he asks. It may
 * be taken all the same: whoever inserts a row with it and is told so calls distrust_numbers() and
 * asks again. Needs no right on the sequence. */
int64 next_number(Oid schema, Numbered what);

/* The next number is held against the tables again. */
void distrust_numbers(Numbered what);

}  // namespace crm_capi
