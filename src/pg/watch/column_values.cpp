/*
 * column_values.cpp - reading a lead id, a stage and times from the columns of a CRM's row.
 *
 * No value makes these functions fail: what cannot be read is a reason, and the CRM's statement
 * goes on.
 */
#include "pg/watch/column_values.hpp"
#include "pg/base/clock.hpp"

#include <string_view>

#include "core/event/validation.hpp"
#include "pg/base/encoding.hpp"
#include "pg/base/texts.hpp"
#include "pg/queue/event_log.hpp"
#include "pg/watch/guarded_types.hpp"

extern "C" {
#include "utils/date.h"
}

namespace crm_capi {

namespace {

/* Unix seconds reach 10^11 in the year 5138; as milliseconds the same number is March 1973. */
constexpr int64 kFirstMilliseconds = INT64CONST(100000000000);

/* What may be quoted: a number too short for a phone. Anything else could be personal data in the
 * wrong column. */
const char*
quotable_digits(std::string_view text)
{
    constexpr size_t kLongest = 9;

    if (text.empty() || text.size() > kLongest)
        return nullptr;
    for (const char c : text) {
        if ((c < '0' || c > '9') && c != '-' && c != '.')
            return nullptr;
    }
    return psprintf("\"%.*s\"", static_cast<int>(text.size()), text.data());
}

/* For the operator: which argument of the watch, and what its type has raised. */
const char*
describe_failure(const char* argument, int sqlstate)
{
    return psprintf("argument \"%s\": SQLSTATE %s", argument, unpack_sql_state(sqlstate));
}

/* A lead that came by another way than Meta has often a blank and not NULL. */
bool
is_blank(std::string_view text)
{
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/* An integer of the column's own type. */
int64
integer_value(Oid type, Datum value)
{
    return type == INT8OID   ? DatumGetInt64(value)
           : type == INT4OID ? DatumGetInt32(value)
                             : DatumGetInt16(value);
}

/* Whether the type is one of whole numbers that fit into 64 bits. */
bool
is_integer(Oid type)
{
    return type == INT8OID || type == INT4OID || type == INT2OID;
}

/* With and without time zone have the same form: without, it is taken as UTC. */
Reason
from_timestamp(Timestamp timestamp, UnixMicros* time)
{
    if (TIMESTAMP_NOT_FINITE(timestamp))
        return Reason::kEventTimeUnreadable;
    *time = to_unix_micros(timestamp);
    return Reason::kNone;
}

/* Seconds or milliseconds, told apart by their size. */
Reason
from_unix_number(int64 number, UnixMicros* time)
{
    constexpr int64 kLargest = INT64CONST(100000000000000); /* milliseconds in the year 5138 */

    if (number < 0 || number > kLargest)
        return Reason::kEventTimeUnreadable;
    *time = number >= kFirstMilliseconds ? number * 1000 : number * kMicrosPerSecond;
    return Reason::kNone;
}

}  // namespace

/* Composite types, arrays and ranges call functions of what they are made of, and keep its
 * description pinned meanwhile. */
bool
is_simple_function(Oid function)
{
    return function < FirstGenbkiObjectId && function != F_RECORD_OUT && function != F_RECORD_EQ &&
           function != F_ARRAY_OUT && function != F_ARRAY_EQ && function != F_RANGE_OUT &&
           function != F_RANGE_EQ && function != F_MULTIRANGE_OUT && function != F_MULTIRANGE_EQ;
}

void
prepare_reader(Oid type, Oid collation, MemoryContext memory, ColumnReader* reader)
{
    Oid output;
    bool is_varlena;

    memset(reader, 0, sizeof *reader);
    reader->type = getBaseType(type);
    reader->collation = collation;
    getTypeOutputInfo(reader->type, &output, &is_varlena);
    fmgr_info_cxt(output, &reader->output, memory);
    reader->is_varlena = is_varlena;
    reader->is_compared_as_text = reader->type == TEXTOID || reader->type == VARCHAROID;
    reader->is_text = reader->is_compared_as_text || reader->type == BPCHAROID ||
                      reader->output.fn_addr == textout;
    const TypeCacheEntry* const entry = lookup_type_cache(reader->type, TYPECACHE_EQ_OPR_FINFO);
    if (OidIsValid(entry->eq_opr_finfo.fn_oid))
        fmgr_info_cxt(entry->eq_opr_finfo.fn_oid, &reader->equal, memory);
    reader->is_simple = is_simple_function(output) && is_simple_function(reader->equal.fn_oid);
}

void
prepare_column(Relation table, const char* column_name, MemoryContext memory, ColumnReader* reader)
{
    memset(reader, 0, sizeof *reader);
    if (column_name == nullptr || *column_name == '\0')
        return;
    const AttrNumber number = get_attnum(RelationGetRelid(table), column_name);
    if (number > 0) {
        const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), number - 1);
        prepare_reader(column->atttypid, column->attcollation, memory, reader);
    }
    reader->number = number > 0 ? number : static_cast<AttrNumber>(-1);
}

