/*
 * expression.cpp - SQL expressions over the row of a watched table: from text to what can be
 * evaluated.
 *
 * NEW and OLD are no tables: each of their columns is a parameter of the expression, whose value is
 * taken from the row at hand when it is asked for (expression_parameters.hpp).
 */
#include "pg/watch/expression.hpp"

#include "pg/watch/expression_parameters.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parse_node.h"
#include "utils/plancache.h"
}

namespace crm_capi {

namespace {

/*
 * Names to parameters
 */

/* A parameter of the expression, in current memory. `location` is where its name stands in the
 * text. */
Node*
make_parameter(int number, Oid type, int32 typmod, Oid collation, int location)
{
    Param* const param = makeNode(Param);

    param->paramkind = PARAM_EXTERN;
    param->paramid = number;
    param->paramtype = type;
    param->paramtypmod = typmod;
    param->paramcollid = collation;
    param->location = location;
    return reinterpret_cast<Node*>(param);
}

/* Its number, or 0. What a virtual column holds is not in the row. */
AttrNumber
find_column(const Expression* expression, const char* name)
{
    for (int i = 0; i < expression->columns->natts; i++) {
        const Form_pg_attribute column = TupleDescAttr(expression->columns, i);
        if (!column->attisdropped && column->attgenerated != 'v' &&
            strcmp(NameStr(column->attname), name) == 0)
            return column->attnum;
    }
    return 0;
}

/* Remembers that the expression reads the column, 0 being the row as a whole: differs_for() asks.
 * What OLD holds makes no difference between two rows. */
void
note_column(Expression* expression, Side side, AttrNumber column)
{
    const MemoryContext before = MemoryContextSwitchTo(expression->memory);

    if (side == Side::kNew)
        expression->reads = bms_add_member(expression->reads, column);
    MemoryContextSwitchTo(before);
}

/* NEW.name or OLD.name as a parameter; an ERROR if the table has no such column. */
Node*
resolve_column(ParseState* state, Expression* expression, Side side, const char* name, int location)
{
    const AttrNumber number = find_column(expression, name);

    if (number == 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" of %s does not exist", name,
                               side == Side::kNew ? "NEW" : "OLD"),
                        parser_errposition(state, location)));
    const Form_pg_attribute column = TupleDescAttr(expression->columns, number - 1);
    note_column(expression, side, number);
    return make_parameter(column_parameter(expression, side, number), column->atttypid,
                          column->atttypmod, column->attcollation, location);
}

/* NEW or OLD as a whole, or with a star: a parameter of the table's row type. */
Node*
resolve_row(Expression* expression, Side side, int location)
{
    note_column(expression, side, 0);
    return make_parameter(row_parameter(expression, side), expression->columns->tdtypeid, -1,
                          InvalidOid, location);
}

/* Called for each name that may be a column; what SQL itself has found stays. */
Node*
resolve_name(ParseState* state, ColumnRef* name, Node* found)
{
    auto* const expression = static_cast<Expression*>(state->p_ref_hook_state);
    Node* const first = static_cast<Node*>(linitial(name->fields));

    if (found != nullptr || !IsA(first, String))
        return nullptr;
    const char* const row = strVal(first);
    const bool is_new = strcmp(row, "new") == 0;
    if (!is_new && strcmp(row, "old") != 0) {
        if (list_length(name->fields) == 1 && find_column(expression, row) != 0)
            ereport(
                ERROR,
                (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" does not exist", row),
                 errhint("Columns of the watched row are written NEW.%s.", quote_identifier(row)),
                 parser_errposition(state, name->location)));
        return nullptr;
    }
    if (!is_new && !expression->may_read_old)
        ereport(ERROR, (errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
                        errmsg("OLD cannot be used in argument \"%s\"", expression->role),
                        errdetail("Only a condition may look at the row before the change."),
                        parser_errposition(state, name->location)));
    const Side side = is_new ? Side::kNew : Side::kOld;
    if (list_length(name->fields) == 1 || IsA(lsecond(name->fields), A_Star))
        return resolve_row(expression, side, name->location);
    if (list_length(name->fields) > 2)
        return nullptr;
    return resolve_column(state, expression, side, strVal(lsecond(name->fields)), name->location);
}

/* Called by SPI before it parses, and again whenever the plan is made anew. */
void
set_up_parser(ParseState* state, void* expression)
{
    state->p_post_columnref_hook = resolve_name;
    state->p_ref_hook_state = expression;
}

/*
 * Compiling
 */

/* An ERROR that says what the text is instead of one expression; `what` completes "It ...". */
void
refuse(const Expression* expression, const char* what)
{
    ereport(ERROR,
            (errcode(ERRCODE_SYNTAX_ERROR),
             errmsg("argument \"%s\" must be one expression", expression->role),
             errdetail("It %s.", what), errhint("Put queries into parentheses, as a subselect.")));
}

/* The parser takes the text for what follows SELECT. */
Node*
only_target(const Expression* expression, const Query* query)
{
    if (query->commandType != CMD_SELECT || list_length(query->targetList) != 1)
        refuse(expression, "is not exactly one value without a name");
    if (query->rtable != NIL || query->jointree->quals != nullptr || query->setOperations ||
        query->groupClause != NIL || query->groupingSets != NIL || query->havingQual ||
        query->distinctClause != NIL || query->sortClause != NIL || query->limitCount ||
        query->limitOffset || query->cteList != NIL || query->rowMarks != NIL)
        refuse(expression, "has clauses of a query");
    if (query->hasAggs || query->hasWindowFuncs)
        refuse(expression, "calls an aggregate or a window function");
    if (query->hasTargetSRFs)
        refuse(expression, "calls a function that returns a set");
    return reinterpret_cast<Node*>(linitial_node(TargetEntry, query->targetList)->expr);
}

