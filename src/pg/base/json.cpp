/*
 * json.cpp - PostgreSQL's JSON values: read from text, written as text, looked into.
 */
#include "pg/base/json.hpp"

namespace crm_capi {

Jsonb*
parse_json(const char* json)
{
    return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

char*
print_json(const Jsonb* json)
{
    return JsonbToCString(nullptr, const_cast<JsonbContainer*>(&json->root),
                          static_cast<int>(VARSIZE(json)));
}

bool
find_member(const JsonbContainer* object, std::string_view key, JsonbValue* member)
{
    return getKeyJsonValueFromContainer(const_cast<JsonbContainer*>(object), key.data(),
                                        static_cast<int>(key.size()), member) != nullptr;
}

const char*
text_member(const JsonbContainer* object, std::string_view key)
{
    JsonbValue member;

    if (!find_member(object, key, &member) || member.type != jbvString)
        return nullptr;
    return copy_string(member);
}

char*
copy_string(const JsonbValue& text)
{
    return pnstrdup(text.val.string.val, static_cast<Size>(text.val.string.len));
}

JsonbValue
string_value(const char* text)
{
    JsonbValue value;

    value.type = jbvString;
    value.val.string.val = const_cast<char*>(text);
    value.val.string.len = static_cast<int>(strlen(text));
    return value;
}

}  // namespace crm_capi
