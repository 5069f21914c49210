/*
 * row_stage.cpp - the stage that a row has, under the name that it is sent by.
 */
#include "pg/row/row_stage.hpp"

#include "pg/base/json.hpp"
#include "pg/base/texts.hpp"

namespace crm_capi {

namespace {

/* The name under which the map has the stage; NULL if it does not name it. */
text*
mapped_name(Jsonb* map, const text* name)
{
    JsonbValue value;

    if (name == nullptr || !find_member(&map->root, text_view(name), &value))
        return nullptr;
    return cstring_to_text_with_len(value.val.string.val, value.val.string.len);
}

/* Whether the map gives the name to some stage. */
bool
maps_to(Jsonb* map, const text* name)
{
    JsonbIterator* iterator = JsonbIteratorInit(&map->root);
    JsonbValue value;
    JsonbIteratorToken token;

    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token == WJB_VALUE && value.type == jbvString &&
            std::string_view(value.val.string.val, value.val.string.len) == text_view(name))
            return true;
    }
    return false;
}

}  // namespace

Stage
stage_of(Watch* watch, const RowValues& values)
{
    Stage stage = {};

    stage.name = read_stage(&watch->sources[kStageRole].reader, values.values[kStageRole],
                            values.nulls[kStageRole], &stage.reason, &stage.detail);
    text* const mapped = watch->stage_map ? mapped_name(watch->stage_map, stage.name) : nullptr;
    stage.is_mapped = mapped != nullptr;
    if (stage.is_mapped)
        stage.name = mapped;
    return stage;
}

bool
is_same_stage(const Stage& a, const Stage& b)
{
    const bool are_readable = a.reason == Reason::kNone && b.reason == Reason::kNone;

    return are_readable && is_same_text(a.name, b.name) &&
           (a.name == nullptr || a.is_mapped == b.is_mapped);
}

Stage
stage_of_parked(const Watch* watch, text* name)
{
    Stage stage = {};
    text* const mapped = watch->stage_map ? mapped_name(watch->stage_map, name) : nullptr;

    stage.name = mapped != nullptr ? mapped : name;
    stage.is_mapped =
        mapped != nullptr || (watch->stage_map != nullptr && maps_to(watch->stage_map, name));
    return stage;
}

}  // namespace crm_capi
