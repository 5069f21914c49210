/*
 * expression_parameters.hpp - the numbers of an expression's parameters.
 *
 * With n columns in the table, NEW has the numbers 1 to n, OLD n + 1 to 2 n; the two rows as a
 * whole follow.
 */
#pragma once

#include "pg/watch/expression.hpp"

namespace crm_capi {

enum class Side { kNew, kOld };

/* The number of a column of NEW or OLD. */
inline int
column_parameter(const Expression* expression, Side side, AttrNumber column)
{
    return column + (side == Side::kOld ? expression->columns->natts : 0);
}

/* The number of NEW or OLD as a whole. */
inline int
row_parameter(const Expression* expression, Side side)
{
    return 2 * expression->columns->natts + (side == Side::kOld ? 2 : 1);
}

}  // namespace crm_capi
