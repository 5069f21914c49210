/*
 * expression_value.cpp - SQL expressions over the row of a watched table: their values.
 */
#include "pg/watch/column_values.hpp"
#include "pg/watch/expression.hpp"
#include "pg/watch/expression_parameters.hpp"

namespace crm_capi {

namespace {

struct RowParameters {
    const Expression* expression;
    const Row* row;
};

/* Leaves the value NULL if there is no such row. */
void
set_column(ParamExternData* value, const Expression* expression, TupleTableSlot* slot, int column)
{
    value->ptype = TupleDescAttr(expression->columns, column - 1)->atttypid;
    if (slot != nullptr)
        value->value = slot_getattr(slot, column, &value->isnull);
}

/* The row as one value of the table's row type, in current memory; NULL if there is none. */
void
set_row(ParamExternData* value, const Expression* expression, TupleTableSlot* slot)
{
    value->ptype = expression->columns->tdtypeid;
    value->isnull = slot == nullptr;
    if (slot != nullptr)
        value->value = ExecFetchSlotHeapTupleDatum(slot);
}

/* OLD of a row that is new is NULL, as a whole and in each column. */
ParamExternData*
fetch_parameter(ParamListInfo parameters, int number, bool, ParamExternData* workspace)
{
    const auto* const values = static_cast<RowParameters*>(parameters->paramFetchArg);
    const Expression* const expression = values->expression;
    const int count = expression->columns->natts;

    workspace->value = static_cast<Datum>(0);
    workspace->isnull = true;
    workspace->pflags = 0;
    if (number <= count)
        set_column(workspace, expression, values->row->now, number);
    else if (number <= 2 * count)
        set_column(workspace, expression, values->row->before, number - count);
    else
        set_row(workspace, expression,
                number == row_parameter(expression, Side::kNew) ? values->row->now
                                                                : values->row->before);
    return workspace;
}

/* Parameters that are fetched when they are asked for: most expressions need one column of many.
 * `values` must stay where it is. */
ParamListInfo
parameters_for(RowParameters* values)
{
    const ParamListInfo parameters = makeParamList(0);

    parameters->paramFetch = fetch_parameter;
    parameters->paramFetchArg = values;
    parameters->numParams = row_parameter(values->expression, Side::kOld);
    return parameters;
}

/* Prepares `tree` for this transaction, unless that has been done. */
void
prepare_state(Expression* expression, ParamListInfo parameters)
{
    if (expression->state != nullptr && expression->state_of == my_local_transaction_id())
        return;
    const MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);
    expression->state = ExecInitExprWithParams(expression->tree, parameters);
    expression->state_of = my_local_transaction_id();
    MemoryContextSwitchTo(before);
}

/* Without a query around it. ExecEvalExpr() makes the value in current memory, not in the context's
 * own, so it outlives the context. */
Datum
evaluate_tree(Expression* expression, ParamListInfo parameters, bool* isnull)
{
    ExprContext* const context = CreateStandaloneExprContext();

    context->ecxt_param_list_info = parameters;
    prepare_state(expression, parameters);
    const Datum value = ExecEvalExpr(expression->state, context, isnull);
    FreeExprContext(context, true);
    return value;
}

/* As a prepared query. An ERROR if it yields more than one row. */
Datum
evaluate_plan(const Expression* expression, ParamListInfo parameters, bool* isnull)
{
    SPIExecuteOptions options;

    memset(&options, 0, sizeof options);
    options.params = parameters;
    options.tcount = 2;
    SPI_connect();
    const int result = SPI_execute_plan_extended(expression->plan, &options);
    if (result != SPI_OK_SELECT || SPI_processed != 1)
        elog(ERROR, "unexpected result of an expression: %s", SPI_result_code_string(result));
    if (SPI_gettypeid(SPI_tuptable->tupdesc, 1) != expression->type)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("type of an expression has changed")));
    Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
    if (!*isnull)
        value =
            SPI_datumTransfer(value, get_typbyval(expression->type), get_typlen(expression->type));
    SPI_finish();
    return value;
}

}  // namespace

Datum
evaluate(Expression* expression, const Row& row, bool* isnull)
{
    RowParameters values = {expression, &row};
    const ParamListInfo parameters = parameters_for(&values);

    return expression->plan != nullptr ? evaluate_plan(expression, parameters, isnull)
                                       : evaluate_tree(expression, parameters, isnull);
}

void
forget_state(Expression* expression)
{
    expression->state = nullptr;
}

/* What the executor checks when it starts; nothing is evaluated. */
void
check_rights(Expression* expression)
{
    const Row nothing = {nullptr, nullptr};
    RowParameters values = {expression, &nothing};
    const ParamListInfo parameters = parameters_for(&values);

    if (expression->plan == nullptr) {
        (void)ExecInitExprWithParams(expression->tree, parameters);
        return;
    }
    SPI_connect();
    SPI_cursor_close(SPI_cursor_open_with_paramlist(nullptr, expression->plan, parameters, true));
    SPI_finish();
}

bool
differs_for(const Expression* expression, const Row& row)
{
    const bool all = bms_is_member(0, expression->reads);

    for (int i = 0; i < expression->columns->natts; i++) {
        const Form_pg_attribute column = TupleDescAttr(expression->columns, i);
        bool now_is_null;
        bool before_is_null;
        if (column->attisdropped || !(all || bms_is_member(column->attnum, expression->reads)))
            continue;
        const Datum now = slot_getattr(row.now, column->attnum, &now_is_null);
        const Datum before = slot_getattr(row.before, column->attnum, &before_is_null);
        if (!is_same_image(now, now_is_null, before, before_is_null, column->attbyval,
                           column->attlen))
            return true;
    }
    return false;
}

}  // namespace crm_capi
