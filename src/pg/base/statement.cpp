/*
 * statement.cpp - SQL statements of ours, in the schema that the extension is in.
 */
#include "pg/base/statement.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/texts.hpp"

extern "C" {
#include "catalog/pg_namespace.h"
}

namespace crm_capi {

namespace {

/* Columns count from 1. */
Datum
result_value(uint64 row, int column, bool* isnull)
{
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

/* SPI's answer is a number of its own list; any other than the one expected is a fault of ours. */
void
check_answer(int answer, int expected, const char* sql)
{
    if (answer != expected)
        elog(ERROR, "unexpected result of \"%s\": %s", sql, SPI_result_code_string(answer));
}

}  // namespace

const char*
with_schema(const char* sql, Oid schema)
{
    const char* const name = quote_identifier(get_namespace_name(schema));
    StringInfoData out;

    initStringInfo(&out);
    for (const char* c = sql; *c != '\0'; c++) {
        if (*c == '@' && c[1] == '.')
            appendStringInfoString(&out, name);
        else
            appendStringInfoChar(&out, *c);
    }
    return out.data;
}

void
add(Parameters* parameters, Oid type, Datum value, bool present)
{
    Assert(parameters->count < kMostParameters);
    parameters->types[parameters->count] = type;
    parameters->values[parameters->count] = value;
    parameters->nulls[parameters->count] = present ? ' ' : 'n';
    parameters->count++;
}

/* Text in UTF-8 as the database can hold it. Only Meta's and libcurl's own words can be anything
 * else than ASCII, and in another encoding they lose what is not ASCII rather than fail. */
Datum
database_text(std::string_view utf8)
{
    char* const copy = pnstrdup(utf8.data(), utf8.size());

    if (GetDatabaseEncoding() != PG_UTF8) {
        for (char* c = copy; *c != '\0'; c++)
            *c = IS_HIGHBIT_SET(*c) ? '?' : *c;
    }
    return CStringGetTextDatum(copy);
}

void
add_text(Parameters* parameters, std::string_view text)
{
    add(parameters, TEXTOID, text.empty() ? static_cast<Datum>(0) : database_text(text),
        !text.empty());
}

void
add_reason(Parameters* parameters, Reason reason)
{
    const std::string_view code = Describe(reason).code;

    add(parameters, TEXTOID, text_datum(code), reason != Reason::kNone);
}

void
add_number(Parameters* parameters, int64 number, bool present)
{
    add(parameters, INT8OID, Int64GetDatum(number), present);
}

void
add_remote_number(Parameters* parameters, int64 number, bool present)
{
    add_number(parameters, number, present && number >= PG_INT32_MIN && number <= PG_INT32_MAX);
}

void
add_time(Parameters* parameters, UnixMicros time)
{
    add(parameters, TIMESTAMPTZOID, TimestampTzGetDatum(from_unix_micros(time)), time != 0);
}

namespace {

/* A plan is made anew from its text, in which the schema's name stands, and a schema can be
 * renamed. */
bool
is_planned_for(const Statement* statement, Oid schema)
{
    if (statement->plan == nullptr || statement->planned_for != schema)
        return false;
    const HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto* const form = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(tuple));
    const bool has_name = strcmp(NameStr(statement->schema_name), NameStr(form->nspname)) == 0;
    ReleaseSysCache(tuple);
    return has_name;
}

/* Makes the plan, if there is none for this schema. */
void
prepare(Oid schema, Statement* statement, Parameters* parameters)
{
    if (!is_planned_for(statement, schema)) {
        if (statement->plan != nullptr)
            (void)SPI_freeplan(statement->plan);
        statement->plan = nullptr;
        const char* const sql = with_schema(statement->sql, schema);
        statement->plan = SPI_prepare(sql, parameters->count, parameters->types);
        if (statement->plan == nullptr || SPI_keepplan(statement->plan) != 0)
            elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
        statement->planned_for = schema;
        namestrcpy(&statement->schema_name, get_namespace_name(schema));
    }
}

}  // namespace

void
execute(Oid schema, Statement* statement, Parameters* parameters, int expected)
{
    prepare(schema, statement, parameters);
    check_answer(SPI_execute_plan(statement->plan, parameters->values, parameters->nulls, false, 0),
                 expected, statement->sql);
}

void
look_up(Oid schema, Statement* statement, Parameters* parameters)
{
    prepare(schema, statement, parameters);
    check_answer(SPI_execute_plan(statement->plan, parameters->values, parameters->nulls, true, 0),
                 SPI_OK_SELECT, statement->sql);
}

void
execute_once(Oid schema, const char* sql, Parameters* parameters, int expected)
{
    check_answer(
        SPI_execute_with_args(with_schema(sql, schema), parameters->count, parameters->types,
                              parameters->values, parameters->nulls, false, 0),
        expected, sql);
}

void
execute_in_portions(Oid schema, Statement* statement, Parameters* parameters,
                    void (*found)(void* context, uint64 row), void* context)
{
    constexpr long kPortion = 1000;
    const MemoryContext portion =
        AllocSetContextCreate(CurrentMemoryContext, "crm_capi portion", ALLOCSET_DEFAULT_SIZES);

    prepare(schema, statement, parameters);
    const Portal portal =
        SPI_cursor_open(nullptr, statement->plan, parameters->values, parameters->nulls, false);
    if (portal == nullptr)
        elog(ERROR, "could not open \"%s\": %s", statement->sql,
             SPI_result_code_string(SPI_result));
    for (SPI_cursor_fetch(portal, true, kPortion); SPI_processed > 0;
         SPI_cursor_fetch(portal, true, kPortion)) {
        const MemoryContext before = MemoryContextSwitchTo(portion);
        for (uint64 row = 0; row < SPI_processed; row++)
            found(context, row);
        MemoryContextSwitchTo(before);
        MemoryContextReset(portion);
        SPI_freetuptable(SPI_tuptable);
    }
    SPI_freetuptable(SPI_tuptable);
    SPI_cursor_close(portal);
    MemoryContextDelete(portion);
}

int64
result_int8(uint64 row, int column)
{
    bool isnull;
    return DatumGetInt64(result_value(row, column, &isnull));
}

const char*
result_text(uint64 row, int column)
{
    return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

bool
result_bool(uint64 row, int column)
{
    bool isnull;
    return DatumGetBool(result_value(row, column, &isnull));
}

}  // namespace crm_capi
