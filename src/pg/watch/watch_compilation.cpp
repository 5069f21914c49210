/*
 * watch_compilation.cpp - from the texts of a watch to what reads them from a row.
 */
#include "pg/watch/watch_compilation.hpp"
#include "pg/base/json.hpp"

extern "C" {
#include "nodes/makefuncs.h"
}

namespace crm_capi {

namespace {

void
note_watch_dependencies(Watch* watch, const Expression* expression)
{
    const MemoryContext before = MemoryContextSwitchTo(watch->memory);

    watch->relations = list_concat(watch->relations, expression->relations);
    watch->items = list_concat(watch->items, expression->items);
    MemoryContextSwitchTo(before);
}

/* An expression that is a column of NEW and nothing more is read like one. */
Source
compile_source(Compilation* work, const char* text, bool may_read_old)
{
    const MemoryContext memory = work->watch->memory;
    Source source;
    Expression* const expression =
        compile_expression(work->table, text, work->part, may_read_old, memory);

    prepare_reader(expression->type, expression->collation, memory, &source.reader);
    source.reader.number = expression->column;
    source.expression = expression->column == 0 ? expression : nullptr;
    work->watch->has_expressions |= source.expression != nullptr;
    note_watch_dependencies(work->watch, expression);
    return source;
}

/* The JSON of a value depends on its type, which to_jsonb() takes from the call's expression. */
void
prepare_json(MemberSource* source, Oid type, MemoryContext memory)
{
    const MemoryContext before = MemoryContextSwitchTo(memory);
    FuncExpr* const call =
        makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(makeNullConst(type, -1, InvalidOid)),
                     InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);

    fmgr_info_cxt(F_TO_JSONB, &source->to_json, memory);
    fmgr_info_set_expr(reinterpret_cast<Node*>(call), &source->to_json);
    MemoryContextSwitchTo(before);
}

/* Compiles one text of the member. Room for all of them is there. */
void
add_source(Compilation* work, Member* member, const JsonbValue& text)
{
    MemberSource* const source = &member->sources[member->count++];

    source->source = compile_source(work, copy_string(text), false);
    prepare_json(source, source->source.reader.type, work->watch->memory);
}

/* A member is a text, or a list of texts. */
void
compile_member(Compilation* work, Member* member, const JsonbValue& value)
{
    const bool is_list = value.type == jbvBinary;
    const uint32 count = is_list ? JsonContainerSize(value.val.binary.data) : 1;

    member->is_list = is_list;
    member->sources = static_cast<MemberSource*>(
        MemoryContextAllocZero(work->watch->memory, Max(count, 1) * sizeof(MemberSource)));
    if (!is_list) {
        add_source(work, member, value);
        return;
    }
    for (uint32 i = 0; i < count; i++)
        add_source(work, member, *getIthJsonbValueFromContainer(value.val.binary.data, i));
}

/* Compiles user_data, custom_data or consent, an object of texts and lists of texts, as
 * capi_watch() has written it. The members of consent were arguments themselves: `prefix` is empty
 * then. */
void
compile_members(Compilation* work, const char* prefix, Jsonb* given, Members* members)
{
    JsonbValue key_or_value;
    Member* member = nullptr;

    if (given == nullptr)
        return;
    members->list = static_cast<Member*>(
        MemoryContextAllocZero(work->watch->memory, JB_ROOT_COUNT(given) * sizeof(Member)));
    JsonbIterator* position = JsonbIteratorInit(&given->root);
    for (JsonbIteratorToken token = JsonbIteratorNext(&position, &key_or_value, true);
         token != WJB_DONE; token = JsonbIteratorNext(&position, &key_or_value, true)) {
        if (token == WJB_KEY) {
            member = &members->list[members->count++];
            member->key = MemoryContextStrdup(work->watch->memory, copy_string(key_or_value));
            work->part =
                MemoryContextStrdup(work->watch->memory, psprintf("%s%s", prefix, member->key));
        } else if (token == WJB_VALUE) {
            compile_member(work, member, key_or_value);
        }
    }
}

/* An ERROR if the expression, should it be one, reads or calls what its owner may not. */
void
check_source(Compilation* work, const Source& source)
{
    if (source.expression == nullptr)
        return;
    work->part = source.expression->role;
    check_rights(source.expression);
}

/* The same for each source of user_data, custom_data or consent. */
void
check_members(Compilation* work, const Members& members)
{
    for (int i = 0; i < members.count; i++) {
        for (int j = 0; j < members.list[i].count; j++)
            check_source(work, members.list[i].sources[j].source);
    }
}

}  // namespace

void
compile_sources(void* argument)
{
    auto* const work = static_cast<Compilation*>(argument);
    const WatchDefinition* const definition = work->definition;

    for (int role = 0; role < kRoles; role++) {
        work->part = role_name(static_cast<Role>(role));
        if (definition->roles[role] == nullptr)
            continue;
        /* What the row was cannot be told when the condition is checked once more. */
        const bool may_read_old = role == kConditionRole && !definition->recheck;
        const Source source = compile_source(work, definition->roles[role], may_read_old);
        work->watch->sources[role] = source;
    }
    compile_members(work, "user_data.", definition->user_data, &work->watch->user_data);
    compile_members(work, "custom_data.", definition->custom_data, &work->watch->custom_data);
    compile_members(work, "", definition->consent, &work->watch->consent);
}

void
check_sources(void* argument)
{
    auto* const work = static_cast<Compilation*>(argument);

    for (const Source& source : work->watch->sources)
        check_source(work, source);
    check_members(work, work->watch->user_data);
    check_members(work, work->watch->custom_data);
    check_members(work, work->watch->consent);
}

}  // namespace crm_capi
