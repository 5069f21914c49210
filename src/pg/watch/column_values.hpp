/*
 * column_values.hpp - reading a lead id, a stage and times from the columns of a CRM's row,
 * whatever their types are.
 */
#pragma once

#include <string_view>

#include "core/event/event.hpp"
#include "core/event/reason.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* What is known about values of a column of a CRM table, or of an expression over it; built once
 * per table and session. */
struct ColumnReader {
    AttrNumber number; /* 0 = no column; -1 = one that is not there */
    Oid type;          /* base type: a domain counts as what it is made of */
    bool is_text;      /* text, varchar, char, or a type that is printed like them, as citext is */
    bool is_compared_as_text; /* byte by byte: text and varchar */
    bool is_varlena;
    bool is_simple;  /* output and equality are built in, and take nothing but memory */
    FmgrInfo output; /* for types that are read through their text form */
    FmgrInfo equal;  /* fn_oid = 0 if the type has no equality */
    Oid collation;
};

/* Looks the column up. `memory` owns what the reader keeps. */
void prepare_column(Relation table, const char* column_name, MemoryContext memory,
                    ColumnReader* reader);

/* The same for values that are no column's. */
void prepare_reader(Oid type, Oid collation, MemoryContext memory, ColumnReader* reader);

/* Whether two values are the same byte by byte. */
bool is_same_image(Datum a, bool a_is_null, Datum b, bool b_is_null, bool by_value, int length);

/* Whether two values of the column are the same to their type. */
bool same_value(ColumnReader* reader, Datum a, bool a_is_null, Datum b, bool b_is_null);

/* kNone and *lead_id, or why it is none. A blank text is no lead id at all: *absent. `detail` is
 * set to the value where it can be quoted (digits), else left alone. */
Reason read_lead_id(ColumnReader* reader, Datum value, bool* absent, int64* lead_id,
                    const char** detail);

/* The stage as text in the database's encoding; NULL for a value that is NULL, or of which *reason
 * says why it cannot be read. */
text* read_stage(ColumnReader* reader, Datum value, bool isnull, Reason* reason,
                 const char** detail);

/* kNone and *time, or why it is none. A timestamp without time zone is taken as UTC whatever the
 * session's time zone is; whole numbers are Unix seconds or, from 10^11 on, milliseconds. */
Reason read_time(ColumnReader* reader, Datum value, bool isnull, UnixMicros* time);

/* A number of the wrong length is kept for the operator if it is too short for a phone number. */
constexpr int64 kLargestQuotableNumber = 999999999;

/* Whether read_time can read a column of this base type. */
bool is_time_type(Oid type);

/* Judges a stage whatever the database's encoding is. */
Reason judge_stage(const text* stage);

}  // namespace crm_capi