/* Built-in functions have OIDs below the first that a database hands out. */
bool
is_not_built_in(Oid function, void*)
{
    return function >= FirstNormalObjectId;
}

/* A domain's constraint can call anything. */
bool
calls_more_than_built_ins(Node* node, void* context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, CoerceToDomain) || check_functions_in_node(node, is_not_built_in, context))
        return true;
    return walk_expression(node, calls_more_than_built_ins, context);
}

/* Whether a timestamp gets the time zone of the session, which is UTC for expressions, without a
 * word about it. */
bool
gives_time_zone(Node* node, void* context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return walk_query(castNode(Query, node), gives_time_zone, context);
    if (IsA(node, FuncExpr) && castNode(FuncExpr, node)->funcid == F_TIMESTAMPTZ_TIMESTAMP)
        return true;
    return walk_expression(node, gives_time_zone, context);
}

/* Evaluated by itself, an expression needs no query around it. */
void
keep_tree(Expression* expression, Node* target)
{
    const MemoryContext before = MemoryContextSwitchTo(expression->memory);

    expression->tree = expression_planner_with_deps(reinterpret_cast<Expr*>(copyObjectImpl(target)),
                                                    &expression->relations, &expression->items);
    MemoryContextSwitchTo(before);

    Node* const tree = reinterpret_cast<Node*>(expression->tree);
    const bool is_self_contained =
        !contain_mutable_functions(tree) && !calls_more_than_built_ins(tree, nullptr);
    expression->surroundings = is_self_contained ? Surroundings::kNone : Surroundings::kPinned;
    if (IsA(tree, Param) && castNode(Param, tree)->paramid <= expression->columns->natts)
        expression->column = static_cast<AttrNumber>(castNode(Param, tree)->paramid);
}

/* What the memory context calls when the expression goes. */
void
free_plan(void* plan)
{
    SPI_freeplan(static_cast<SPIPlanPtr>(plan));
}

/* Keeps the query for as long as the expression's memory: it goes with it. */
void
keep_plan(Expression* expression, SPIPlanPtr plan)
{
    auto* const callback = static_cast<MemoryContextCallback*>(
        MemoryContextAllocZero(expression->memory, sizeof(MemoryContextCallback)));

    if (SPI_keepplan(plan) != 0)
        elog(ERROR, "could not keep the plan of an expression");
    callback->func = free_plan;
    callback->arg = plan;
    MemoryContextRegisterResetCallback(expression->memory, callback);
    expression->plan = plan;
    expression->surroundings = Surroundings::kPinned;
}

/* The server plans such an expression anew by itself when what it looks into has changed; but its
 * type may be another one then. */
void
note_dependencies(Expression* expression, const CachedPlanSource* source)
{
    const MemoryContext before = MemoryContextSwitchTo(expression->memory);

    expression->relations = list_copy(source->relationOids);
    expression->items = static_cast<List*>(copyObjectImpl(source->invalItems));
    MemoryContextSwitchTo(before);
}

/* The cost of a plan made for each value would be paid by the CRM's statement, so the plan is
 * generic. */
SPIPlanPtr
prepare(Expression* expression)
{
    SPIPrepareOptions options;

    memset(&options, 0, sizeof options);
    options.parserSetup = set_up_parser;
    options.parserSetupArg = expression;
    options.parseMode = RAW_PARSE_PLPGSQL_EXPR;
    options.cursorOptions = CURSOR_OPT_GENERIC_PLAN;
    const SPIPlanPtr plan = SPI_prepare_extended(expression->text, &options);
    if (plan == nullptr)
        elog(ERROR, "could not prepare an expression: %s", SPI_result_code_string(SPI_result));
    return plan;
}

/* Finds out what the expression yields and how it is to be evaluated. Needs SPI. */
void
analyze(Expression* expression)
{
    const SPIPlanPtr plan = prepare(expression);
    const auto* const source =
        static_cast<CachedPlanSource*>(linitial(SPI_plan_get_plan_sources(plan)));
    const Query* const query = linitial_node(Query, source->query_list);
    Node* const target = only_target(expression, query);

    expression->type = exprType(target);
    expression->typmod = exprTypmod(target);
    expression->collation = exprCollation(target);
    expression->assumes_utc =
        getBaseType(expression->type) == TIMESTAMPOID || gives_time_zone(target, nullptr);
    if (query->hasSubLinks) {
        note_dependencies(expression, source);
        keep_plan(expression, plan);
    } else {
        keep_tree(expression, target);
        SPI_freeplan(plan);
    }
}

/* Errors of the text say which argument it was. */
void
name_expression(void* role)
{
    errcontext("argument \"%s\" of capi_watch", static_cast<const char*>(role));
}

}  // namespace

Expression*
compile_expression(Relation table, const char* text, const char* role, bool may_read_old,
                   MemoryContext memory)
{
    ErrorContextCallback context;
    const MemoryContext before = MemoryContextSwitchTo(memory);
    auto* const expression = static_cast<Expression*>(palloc0(sizeof(Expression)));

    expression->text = pstrdup(text);
    expression->role = pstrdup(role);
    expression->memory = memory;
    expression->columns = CreateTupleDescCopy(RelationGetDescr(table));
    expression->may_read_old = may_read_old;
    MemoryContextSwitchTo(before);

    context.callback = name_expression;
    context.arg = const_cast<char*>(expression->role);
    context.previous = error_context_stack;
    error_context_stack = &context;
    SPI_connect();
    analyze(expression);
    SPI_finish();
    error_context_stack = context.previous;
    return expression;
}

}  // namespace crm_capi
