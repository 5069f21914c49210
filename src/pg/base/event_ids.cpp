/*
 * event_ids.cpp - the type capi_event_ids: the events of a request, as its row keeps them.
 */
#include "pg/base/event_ids.hpp"

#include <string_view>

#include "core/ids/packed_ids.hpp"

namespace crm_capi {

Datum
event_ids_datum(const IdRange* ranges, int count)
{
    const Size most = kMostBytesPerRange * static_cast<Size>(count);
    auto* const value = static_cast<varlena*>(palloc(VARHDRSZ + most));
    auto* const bytes = reinterpret_cast<unsigned char*>(VARDATA(value));

    SET_VARSIZE(value, VARHDRSZ + PackIds(ranges, static_cast<size_t>(count), bytes));
    return PointerGetDatum(value);
}

Datum
event_ids_datum(const IdSet& ids)
{
    return event_ids_datum(ids.ranges().data(), static_cast<int>(ids.ranges().size()));
}

int
read_event_ids(Datum value, IdRange** ranges)
{
    const varlena* const packed = PG_DETOAST_DATUM_PACKED(value);
    const std::string_view bytes(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));

    *ranges = static_cast<IdRange*>(palloc(sizeof(IdRange) * Max(bytes.size(), 1)));
    const int count = UnpackIds(bytes, *ranges);
    if (count < 0)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("ids of events are damaged")));
    return count;
}

}  // namespace crm_capi
