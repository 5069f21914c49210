/*
 * row_values.cpp - the values that a watch takes from a row, be they columns or expressions.
 */
#include "pg/row/row_values.hpp"

namespace crm_capi {

namespace {

struct ValuesReading {
    Watch* watch;
    const Row* row;
    const Role* roles;
    int count;
    int next;       /* index in `roles` of what is being read */
    Role evaluated; /* the latest: an error that comes after all is its fault, too */
    bool is_over;
    RowValues* values;
};

/* Nothing that follows would change what becomes of the row. */
bool
ends_reading(Role role, const RowValues& values)
{
    if (role == kConditionRole)
        return values.nulls[role] || !DatumGetBool(values.values[role]);
    return role == kLeadIdRole && values.nulls[role];
}

/* Of an expression or an unused role nothing is read here. */
void
read_column(ValuesReading* reading, Role role)
{
    const ColumnReader& column = reading->watch->sources[role].reader;

    if (column.number > 0)
        reading->values->values[role] =
            slot_getattr(reading->row->now, column.number, &reading->values->nulls[role]);
}

/* Columns are read at once, so that they are there even if an expression fails. */
void
read_columns(ValuesReading* reading)
{
    for (int i = 0; i < reading->count && !reading->is_over; i++) {
        const Role role = reading->roles[i];
        read_column(reading, role);
        reading->is_over =
            reading->watch->sources[role].reader.number > 0 && ends_reading(role, *reading->values);
    }
}

/* Runs with the owner's rights. `next` says afterwards which one has failed. */
void
evaluate_expressions(void* argument)
{
    auto* const reading = static_cast<ValuesReading*>(argument);
    RowValues* const values = reading->values;

    for (; reading->next < reading->count && !reading->is_over; reading->next++) {
        const Role role = reading->roles[reading->next];
        Expression* const expression = reading->watch->sources[role].expression;
        if (expression == nullptr)
            continue;
        reading->evaluated = role;
        values->values[role] = evaluate(expression, *reading->row, &values->nulls[role]);
        reading->is_over = ends_reading(role, *values);
    }
}

/* The widest surroundings that one of the expressions needs; false if there is no expression. */
bool
find_surroundings(const ValuesReading& reading, Surroundings* surroundings)
{
    bool found = false;

    *surroundings = Surroundings::kNone;
    for (int i = 0; i < reading.count; i++) {
        const Expression* const expression = reading.watch->sources[reading.roles[i]].expression;
        found = found || expression != nullptr;
        if (expression != nullptr && expression->surroundings == Surroundings::kPinned)
            *surroundings = Surroundings::kPinned;
    }
    return found;
}

/* No part of the error's text: it may quote the row. */
void
note_failure(ValuesReading* reading, const Failure& failure)
{
    const Role role = reading->evaluated;

    forget_state(reading->watch->sources[role].expression);
    reading->values->nulls[role] = true;
    reading->values->reason = Reason::kExpressionFailed;
    reading->values->sqlstate = failure.sqlstate;
    reading->values->detail = psprintf("argument \"%s\": SQLSTATE %s", role_name(role),
                                       unpack_sql_state(failure.sqlstate));
}

}  // namespace

void
read_values(Watch* watch, const Row& row, const Role* roles, int count, RowValues* values)
{
    ValuesReading reading = {watch, &row, roles, count, 0, roles[0], false, values};
    Surroundings surroundings;
    Failure failure;

    read_columns(&reading);
    if (reading.is_over || !watch->has_expressions || !find_surroundings(reading, &surroundings))
        return;
    if (!try_for_watch(watch, surroundings, evaluate_expressions, &reading, &failure))
        note_failure(&reading, failure);
}

bool
try_for_watch(Watch* watch, Surroundings surroundings, void (*work)(void* argument), void* argument,
              Failure* failure)
{
    volatile bool is_done = false;

    watch->is_in_use = true;
    PG_TRY();
    {
        is_done = try_as_owner(watch->owner, surroundings, work, argument, failure);
    }
    PG_FINALLY();
    {
        watch->is_in_use = false;
    }
    PG_END_TRY();
    return is_done;
}

bool
may_differ(Watch* watch, const Row& row, Role role)
{
    Source* const source = &watch->sources[role];
    bool now_is_null;
    bool before_is_null;

    if (source->expression != nullptr)
        return differs_for(source->expression, row);
    if (source->reader.number <= 0)
        return false;
    const Datum now = slot_getattr(row.now, source->reader.number, &now_is_null);
    const Datum before = slot_getattr(row.before, source->reader.number, &before_is_null);
    return !same_value(&source->reader, now, now_is_null, before, before_is_null);
}

bool
is_same(Watch* watch, Role role, const RowValues& a, const RowValues& b)
{
    return same_value(&watch->sources[role].reader, a.values[role], a.nulls[role], b.values[role],
                      b.nulls[role]);
}

}  // namespace crm_capi