/* A value that lies outside of its row is not fetched if both rows share it. */
bool
is_same_image(Datum a, bool a_is_null, Datum b, bool b_is_null, bool by_value, int length)
{
    if (a_is_null || b_is_null)
        return a_is_null && b_is_null;
    if (datumIsEqual(a, b, by_value, length))
        return true;
    /* What would take more memory than the statement itself counts as changed. */
    return !(length == -1 && (is_too_large(a) || is_too_large(b))) &&
           datum_image_eq(a, b, by_value, length);
}

bool
same_value(ColumnReader* reader, Datum a, bool a_is_null, Datum b, bool b_is_null)
{
    if (a_is_null || b_is_null)
        return a_is_null && b_is_null;
    if (is_integer(reader->type))
        return integer_value(reader->type, a) == integer_value(reader->type, b);
    if (reader->is_compared_as_text && is_at_hand(a) && is_at_hand(b))
        return text_view(DatumGetTextPP(a)) == text_view(DatumGetTextPP(b));
    return is_equal(reader, a, b);
}

Reason
read_lead_id(ColumnReader* reader, Datum value, bool* absent, int64* lead_id, const char** detail)
{
    *absent = false;
    if (is_integer(reader->type)) {
        *lead_id = integer_value(reader->type, value);
        const Reason reason = JudgeLeadId(*lead_id);
        if (reason != Reason::kNone && *lead_id <= kLargestQuotableNumber)
            *detail = psprintf("\"" INT64_FORMAT "\"", *lead_id);
        return reason;
    }
    const TextForm form = text_form(reader, value);
    if (form.is_too_large)
        return Reason::kLeadIdLength;
    if (form.sqlstate != 0) {
        *detail = describe_failure("lead_id", form.sqlstate);
        return Reason::kValueUnreadable;
    }
    *absent = is_blank(form.text);
    if (*absent)
        return Reason::kNone;
    const Reason reason = ReadLeadId(form.text, lead_id);
    if (reason != Reason::kNone)
        *detail = quotable_digits(form.text);
    return reason;
}

text*
read_stage(ColumnReader* reader, Datum value, bool isnull, Reason* reason, const char** detail)
{
    if (isnull)
        return nullptr;
    if (reader->is_compared_as_text && is_at_hand(value) && !is_too_large(value))
        return DatumGetTextPP(value);
    TextForm form = text_form(reader, value);
    if (form.is_too_large || form.sqlstate != 0) {
        *reason = form.is_too_large ? Reason::kStageTooLong : Reason::kValueUnreadable;
        *detail = form.is_too_large ? nullptr : describe_failure("stage", form.sqlstate);
        return nullptr;
    }
    if (reader->type == BPCHAROID) { /* padding is not part of a char(n) value */
        while (!form.text.empty() && form.text.back() == ' ')
            form.text.remove_suffix(1);
    }
    return make_text(form.text);
}

Reason
read_time(ColumnReader* reader, Datum value, bool isnull, UnixMicros* time)
{
    if (isnull)
        return Reason::kEventTimeMissing;
    switch (reader->type) {
        case TIMESTAMPTZOID:
            return from_timestamp(DatumGetTimestampTz(value), time);
        case TIMESTAMPOID:
            return from_timestamp(DatumGetTimestamp(value), time);
        case DATEOID: {
            const DateADT date = DatumGetDateADT(value);
            if (DATE_NOT_FINITE(date) || !IS_VALID_DATE(date))
                return Reason::kEventTimeUnreadable;
            return from_timestamp(static_cast<Timestamp>(date) * USECS_PER_DAY, time);
        }
        case INT8OID:
        case INT4OID:
            return from_unix_number(integer_value(reader->type, value), time);
        default:
            return Reason::kEventTimeUnreadable;
    }
}

bool
is_time_type(Oid type)
{
    return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID || type == INT8OID ||
           type == INT4OID;
}

Reason
judge_stage(const text* stage)
{
    if (stage == nullptr)
        return Reason::kStageMissing;
    const std::string_view view = text_view(stage);
    bool complete;
    if (view.size() > static_cast<size_t>(kMaxEventNameCharacters) * MAX_MULTIBYTE_CHAR_LEN)
        return Reason::kStageTooLong;
    const std::string_view utf8 = to_utf8(view, &complete);
    return complete ? JudgeEventName(utf8) : Reason::kStageEncoding;
}

}  // namespace crm_capi
