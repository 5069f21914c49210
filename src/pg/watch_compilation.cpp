/*
 * watch_compilation.cpp - from the texts of a watch to what reads them from a row.
 */
#include "pg/watch_compilation.hpp"

namespace crm_capi {

namespace {

/* An expression that is a column of NEW and nothing more is read like one. */
Source
compile_source(Relation table, const char* text, Role role, MemoryContext memory)
{
    Source source;
    Expression* const expression =
        compile_expression(table, text, role_name(role), role == kConditionRole, memory);

    prepare_reader(expression->type, expression->collation, memory, &source.reader);
    source.reader.number = expression->column;
    source.expression = expression->column == 0 ? expression : nullptr;
    return source;
}

}  // namespace

void
compile_sources(void* argument)
{
    auto* const work = static_cast<Compilation*>(argument);

    for (int role = 0; role < kRoles; role++) {
        const char* const text = work->definition->roles[role];
        work->role = static_cast<Role>(role);
        if (text == nullptr)
            continue;
        const Source source = compile_source(work->table, text, work->role, work->watch->memory);
        work->watch->sources[role] = source;
        work->watch->has_expressions |= source.expression != nullptr;
    }
}

}  // namespace crm_capi
