/*
 * statement.hpp - SQL statements of ours, in the schema that the extension is in.
 */
#pragma once

#include <string_view>

#include "core/event/event.hpp"
#include "core/event/reason.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

constexpr int kMostParameters = 12;

/* A statement with its parameters; the plan is prepared at first use and kept for the process. */
class Statement {
public:
    const char* sql; /* "@." stands for the schema */
    SPIPlanPtr plan;
    Oid planned_for;
    NameData schema_name = {}; /* of that time */
};

/* The values of one execution. */
struct Parameters {
    int count;
    Oid types[kMostParameters];
    Datum values[kMostParameters];
    char nulls[kMostParameters];
};

void add(Parameters* parameters, Oid type, Datum value, bool present = true);
/* NULL if it is empty. */
void add_text(Parameters* parameters, std::string_view text);
void add_reason(Parameters* parameters, Reason reason);
void add_number(Parameters* parameters, int64 number, bool present);
/* A number that came from outside and goes into an integer column; one that does not fit is left
 * out, because an error here would stop the shipper. */
void add_remote_number(Parameters* parameters, int64 number, bool present);
/* NULL if it is 0. */
void add_time(Parameters* parameters, UnixMicros time);

/* Text in UTF-8 as the database can hold it. */
Datum database_text(std::string_view utf8);

/* The text with the name of the schema where "@." stands; in current memory. */
const char* with_schema(const char* sql, Oid schema);

/* Runs the statement; an ERROR unless SPI answers as expected. */
void execute(Oid schema, Statement* statement, Parameters* parameters, int expected);

/* Runs a SELECT under the active snapshot, as a part of the query that it is called in. */
void look_up(Oid schema, Statement* statement, Parameters* parameters);

/* Runs a SELECT and calls `found` with the number of each row of the latest result, of which there
 * is never more than a portion in memory, however many there are in the table. What `found`
 * allocates is gone with the portion. */
void execute_in_portions(Oid schema, Statement* statement, Parameters* parameters,
                         void (*found)(void* context, uint64 row), void* context);
/* Runs a statement that is not run often enough to keep its plan: a decision of an operator, a step
 * of a backfill. */
void execute_once(Oid schema, const char* sql, Parameters* parameters, int expected);

/* Values of the latest result; columns count from 1. */
int64 result_int8(uint64 row, int column);
const char* result_text(uint64 row, int column);
bool result_bool(uint64 row, int column);

}  // namespace crm_capi
