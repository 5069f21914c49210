/*
 * multirange.hpp - a set of ids as PostgreSQL's int8multirange.
 */
#pragma once

#include "core/ids/id_set.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* In current memory, of ascending ranges that are not adjacent. By way of its text it takes ten
 * times as long: a request to one of several datasets that take turns in the log has a range for
 * each event. */
Datum multirange_datum(const IdSet& ids);
Datum multirange_datum(const IdRange* ranges, int count);

/* The ranges of an int8multirange with an end and a beginning, in current memory; returns how many
 * there are. One without is none that we have written. */
int read_ranges(Datum multirange, IdRange** ranges);

}  // namespace crm_capi
