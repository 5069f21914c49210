/*
 * version.hpp - all that differs between the supported servers, 15 to 19, in one place.
 *
 * Included by pg_prelude.hpp only.
 */
#pragma once

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 200000
#error "crm_capi supports PostgreSQL 15 to 19"
#endif

extern "C" {
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "utils/rangetypes.h"
#include "utils/tuplestore.h"
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_foreign_server_d.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/extension.h"
#include "utils/pgstat_internal.h"
#endif
}

namespace crm_capi {

/* A background worker that the server may end for ALTER, DROP or CREATE DATABASE; since 19. */
constexpr int kInterruptibleWorker =
#if PG_VERSION_NUM >= 190000
    BGWORKER_INTERRUPTIBLE;
#else
    0;
#endif

/* USAGE on a foreign server; 16 made one function of the many. */
inline AclResult
server_usage(Oid server, Oid role)
{
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ForeignServerRelationId, server, role, ACL_USAGE);
#else
    return pg_foreign_server_aclcheck(server, role, ACL_USAGE);
#endif
}

/* Ownership of a relation; likewise. */
inline bool
owns_relation(Oid relation, Oid role)
{
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, relation, role);
#else
    return pg_class_ownercheck(relation, role);
#endif
}

/* Ownership of a database; likewise. */
inline bool
owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, role);
#else
    return pg_database_ownercheck(database, role);
#endif
}

/* Whether the user may SET ROLE to that role; 16 made it a right of its own. */
inline bool
may_become(Oid user, Oid role)
{
#if PG_VERSION_NUM >= 160000
    return member_can_set_role(user, role);
#else
    return is_member_of_role(user, role);
#endif
}

/* The number under which other processes find our latch; 17 made it a variable of its own. */
inline int
my_proc_number()
{
#if PG_VERSION_NUM >= 170000
    return MyProcNumber;
#else
    return MyProc->pgprocno;
#endif
}

/* The latch of the process with that number. It is there for as long as the server is, whoever has
 * the number then. */
inline Latch*
latch_of_proc(int proc_number)
{
    return &ProcGlobal->allProcs[proc_number].procLatch;
}

