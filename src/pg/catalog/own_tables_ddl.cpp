/*
 * own_tables_ddl.cpp - what must not be done to the extension's own tables.
 */
#include "pg/catalog/own_tables_ddl.hpp"

#include "pg/base/pg_prelude.hpp"
#include "pg/base/utility_hook.hpp"

extern "C" {
#include "catalog/pg_constraint.h"
#include "nodes/parsenodes.h"
}

namespace crm_capi {

namespace {

/* The relation, if it is one of the extension's tables or sequences; else InvalidOid. Scripts of
 * the extension may do with them what they want. */
Oid
own_relation(const RangeVar* name)
{
    if (name == nullptr || creating_extension)
        return InvalidOid;
    const Oid relation = RangeVarGetRelid(name, NoLock, true);
    const Oid extension =
        OidIsValid(relation) ? getExtensionOfObject(RelationRelationId, relation) : InvalidOid;
    const bool is_own = OidIsValid(extension) && extension == get_extension_oid("crm_capi", true);

    return is_own ? relation : InvalidOid;
}

/* An ERROR that says what is not allowed, why, and what to do instead. */
void
refuse(Oid relation, const char* what, const char* hint)
{
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("%s of \"%s\" is not allowed", what, get_rel_name(relation)),
             errdetail("It belongs to crm_capi, which writes to it in the statements of your "
                       "application: they could fail."),
             errhint("%s", hint)));
}

/*
 * Indexes
 */

/* Texts and JSON that can be too long for an entry of a btree. */
bool
may_be_too_long(Oid relation, const char* column)
{
    const AttrNumber number = get_attnum(relation, column);

    return number > 0 &&
           (get_atttype(relation, number) == JSONBOID || strcmp(column, "detail") == 0);
}

/* Whether an index of this method has room for a value of any length. */
bool
takes_long_values(const char* method)
{
    return strcmp(method, "gin") == 0 || strcmp(method, "hash") == 0;
}

/* Whether no row can be refused by the index. */
bool
takes_every_row(Oid relation, const IndexStmt* index)
{
    ListCell* cell;
    bool takes_all = !index->unique && !index->primary && !index->isconstraint &&
                     index->excludeOpNames == NIL && index->whereClause == nullptr;

    foreach (cell, list_concat_copy(index->indexParams, index->indexIncludingParams)) {
        const auto* const element = static_cast<const IndexElem*>(lfirst(cell));
        takes_all =
            takes_all && element->name != nullptr &&
            (takes_long_values(index->accessMethod) || !may_be_too_long(relation, element->name));
    }
    return takes_all;
}

/* An ERROR if the index would be on a table of ours and could refuse a row. */
void
check_index(const IndexStmt* index)
{
    const Oid relation = own_relation(index->relation);

    if (OidIsValid(relation) && !takes_every_row(relation, index))
        refuse(relation, "an index that may refuse a row",
               "Indexes over plain columns are allowed if they are not unique, and over long texts "
               "and JSON if they are GIN or hash. Index a materialized view otherwise.");
}

/*
 * ALTER TABLE
 */

/* Whether an index stands behind the constraint, as behind a primary key. */
bool
is_kept_by_index(Oid relation, const char* constraint)
{
    const Oid oid = get_relation_constraint_oid(relation, constraint, true);

    return OidIsValid(oid) && OidIsValid(get_constraint_index(oid));
}

/* What would keep rows out, or make another table of it. */
bool
is_harmful(Oid relation, const AlterTableCmd* command)
{
    switch (command->subtype) {
        case AT_DropColumn:
        case AT_AlterColumnType:
        case AT_AddIndex:
        case AT_AddConstraint:
        case AT_AddIndexConstraint:
        case AT_SetAccessMethod:
        case AT_SetUnLogged:
        case AT_AddInherit:
        case AT_AddOf:
            return true;
        case AT_DropConstraint:
            return is_kept_by_index(relation, command->name);
        default:
            return false;
    }
}

/* An ERROR if the statement would do one of these things to a relation of ours. */
void
check_alter_table(const AlterTableStmt* statement)
{
    const Oid relation = own_relation(statement->relation);
    ListCell* cell;

    if (!OidIsValid(relation))
        return;
    foreach (cell, statement->cmds) {
        if (is_harmful(relation, static_cast<const AlterTableCmd*>(lfirst(cell))))
            refuse(relation, "this change",
                   "Storage parameters, tablespaces, indexes and further columns may be changed.");
    }
}

/* An index may have any name. */
void
check_new_name(const RangeVar* name)
{
    const Oid relation = own_relation(name);

    if (OidIsValid(relation))
        refuse(relation, "another name or schema",
               "ALTER SCHEMA ... RENAME gives the schema another name.");
}

/* An ERROR if the statement must not be executed. */
void
check_statement(Node* statement)
{
    switch (nodeTag(statement)) {
        case T_IndexStmt:
            check_index(castNode(IndexStmt, statement));
            break;
        case T_AlterTableStmt:
            check_alter_table(castNode(AlterTableStmt, statement));
            break;
        case T_RenameStmt:
            check_new_name(castNode(RenameStmt, statement)->relation);
            break;
        case T_AlterObjectSchemaStmt:
            check_new_name(castNode(AlterObjectSchemaStmt, statement)->relation);
            break;
        default:
            break;
    }
}

}  // namespace

void
protect_own_tables()
{
    before_utility(check_statement);
}

}  // namespace crm_capi
