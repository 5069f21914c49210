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

/* Both ends of a range of ids, of which only the lower one belongs to it, as they lie on disk. */
struct Ends {
    int64 first;
    int64 behind;
};
constexpr uint8 kOnlyTheLowerEndBelongs = RANGE_LB_INC;

/* An item for each range but the first tells where its ends lie: every so manyth by their offset,
 * and marked, the others by the length of those before. */
constexpr int kItemsPerOffset = 4;
constexpr uint32 kIsOffset = 0x80000000;

}  // namespace

/* The parts of the type as they lie on disk, which no version of the server changes: items, flags,
 * ends. make_multirange() asks of each range whether the next one is adjacent to it, for which it
 * makes a third one, and takes ten times as long. */
Datum
multirange_datum(const IdRange* ranges, int count)
{
    const Size items_size = sizeof(uint32) * static_cast<Size>(Max(count - 1, 0));
    const Size ends_begin =
        DOUBLEALIGN(sizeof(MultirangeType) + items_size + static_cast<Size>(count));
    const Size size = ends_begin + sizeof(Ends) * static_cast<Size>(count);
    auto* const bytes = static_cast<char*>(palloc0(size));
    auto* const value = reinterpret_cast<MultirangeType*>(bytes);
    auto* const items = reinterpret_cast<uint32*>(bytes + sizeof(MultirangeType));
    auto* const ends = reinterpret_cast<Ends*>(bytes + ends_begin);

    SET_VARSIZE(value, size);
    value->multirangetypid = INT8MULTIRANGEOID;
    value->rangeCount = static_cast<uint32>(count);
    memset(bytes + sizeof(MultirangeType) + items_size, kOnlyTheLowerEndBelongs,
           static_cast<size_t>(count));
    for (int i = 0; i < count; i++) {
        ends[i] = {ranges[i].first, ranges[i].last + 1};
        if (i > 0)
            items[i - 1] = i % kItemsPerOffset == 0
                               ? kIsOffset | static_cast<uint32>(sizeof(Ends) * i)
                               : sizeof(Ends);
    }
    return PointerGetDatum(value);
}

Datum
multirange_datum(const IdSet& ids)
{
    return multirange_datum(ids.ranges().data(), static_cast<int>(ids.ranges().size()));
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
