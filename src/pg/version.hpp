/*
 * version.hpp - all that differs between the supported servers, 14 to 18, in one place.
 *
 * Included by pg_prelude.hpp only.
 */
#pragma once

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 190000
#error "crm_capi supports PostgreSQL 14 to 18"
#endif

extern "C" {
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_foreign_server_d.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/extension.h"
#endif
}

namespace crm_capi {

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

inline Latch*
latch_of_proc(int proc_number)
{
    return &ProcGlobal->allProcs[proc_number].procLatch;
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

/* 15 moved the request for shared memory into a hook. */
inline void
request_shared_memory(void (*request)())
{
#if PG_VERSION_NUM >= 150000
    static void (*our_request)() = nullptr;
    static shmem_request_hook_type previous = nullptr;
    our_request = request;
    previous = shmem_request_hook;
    shmem_request_hook = [] {
        if (previous)
            previous();
        our_request();
    };
#else
    request();
#endif
}

/* 15 can keep unknown settings out of our prefix. */
inline void
reserve_settings_prefix(const char* prefix)
{
#if PG_VERSION_NUM >= 150000
    MarkGUCPrefixReserved(prefix);
#else
    EmitWarningsOnPlaceholders(prefix);
#endif
}

}  // namespace crm_capi
