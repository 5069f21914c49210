/*
 * multirange.cpp - a set of ids as PostgreSQL's int8multirange.
 */
#include "pg/base/multirange.hpp"

extern "C" {
#include "utils/multirangetypes.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"
}

namespace crm_capi {

namespace {

/* One end of a range of ids, of which only the lower one belongs to it: what a function of the type
 * would make of any other form, at half the cost of all that is done for a range. */
RangeBound
bound(int64 id, bool lower)
{
    RangeBound bound = {};

    bound.val = Int64GetDatum(id);
    bound.inclusive = lower;
    bound.lower = lower;
    return bound;
}

}  // namespace

Datum
multirange_datum(const IdSet& ids)
{
    TypeCacheEntry* const type = lookup_type_cache(INT8RANGEOID, TYPECACHE_RANGE_INFO);
    const size_t count = ids.ranges().size();
    auto* const ranges = static_cast<RangeType**>(palloc(sizeof(RangeType*) * Max(count, 1)));

    for (size_t i = 0; i < count; i++) {
        RangeBound lower = bound(ids.ranges()[i].first, true);
        RangeBound upper = bound(ids.ranges()[i].last + 1, false);
        ranges[i] = write_range(type, &lower, &upper);
    }
    return PointerGetDatum(
        make_multirange(INT8MULTIRANGEOID, type, static_cast<int32>(count), ranges));
}

int
read_ranges(Datum multirange, IdRange** ranges)
{
    const MultirangeType* const value = DatumGetMultirangeTypeP(multirange);
    TypeCacheEntry* const type =
        value->rangeCount == 0 ? nullptr : lookup_type_cache(INT8RANGEOID, TYPECACHE_RANGE_INFO);
    int count = 0;

    *ranges = static_cast<IdRange*>(palloc(sizeof(IdRange) * Max(value->rangeCount, 1)));
    for (uint32 i = 0; i < value->rangeCount; i++) {
        RangeBound lower;
        RangeBound upper;
        multirange_get_bounds(type, value, i, &lower, &upper);
        if (!lower.infinite && !upper.infinite)
            (*ranges)[count++] = {DatumGetInt64(lower.val), DatumGetInt64(upper.val) - 1};
    }
    return count;
}

}  // namespace crm_capi
