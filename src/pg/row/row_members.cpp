/*
 * row_members.cpp - the members of user_data, custom_data and consent that a watch takes from a
 * row.
 *
 * All of it happens with the owner's rights: what turns a value into JSON can be a cast that
 * somebody has written.
 */
#include "pg/row/row_members.hpp"

#include "pg/base/json.hpp"
#include "pg/row/row_values.hpp"

namespace crm_capi {

namespace {

struct MembersReading {
    Watch* watch;
    const Row* row;
    RowMembers* members;
    const char* prefix;     /* of what is being read: "user_data.", "custom_data." or nothing */
    const Member* member;   /* being read */
    Expression* expression; /* being evaluated */
};

/* Numbers and truth values as texts, which all identities are. */
void
turn_into_text(JsonbValue* value)
{
    if (value->type == jbvString || value->type == jbvBinary)
        return;
    *value = string_value(print_json(JsonbValueToJsonb(value)));
}

/* The value of the source as JSON, or NULL. */
Jsonb*
read_source(MembersReading* reading, MemberSource* source)
{
    bool isnull;
    Datum value;

    reading->expression = source->source.expression;
    if (reading->expression != nullptr)
        value = evaluate(reading->expression, *reading->row, &isnull);
    else
        value = slot_getattr(reading->row->now, source->source.reader.number, &isnull);
    return isnull ? nullptr : DatumGetJsonbP(FunctionCall1(&source->to_json, value));
}

/* A list within a list counts by its elements. Returns how many were pushed. */
int
push_elements(JsonBuilder* builder, Jsonb* json, bool as_text)
{
    int pushed = 0;

    for (uint32 i = 0; i < JB_ROOT_COUNT(json); i++) {
        JsonbValue* const value = getIthJsonbValueFromContainer(&json->root, i);
        if (value->type == jbvNull)
            continue;
        if (as_text)
            turn_into_text(value);
        push_json(builder, WJB_ELEM, value);
        pushed++;
    }
    return pushed;
}

/* Makes a value of the JSON, without a copy. */
void
refer_to(Jsonb* json, JsonbValue* value)
{
    value->type = jbvBinary;
    value->val.binary.data = &json->root;
    value->val.binary.len = static_cast<int>(VARSIZE(json) - VARHDRSZ);
}

/* The JSON as an element, or each of its elements. Returns how many were pushed. */
int
push_element(JsonBuilder* builder, Jsonb* json, bool as_text)
{
    JsonbValue value;

    if (JB_ROOT_IS_ARRAY(json)) /* a scalar is an array of one, too */
        return push_elements(builder, json, as_text);
    refer_to(json, &value);
    push_json(builder, WJB_ELEM, &value);
    return 1;
}

/* False if it is NULL, or a list of nothing. */
bool
read_member(MembersReading* reading, JsonbValue* value, bool as_text)
{
    const Member* const member = reading->member;
    JsonBuilder builder = {};
    int count = 0;

    push_json(&builder, WJB_BEGIN_ARRAY, nullptr);
    for (int i = 0; i < member->count; i++) {
        Jsonb* const json = read_source(reading, &member->sources[i]);
        if (json == nullptr)
            continue;
        const bool is_scalar = JB_ROOT_IS_SCALAR(json);
        if (!member->is_list && is_scalar) {
            (void)JsonbExtractScalar(&json->root, value);
            if (as_text)
                turn_into_text(value);
            return value->type != jbvNull;
        }
        if (!member->is_list && !as_text) {
            refer_to(json, value);
            return true;
        }
        count += push_element(&builder, json, as_text);
    }
    push_json(&builder, WJB_END_ARRAY, nullptr);
    refer_to(built_json(builder), value);
    return count > 0;
}

/* NULL if the object would have no member. */
Jsonb*
read_object(MembersReading* reading, const Members& members, const char* prefix, bool as_text)
{
    JsonBuilder builder = {};
    int count = 0;

    reading->prefix = prefix;
    push_json(&builder, WJB_BEGIN_OBJECT, nullptr);
    for (int i = 0; i < members.count; i++) {
        JsonbValue key = string_value(members.list[i].key);
        JsonbValue value;
        reading->member = &members.list[i];
        if (!read_member(reading, &value, as_text))
            continue;
        push_json(&builder, WJB_KEY, &key);
        push_json(&builder, WJB_VALUE, &value);
        count++;
    }
    push_json(&builder, WJB_END_OBJECT, nullptr);
    return count > 0 ? built_json(builder) : nullptr;
}

/* Runs with the owner's rights. */
void
read_objects(void* argument)
{
    auto* const reading = static_cast<MembersReading*>(argument);

    reading->members->user_data =
        read_object(reading, reading->watch->user_data, "user_data.", true);
    reading->members->custom_data =
        read_object(reading, reading->watch->custom_data, "custom_data.", false);
    reading->members->consent = read_object(reading, reading->watch->consent, "", false);
}

}  // namespace

/* Never an ERROR of an expression: that becomes the reason. Others, such as a cancel, go on. */
void
read_members(Watch* watch, const Row& row, RowMembers* members)
{
    MembersReading reading = {watch, &row, members, "", nullptr, nullptr};
    Failure failure;

    memset(members, 0, sizeof *members);
    if (watch->user_data.count + watch->custom_data.count + watch->consent.count == 0)
        return;
    if (try_for_watch(watch, Surroundings::kPinned, read_objects, &reading, &failure))
        return;
    if (reading.expression != nullptr)
        forget_state(reading.expression);
    members->user_data = nullptr;
    members->custom_data = nullptr;
    members->consent = nullptr;
    members->reason = Reason::kExpressionFailed;
    members->detail = psprintf("argument \"%s%s\": SQLSTATE %s", reading.prefix,
                               reading.member->key, unpack_sql_state(failure.sqlstate));
}

}  // namespace crm_capi
