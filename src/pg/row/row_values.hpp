/*
 * row_values.hpp - the values that a watch takes from a row, be they columns or expressions.
 */
#pragma once

#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* Some of them; what was not asked for is NULL. */
struct RowValues {
    Datum values[kRoles];
    bool nulls[kRoles];
    Reason reason; /* kNone, or why reading ended early */
    const char* detail;
    int sqlstate; /* of the error that an expression has raised; 0 = none has */
};

/* Nothing has been asked for yet. */
inline void
clear(RowValues* values)
{
    memset(values, 0, sizeof *values);
    memset(values->nulls, true, sizeof values->nulls);
}

/* Reads what the roles name, in this order. Ends early at a lead id that is NULL, at a condition
 * that does not hold, and at an expression that raises an error. */
void read_values(Watch* watch, const Row& row, const Role* roles, int count, RowValues* values);

/* try_as_owner() for expressions of the watch: nobody else may use or rebuild it meanwhile. */
bool try_for_watch(Watch* watch, Surroundings surroundings, void (*work)(void* argument),
                   void* argument, Failure* failure);

/* Whether the role's value may differ between the two rows. Certain for columns; an expression that
 * reads a column that differs has to be evaluated to know. */
bool may_differ(Watch* watch, const Row& row, Role role);

/* Whether the two values of the role are the same to their type. */
bool is_same(Watch* watch, Role role, const RowValues& a, const RowValues& b);

}  // namespace crm_capi
