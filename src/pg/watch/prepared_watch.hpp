/*
 * prepared_watch.hpp - a watch as rows are read by it: its columns looked up, its expressions
 * compiled.
 *
 * Made from a WatchDefinition by watch_cache.cpp, which keeps it, or on trial by
 * watch_arguments.cpp.
 */
#pragma once

#include "core/event/reason.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/watch/column_values.hpp"
#include "pg/watch/expression.hpp"
#include "pg/watch/watch_definition.hpp"

namespace crm_capi {

/* Where a value of a row comes from: a column, else an expression, else nowhere. */
struct Source {
    ColumnReader reader; /* of the column, or for what the expression yields */
    Expression* expression;
};

/* A value of user_data, custom_data or consent: one source, or a list of them. */
struct MemberSource {
    Source source;
    FmgrInfo to_json;
};

struct Member {
    const char* key;
    bool is_list;
    int count;
    MemberSource* sources;
};

struct Members {
    int count;
    Member* list;
};

struct Watch {
    Oid trigger; /* hash key */
    bool valid;
    bool is_complete; /* not so if an error came while it was built */
    bool is_in_use;   /* its expressions are being evaluated */
    LocalTransactionId built_in;
    Oid root; /* the trigger on the topmost partitioned table; else `trigger` */
    Oid table;
    Oid owner; /* of the table */
    Oid server;
    const char* default_country; /* of the dataset; NULL = none */
    Reason broken;               /* kNone, or why none of its events can be sent */
    const char* broken_by;       /* the column, dataset or expression that broke it */
    Source sources[kRoles];
    Members user_data;
    Members custom_data;
    Members consent;
    bool has_expressions;
    List* relations;  /* OIDs of what the expressions look into */
    List* items;      /* PlanInvalItem: functions and domains that they are made of */
    Jsonb* stage_map; /* NULL = stages keep their names */
    Unmapped unmapped;
    bool first_only;
    Jsonb* first_mark; /* of events of a watch that is `first_only`, for the log; else NULL */
    bool recheck;
    MemoryContext memory;
};

}  // namespace crm_capi