/* A set of events to wait for, kept for the process; 17 lets a resource owner own it. */
inline WaitEventSet*
create_wait_set(int events)
{
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

/* The number of the running transaction among those of this backend; 17 moved it. */
inline LocalTransactionId
my_local_transaction_id()
{
#if PG_VERSION_NUM >= 170000
    return MyProc->vxid.lxid;
#else
    return MyProc->lxid;
#endif
}

/* How servers before 16 declare a walker. */
using OldWalker = bool (*)();

/* The compiler believes such a cast only in two steps. */
inline OldWalker
old_walker(bool (*walker)(Node*, void*))
{
    return reinterpret_cast<OldWalker>(reinterpret_cast<void (*)()>(walker));
}

/* Walks over the children of an expression. True if the walker has ended the walk. */
inline bool
walk_expression(Node* node, bool (*walker)(Node*, void*), void* context)
{
#if PG_VERSION_NUM >= 160000
    return expression_tree_walker(node, walker, context);
#else
    return expression_tree_walker(node, old_walker(walker), context);
#endif
}

/* The same for the expressions of a query. */
inline bool
walk_query(Query* query, bool (*walker)(Node*, void*), void* context)
{
#if PG_VERSION_NUM >= 160000
    return query_tree_walker(query, walker, context, 0);
#else
    return query_tree_walker(query, old_walker(walker), context, 0);
#endif
}

/* The same for one that is not analyzed yet. */
inline bool
walk_raw_expression(Node* node, bool (*walker)(Node*, void*), void* context)
{
#if PG_VERSION_NUM >= 160000
    return raw_expression_tree_walker(node, walker, context);
#else
    return raw_expression_tree_walker(node, old_walker(walker), context);
#endif
}

/* The index entries of a new row, through the executor; 16 added an argument, 19 put the switches
 * into one. Returns the indexes whose uniqueness is checked later. */
inline List*
insert_index_entries(ResultRelInfo* table, TupleTableSlot* row, EState* state)
{
#if PG_VERSION_NUM >= 190000
    return ExecInsertIndexTuples(table, state, 0, row, NIL, nullptr);
#elif PG_VERSION_NUM >= 160000
    return ExecInsertIndexTuples(table, row, state, false, false, nullptr, NIL, false);
#else
    return ExecInsertIndexTuples(table, row, state, false, false, nullptr, NIL);
#endif
}

/* The same, but a row that conflicts in one of the given indexes is told of, and no error. */
inline void
try_index_entries(ResultRelInfo* table, TupleTableSlot* row, EState* state, List* indexes,
                  bool* conflicts)
{
#if PG_VERSION_NUM >= 190000
    list_free(ExecInsertIndexTuples(table, state, EIIT_NO_DUPE_ERROR, row, indexes, conflicts));
#elif PG_VERSION_NUM >= 160000
    list_free(ExecInsertIndexTuples(table, row, state, false, true, conflicts, indexes, false));
#else
    list_free(ExecInsertIndexTuples(table, row, state, false, true, conflicts, indexes));
#endif
}

/* Without the members that are null; 18 added an argument. */
inline Datum
strip_json_nulls(Datum json)
{
#if PG_VERSION_NUM >= 180000
    return DirectFunctionCall2(jsonb_strip_nulls, json, BoolGetDatum(false));
#else
    return DirectFunctionCall1(jsonb_strip_nulls, json);
#endif
}

/* A scan of an index by itself, not for a plan's statistics; 18 and 19 added an argument each. */
inline IndexScanDesc
begin_index_scan(Relation table, Relation index, Snapshot snapshot, int key_count)
{
#if PG_VERSION_NUM >= 190000
    return index_beginscan(table, index, snapshot, nullptr, key_count, 0, 0);
#elif PG_VERSION_NUM >= 180000
    return index_beginscan(table, index, snapshot, nullptr, key_count, 0);
#else
    return index_beginscan(table, index, snapshot, key_count, 0);
#endif
}

/* A scan of a whole table; 19 added an argument. */
inline TableScanDesc
begin_table_scan(Relation table, Snapshot snapshot)
{
#if PG_VERSION_NUM >= 190000
    return table_beginscan(table, snapshot, 0, nullptr, 0);
#else
    return table_beginscan(table, snapshot, 0, nullptr);
#endif
}

/* How callbacks name a cache of the system catalogs; 19 made it an enumeration. */
#if PG_VERSION_NUM >= 190000
using SystemCache = SysCacheIdentifier;
#else
using SystemCache = int;
#endif

/* A jsonb that is put together token by token. 19 keeps the result beside the state; before, each
 * push returned it. Begins as {}. */
struct JsonBuilder {
#if PG_VERSION_NUM >= 190000
    JsonbInState state;
#else
    JsonbParseState* state;
    JsonbValue* result;
#endif
};

inline void
push_json(JsonBuilder* builder, JsonbIteratorToken token, JsonbValue* value)
{
#if PG_VERSION_NUM >= 190000
    pushJsonbValue(&builder->state, token, value);
#else
    builder->result = pushJsonbValue(&builder->state, token, value);
#endif
}

/* After the last token. */
inline Jsonb*
built_json(const JsonBuilder& builder)
{
#if PG_VERSION_NUM >= 190000
    return JsonbValueToJsonb(builder.state.result);
#else
    return JsonbValueToJsonb(builder.result);
#endif
}

/* A copy of what the cumulative statistics hold, or NULL; 19 tells whether the caller may free it,
 * which we leave to the memory context. */
#if PG_VERSION_NUM >= 180000
inline void*
fetch_statistics(PgStat_Kind kind, Oid database, uint64 object)
{
#if PG_VERSION_NUM >= 190000
    return pgstat_fetch_entry(kind, database, object, nullptr);
#else
    return pgstat_fetch_entry(kind, database, object);
#endif
}
#endif

/* A range that is not empty, of bounds as the type writes them: [a,b) for ids. 16 lets the caller
 * ask for errors to be saved. */
inline RangeType*
write_range(TypeCacheEntry* type, RangeBound* lower, RangeBound* upper)
{
#if PG_VERSION_NUM >= 160000
    return range_serialize(type, lower, upper, false, nullptr);
#else
    return range_serialize(type, lower, upper, false);
#endif
}

/* Names in the log and in pg_stat_activity what the worker waits for; 17 lets extensions name it.
 * Not to be called while the postmaster loads the library: it takes a lock. */
inline uint32
wait_event_number([[maybe_unused]] const char* name)
{
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    return PG_WAIT_EXTENSION;
#endif
}

/* Has the request made when the server asks all preloaded libraries for theirs. */
inline void
request_shared_memory(void (*request)())
{
    static void (*our_request)() = nullptr;
    static shmem_request_hook_type previous = nullptr;
    our_request = request;
    previous = shmem_request_hook;
    shmem_request_hook = [] {
        if (previous)
            previous();
        our_request();
    };
}

}  // namespace crm_capi
