/*
 * stored_json.cpp - whether a jsonb value is one.
 */
#include "pg/queue/stored_json.hpp"

namespace crm_capi {

namespace {

/* Deeper than the parser lets any text go with the usual max_stack_depth. */
constexpr int kDeepest = 10000;

bool is_sound_container(const char* start, size_t size, int depth);

/* A number has a header of two bytes, or of four if the highest bit of the first two is not set
 * (numeric.c). What its digits are does no harm. */
bool
is_sound_numeric(const char* start, size_t size)
{
    uint16 header;
    const bool has_short_length = size > 0 && VARATT_IS_SHORT(start) && !VARATT_IS_EXTERNAL(start);
    const size_t before = has_short_length ? VARHDRSZ_SHORT : VARHDRSZ;

    if (size < before + sizeof header || !(has_short_length || VARATT_IS_4B_U(start)))
        return false;
    memcpy(&header, start + before, sizeof header);
    const size_t fixed = before + ((header & 0x8000) != 0 ? sizeof header : 2 * sizeof header);
    return VARSIZE_ANY(start) >= fixed && VARSIZE_ANY(start) <= size;
}

/* A value in the bytes from `start` on, which stand at `offset` of what the offsets count from:
 * numbers and containers are aligned there. */
bool
is_sound_value(JEntry entry, const char* start, size_t offset, size_t size, int depth)
{
    const size_t padding = INTALIGN(offset) - offset;

    if (JBE_ISSTRING(entry))
        return true;
    if (JBE_ISNULL(entry) || JBE_ISBOOL(entry))
        return size == 0;
    if (padding > size)
        return false;
    if (JBE_ISNUMERIC(entry))
        return is_sound_numeric(start + padding, size - padding);
    return JBE_ISCONTAINER(entry) && is_sound_container(start + padding, size - padding, depth + 1);
}

/* An array or an object: a header, an entry for each value or for each key and each value, then the
 * values. Each entry says where its value ends, or how long it is. */
bool
is_sound_container(const char* start, size_t size, int depth)
{
    const auto* const container = reinterpret_cast<const JsonbContainer*>(start);

    if (size < sizeof container->header || depth > kDeepest)
        return false;
    const bool is_object = JsonContainerIsObject(container);
    if (is_object == JsonContainerIsArray(container))
        return false;
    const size_t pairs = JsonContainerSize(container);
    const size_t count = is_object ? pairs * 2 : pairs;
    const size_t fixed = sizeof container->header + count * sizeof(JEntry);
    if (fixed > size || (JsonContainerIsScalar(container) && (is_object || count != 1)))
        return false;
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const JEntry entry = container->children[i];
        const size_t end = JBE_OFFLENFLD(entry) + (JBE_HAS_OFF(entry) ? 0 : offset);
        if (end < offset || end > size - fixed ||
            (i < pairs && is_object && !JBE_ISSTRING(entry)) ||
            !is_sound_value(entry, start + fixed + offset, offset, end - offset, depth))
            return false;
        offset = end;
    }
    return true;
}

}  // namespace

bool
is_sound(const Jsonb* json)
{
    return is_sound_container(VARDATA(json), VARSIZE(json) - VARHDRSZ, 0);
}

}  // namespace crm_capi
