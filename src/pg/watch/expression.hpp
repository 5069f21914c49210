/*
 * expression.hpp - SQL expressions over the row of a watched table: NEW, and OLD where it is
 * allowed.
 *
 * An expression is compiled once. Without a subselect it is evaluated by itself, else as a prepared
 * query. All of this happens with the owner's rights (owner_rights.hpp).
 */
#pragma once

#include "pg/watch/owner_rights.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* One row and what it was. */
struct Row {
    TupleTableSlot* now;
    TupleTableSlot* before; /* NULL if the row is new, or taken as it is */
};

struct Expression {
    const char* text;
    const char* role; /* the argument of capi_watch that it is */
    MemoryContext memory;
    TupleDesc columns; /* of the table */
    bool may_read_old;

    Bitmapset* reads;  /* columns of NEW; 0 = the row as a whole */
    AttrNumber column; /* the column of NEW that it is, and nothing more; else 0 */
    Oid type;
    int32 typmod;
    Oid collation;
    bool assumes_utc; /* it yields a timestamp without time zone, or gives one the session's */
    Surroundings surroundings;
    Expr* tree;      /* without a subselect */
    SPIPlanPtr plan; /* with one */
    List* relations; /* OIDs of what it looks into */
    List* items;     /* PlanInvalItem: functions and domains that it is made of */

    ExprState* state; /* of `tree`, for one transaction: domains and rights may change after it */
    LocalTransactionId state_of;
};

/* An ERROR if the text is not exactly one expression over the row, or may not be used. `memory`
 * owns the expression, and everything goes when it is reset. */
Expression* compile_expression(Relation table, const char* text, const char* role,
                               bool may_read_old, MemoryContext memory);

/* The value in current memory; an ERROR if evaluating raises one, and then the expression must
 * forget_state(). */
Datum evaluate(Expression* expression, const Row& row, bool* isnull);
void forget_state(Expression* expression);

/* An ERROR if the current user may not read what the expression reads, or call what it calls. */
void check_rights(Expression* expression);

/* Whether a column that the expression reads differs between the rows. */
bool differs_for(const Expression* expression, const Row& row);

}  // namespace crm_capi
