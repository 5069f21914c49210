/*
 * schema_qualification.cpp - what an expression of a watch says, in words that mean the same for
 * ever.
 */
#include "pg/watch/schema_qualification.hpp"

extern "C" {
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "parser/parser.h"
#include "utils/catcache.h"
}

namespace crm_capi {

namespace {

/* Names of the expression that may need the schema. */
struct Names {
    Oid schema;
    List* places;  /* byte offsets into the text, where the schema is to be written */
    List* queries; /* names of common table expressions: they hide tables */
};

/* Whether the text has a WITH of that name. Where in the text it counts is not looked at: at worst
 * a table stays without its schema, and is not found. */
bool
is_query_name(const Names* names, const char* name)
{
    ListCell* cell;

    foreach (cell, names->queries) {
        if (strcmp(static_cast<const char*>(lfirst(cell)), name) == 0)
            return true;
    }
    return false;
}

/* Whatever its arguments are. */
bool
has_function(const char* name, Oid schema)
{
    CatCList* const functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
    bool found = false;

    for (int i = 0; i < functions->n_members && !found; i++) {
        const auto function =
            reinterpret_cast<Form_pg_proc>(GETSTRUCT(&functions->members[i]->tuple));
        found = function->pronamespace == schema;
    }
    ReleaseSysCacheList(functions);
    return found;
}

/* Row types of tables are types, too. */
bool
has_type(const char* name, Oid schema)
{
    return SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name), ObjectIdGetDatum(schema));
}

/* Or a view, or anything else that can stand in FROM. */
bool
has_table(const char* name, Oid schema)
{
    return OidIsValid(get_relname_relid(name, schema));
}

/* Remembers where a schema is to be written, if the name would not be found without it. A location
 * below 0 is not in the text: the parser has made the name itself. */
void
note(Names* names, const char* name, int location, bool (*exists)(const char* name, Oid schema))
{
    if (location >= 0 && !exists(name, PG_CATALOG_NAMESPACE) && exists(name, names->schema))
        names->places = lappend_int(names->places, location);
}

/* The name, if it stands without a schema; else NULL. */
const char*
only_name(List* qualified)
{
    return list_length(qualified) == 1 ? strVal(linitial(qualified)) : nullptr;
}

/* Walks over the tree and remembers the names of common table expressions. */
bool
collect_queries(Node* node, void* context)
{
    auto* const names = static_cast<Names*>(context);

    if (node == nullptr)
        return false;
    if (IsA(node, CommonTableExpr))
        names->queries = lappend(names->queries, castNode(CommonTableExpr, node)->ctename);
    return walk_raw_expression(node, collect_queries, context);
}

/* Walks over the tree and remembers the names of tables, functions and types that need the schema.
 */
bool
collect_names(Node* node, void* context)
{
    auto* const names = static_cast<Names*>(context);

    if (node == nullptr)
        return false;
    if (IsA(node, RangeVar)) {
        const RangeVar* const table = castNode(RangeVar, node);
        if (table->schemaname == nullptr && !is_query_name(names, table->relname))
            note(names, table->relname, table->location, has_table);
    } else if (IsA(node, FuncCall)) {
        const FuncCall* const call = castNode(FuncCall, node);
        if (const char* const name = only_name(call->funcname))
            note(names, name, call->location, has_function);
    } else if (IsA(node, TypeName)) {
        const TypeName* const type = castNode(TypeName, node);
        if (const char* const name = only_name(type->names))
            note(names, name, type->location, has_type);
    }
    return walk_raw_expression(node, collect_names, context);
}

struct ExpressionText {
    const char* text;
    const char* role;
};

/* The position is one in the expression, and not in the statement of the client. */
void
locate(void* argument)
{
    const auto* const source = static_cast<ExpressionText*>(argument);
    const int position = geterrposition();

    if (position > 0) {
        errposition(0);
        internalerrposition(position);
        internalerrquery(source->text);
    }
    errhint("A watch takes the name of a column, or an expression over NEW.");
    errcontext("argument \"%s\" of capi_watch", source->role);
}

/* The text as the parser understands it, without looking anything up. An ERROR points into the
 * text. */
Node*
parse(const char* text, const char* role)
{
    ExpressionText source = {text, role};
    ErrorContextCallback context = {error_context_stack, locate, &source};

    error_context_stack = &context;
    List* const statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
    error_context_stack = context.previous;
    return linitial_node(RawStmt, statements)->stmt;
}

/* For list_sort(): in the order of the text. */
int
compare_places(const ListCell* a, const ListCell* b)
{
    return lfirst_int(a) - lfirst_int(b);
}

/* A name can have been seen twice: the parser copies parts of BETWEEN and the like. */
const char*
insert_schema(const char* text, List* places, const char* schema)
{
    StringInfoData out;
    int done = 0;
    int last = -1;
    ListCell* cell;

    list_sort(places, compare_places);
    initStringInfo(&out);
    foreach (cell, places) {
        const int place = lfirst_int(cell);
        if (place == last)
            continue;
        appendBinaryStringInfo(&out, text + done, place - done);
        appendStringInfo(&out, "%s.", schema);
        done = last = place;
    }
    appendStringInfoString(&out, text + done);
    return out.data;
}

/* A name alone was meant to be a column, and is none. */
void
refuse_missing_column(Relation table, const ColumnRef* name, const char* text)
{
    Node* const first = static_cast<Node*>(linitial(name->fields));

    if (list_length(name->fields) != 1 || !IsA(first, String) ||
        strcmp(strVal(first), "new") == 0 || strcmp(strVal(first), "old") == 0)
        return;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of relation \"%s\" does not exist", text,
                           RelationGetRelationName(table)),
                    errdetail("A watch takes the name of a column, or an expression over NEW."),
                    errhint("Give the name of a column of the table.")));
}

/* An ERROR unless the text is one expression. What else it must not be, compile_expression() finds.
 */
void
check_target(Relation table, Node* statement, const char* text, const char* role)
{
    const SelectStmt* const select = castNode(SelectStmt, statement);
    const auto* const target =
        select->targetList != NIL ? linitial_node(ResTarget, select->targetList) : nullptr;

    if (list_length(select->targetList) != 1 || target->name != nullptr)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("argument \"%s\" must be one expression", role),
                        errdetail("It is not exactly one value without a name."),
                        errhint("Put queries into parentheses, as a subselect.")));
    if (IsA(target->val, ColumnRef))
        refuse_missing_column(table, castNode(ColumnRef, target->val), text);
}

}  // namespace

const char*
qualify_names(Relation table, const char* text, const char* role)
{
    Node* const tree = parse(text, role);
    Names names = {RelationGetNamespace(table), NIL, NIL};

    check_target(table, tree, text, role);
    (void)collect_queries(tree, &names);
    (void)collect_names(tree, &names);
    if (names.places == NIL)
        return text;
    return insert_schema(text, names.places, quote_identifier(get_namespace_name(names.schema)));
}

}  // namespace crm_capi
