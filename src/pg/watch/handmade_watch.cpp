/*
 * handmade_watch.cpp - triggers of watches that were made by CREATE TRIGGER.
 *
 * The comment of a trigger says for which table it was made: a migration that swaps tables by
 * renaming them leaves the watch with the old one, and the doctor compares the names.
 */
#include "pg/watch/handmade_watch.hpp"

#include "pg/base/trigger_row.hpp"
#include "pg/base/utility_hook.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/comment.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
}

namespace crm_capi {

namespace {

/* Whether the function is one of the extension's. */
bool
is_own_function(Oid function)
{
    const Oid extension = get_extension_oid("crm_capi", true);

    return OidIsValid(extension) &&
           getExtensionOfObject(ProcedureRelationId, function) == extension;
}

/* The trigger of that name, if it calls a function of ours; else InvalidOid. Its table's lock is
 * the statement's. */
Oid
own_trigger(Relation table, const char* name)
{
    const TriggerDesc* const triggers = triggers_of(table);

    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        const Trigger& trigger = triggers->triggers[i];
        if (strcmp(trigger.tgname, name) == 0)
            return is_own_function(trigger.tgfoid) ? trigger.tgoid : InvalidOid;
    }
    return InvalidOid;
}

/* A comment that is there is left as it is. */
void
comment_on(const Node* statement)
{
    if (!IsA(statement, CreateTrigStmt))
        return;
    const auto* const create = reinterpret_cast<const CreateTrigStmt*>(statement);
    CommandCounterIncrement();
    const Oid relation = RangeVarGetRelid(create->relation, NoLock, true);
    if (!OidIsValid(relation))
        return;
    const Relation table = relation_open(relation, AccessShareLock);
    const Oid trigger = own_trigger(table, create->trigname);
    if (OidIsValid(trigger) && GetComment(trigger, TriggerRelationId, 0) == nullptr)
        CreateComments(trigger, TriggerRelationId, 0,
                       psprintf("capi_watch of %s", qualified_name(table)));
    relation_close(table, NoLock);
}

}  // namespace

const char*
qualified_name(Relation table)
{
    return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
                                      RelationGetRelationName(table));
}

void
comment_on_handmade_watches()
{
    after_utility([](Node* statement) { comment_on(statement); });
}

}  // namespace crm_capi
