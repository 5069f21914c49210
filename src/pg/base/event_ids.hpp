/*
 * event_ids.hpp - the type capi_event_ids: the events of a request, as its row keeps them.
 *
 * To the eye it is an int8multirange, which it casts to; what lies in the table is a tenth of it
 * where datasets take turns (packed_ids.hpp).
 */
#pragma once

#include "core/ids/id_set.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* In current memory, of ascending ranges that are not adjacent; ids begin at 1. */
Datum event_ids_datum(const IdSet& ids);
Datum event_ids_datum(const IdRange* ranges, int count);

/* The ranges of a value, in current memory; returns how many there are. An ERROR if it is
 * damaged. */
int read_event_ids(Datum value, IdRange** ranges);

}  // namespace crm_capi
