/*
 * watch_source.cpp - what capi_watch() is told to read: columns and expressions, checked and
 * written down as expressions.
 */
#include "pg/watch/watch_source.hpp"

#include "core/event/payload.hpp"
#include "core/identity/identity_field.hpp"
#include "pg/base/json.hpp"
#include "pg/watch/schema_qualification.hpp"

namespace crm_capi {

namespace {

/* An ERROR that shows what user_data looks like; `detail` says what is wrong with this one. */
void
refuse_members(const char* argument, const char* detail)
{
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("argument \"%s\" must be a JSON object of texts", argument),
             errdetail("%s", detail),
             errhint("Write it like {\"em\": \"email\", \"ph\": [\"phone\", \"NEW.data ->> "
                     "'mobile'\"]}: a key, and a column or an expression over NEW, or a list "
                     "of them.")));
}

/* An ERROR about one key. */
void
refuse_key(const char* argument, const char* key, const char* detail)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("key \"%s\" of argument \"%s\" cannot be set", key, argument),
                    errdetail("%s", detail), errhint("Leave the key out.")));
}

/* An ERROR unless the key may be set: one that the API knows in user_data, anything in custom_data
 * but what is written from the dataset. */
void
check_key(const char* argument, const char* key)
{
    if (strcmp(argument, "user_data") == 0) {
        if (FindIdentityField(key) == nullptr)
            refuse_key(argument, key, "The Conversions API has no such identity.");
        return;
    }
    for (const char* const fixed : kFixedCustomData) {
        if (strcmp(key, fixed) == 0)
            refuse_key(argument, key, "It is written from the dataset's options.");
    }
}

struct Rewriting {
    Relation table;
    const char* argument;
    const char* key;
    JsonBuilder written;
};

/* Pushes the source that the text is. */
void
push_text(Rewriting* work, JsonbIteratorToken token, const JsonbValue& value)
{
    if (value.type != jbvString)
        refuse_members(work->argument, psprintf("The value of \"%s\" is not a text.", work->key));
    const char* const text =
        write_source(work->table, copy_string(value), psprintf("%s.%s", work->argument, work->key));
    JsonbValue written = string_value(text);
    push_json(&work->written, token, &written);
}

/* What has neither key nor text is passed on. */
void
rewrite(Rewriting* work, JsonbIteratorToken token, JsonbValue* value)
{
    switch (token) {
        case WJB_KEY:
            work->key = copy_string(*value);
            check_key(work->argument, work->key);
            push_json(&work->written, token, value);
            return;
        case WJB_VALUE:
        case WJB_ELEM:
            push_text(work, token, *value);
            return;
        default:
            push_json(&work->written, token, nullptr);
    }
}

/* Objects within, and lists within lists, have no meaning. */
void
check_depth(const Rewriting& work, JsonbIteratorToken token, int* depth)
{
    if (token == WJB_BEGIN_OBJECT || token == WJB_BEGIN_ARRAY)
        ++*depth;
    if (token == WJB_END_OBJECT || token == WJB_END_ARRAY)
        --*depth;
    if ((token == WJB_BEGIN_OBJECT && *depth > 1) || *depth > 2)
        refuse_members(
            work.argument,
            psprintf("The value of \"%s\" is neither a text nor a list of texts.", work.key));
}

}  // namespace

/* What a virtual column holds is not in the row that a trigger sees. */
bool
is_column(Relation table, const char* name)
{
    const AttrNumber number = get_attnum(RelationGetRelid(table), name);

    if (number <= 0)
        return false;
    if (TupleDescAttr(RelationGetDescr(table), number - 1)->attgenerated == 'v')
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("column \"%s\" of relation \"%s\" cannot be watched", name,
                               RelationGetRelationName(table)),
                        errdetail("It is a virtual generated column: its value is not in the row."),
                        errhint("Use the expression that generates it.")));
    return true;
}

const char*
write_source(Relation table, const char* text, const char* argument)
{
    return is_column(table, text) ? psprintf("NEW.%s", quote_identifier(text))
                                  : qualify_names(table, text, argument);
}

Jsonb*
read_member_sources(FunctionCallInfo fcinfo, int number, const char* argument, Relation table)
{
    Rewriting work = {table, argument, "", {}};
    JsonbValue value;
    int depth = 0;

    if (PG_ARGISNULL(number))
        return nullptr;
    Jsonb* const given = PG_GETARG_JSONB_P(number);
    if (!JB_ROOT_IS_OBJECT(given) || JB_ROOT_COUNT(given) == 0)
        refuse_members(argument, "It is not an object with members.");
    JsonbIterator* position = JsonbIteratorInit(&given->root);
    for (JsonbIteratorToken token = JsonbIteratorNext(&position, &value, false); token != WJB_DONE;
         token = JsonbIteratorNext(&position, &value, false)) {
        check_depth(work, token, &depth);
        rewrite(&work, token, &value);
    }
    return built_json(work.written);
}

}  // namespace crm_capi
