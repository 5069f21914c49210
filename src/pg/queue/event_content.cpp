/*
 * event_content.cpp - what an event says, read from its row of the log, whatever the row holds.
 */
#include "pg/base/clock.hpp"
#include "pg/queue/event_content.hpp"

#include "core/event/consent.hpp"
#include "core/event/validation.hpp"
#include "pg/base/attempt.hpp"
#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/base/json.hpp"
#include "pg/queue/reached_stage.hpp"
#include "pg/queue/stored_json.hpp"

extern "C" {
#include "access/detoast.h"
}

namespace crm_capi {

namespace {

/* What an enqueue lets through has 16 kB at most. Anything much larger is not read at all: it could
 * take more memory than there is. */
constexpr Size kLargestValue = 1024 * 1024;

/* Columns that can be of any size. */
enum Wide { kEventName, kUserData, kCustomData, kRecheck, kConsent, kWideColumns };

constexpr int kColumnOf[kWideColumns] = {event_log_column::kEventName, event_log_column::kUserData,
                                         event_log_column::kCustomData, event_log_column::kRecheck,
                                         event_log_column::kConsent};
constexpr const char* kNameOf[kWideColumns] = {"event_name", "user_data", "custom_data", "recheck",
                                               "consent"};

struct Content {
    LoggedEvent* event;
    Datum values[kWideColumns];
    bool nulls[kWideColumns];
    int reading; /* the column that is being read */
};

void
refuse(LoggedEvent* event, Reason reason, const char* detail)
{
    event->unreadable = reason;
    event->detail = detail;
}

void
refuse_column(Content* content, const char* what)
{
    refuse(content->event, Reason::kEventUnreadable,
           psprintf("%s %s", kNameOf[content->reading], what));
}

/* In a SQL_ASCII database nobody has looked at the bytes, and in others a damaged page may hold
 * any. */
const char*
utf8_text(Content* content, std::string_view text)
{
    bool complete;
    const std::string_view utf8 = to_utf8(text, &complete);

    if (!complete || pg_encoding_verifymbstr(PG_UTF8, utf8.data(), static_cast<int>(utf8.size())) !=
                         static_cast<int>(utf8.size())) {
        refuse_column(content, "is not valid in the encoding of the database, or not in UTF-8");
        return "";
    }
    return utf8.data();
}

const char*
text_column(Content* content, Wide column)
{
    content->reading = column;
    return content->nulls[column]
               ? ""
               : utf8_text(content, TextDatumGetCString(content->values[column]));
}

/* NULL if there is none, or if it is none. */
Jsonb*
json_column(Content* content, Wide column)
{
    content->reading = column;
    if (content->nulls[column])
        return nullptr;
    Jsonb* const json = DatumGetJsonbP(content->values[column]);
    if (is_sound(json) && JB_ROOT_IS_OBJECT(json))
        return json;
    refuse_column(content, "is not a JSON object");
    return nullptr;
}

const char*
json_text(Content* content, Wide column)
{
    Jsonb* const json = json_column(content, column);

    return json == nullptr ? ""
                           : utf8_text(content, JsonbToCString(nullptr, &json->root,
                                                               static_cast<int>(VARSIZE(json))));
}

/* Of what nobody can read nobody knows what was consented to. */
void
read_consent_column(Content* content)
{
    const char* const json = json_text(content, kConsent);
    bool is_read = true;

    content->event->consent = {};
    if (*json == '\0')
        return;
    call_cpp("read the consent signals of an event", [&] {
        const ConsentReading reading = ReadConsent(json);
        is_read = reading.is_object && reading.fault == nullptr;
        content->event->consent = reading.consent;
    });
    if (!is_read)
        refuse_column(content, "holds no consent signals");
}

/* A member of a row reference (row_reference.hpp), or "". */
const char*
name_in(const Jsonb* recheck, const char* member)
{
    const char* const name = text_member(&recheck->root, member);

    return name == nullptr ? "" : name;
}

/* What is to be looked at once more: a row reference has a table, whatever else it lacks. */
void
read_recheck(LoggedEvent* event, Jsonb* recheck)
{
    if (recheck == nullptr)
        return;
    event->recheck = DatumGetJsonbPCopy(JsonbPGetDatum(recheck));
    event->is_first_only = is_first_only(recheck);
    if (text_member(&recheck->root, "table") != nullptr)
        event->condition_of = psprintf("%s.%s.%s", name_in(recheck, "schema"),
                                       name_in(recheck, "table"), name_in(recheck, "trigger"));
}

void
convert(void* argument)
{
    auto* const content = static_cast<Content*>(argument);
    LoggedEvent* const event = content->event;

    event->event_name = text_column(content, kEventName);
    event->user_data = json_text(content, kUserData);
    event->custom_data = json_text(content, kCustomData);
    read_recheck(event, json_column(content, kRecheck));
    read_consent_column(content);
}

/* False if one of the columns is too large to be looked at. */
bool
find_columns(const TupleTableSlot* row, Content* content, bool* is_plain)
{
    *is_plain = true;
    for (int i = 0; i < kWideColumns; i++) {
        content->reading = i;
        content->values[i] = row->tts_values[kColumnOf[i] - 1];
        content->nulls[i] = row->tts_isnull[kColumnOf[i] - 1];
        if (content->nulls[i])
            continue;
        *is_plain = *is_plain && !VARATT_IS_EXTERNAL(DatumGetPointer(content->values[i]));
        if (toast_raw_datum_size(content->values[i]) > kLargestValue) {
            refuse_column(content, "takes more than 1 MB");
            return false;
        }
    }
    return true;
}

void
read_content_times(const TupleTableSlot* row, LoggedEvent* event)
{
    const bool is_null = row->tts_isnull[event_log_column::kEventTime - 1];
    const TimestampTz time = DatumGetTimestampTz(row->tts_values[event_log_column::kEventTime - 1]);

    event->event_time = is_null ? 0 : to_unix_micros(time);
    if (is_null)
        refuse(event, Reason::kEventTimeMissing, nullptr);
    else if (TIMESTAMP_NOT_FINITE(time) || event->event_time == PG_INT64_MAX)
        refuse(event, Reason::kEventTimeUnreadable, nullptr);
    event->enqueued_at = DatumGetTimestampTz(row->tts_values[event_log_column::kEnqueuedAt - 1]);
}

/* What enqueue has judged, judged again: it costs less than one refused batch. */
void
judge(LoggedEvent* event)
{
    if (event->unreadable == Reason::kNone)
        event->unreadable = JudgeEventName(event->event_name);
    if (event->unreadable == Reason::kNone && event->lead_id > 0)
        event->unreadable = JudgeLeadId(event->lead_id);
}

}  // namespace

void
read_content(const TupleTableSlot* row, LoggedEvent* event)
{
    Content content = {};
    bool is_plain;

    content.event = event;
    event->unreadable = Reason::kNone;
    event->detail = nullptr;
    event->event_name = event->user_data = event->custom_data = "";
    event->recheck = nullptr;
    event->consent = {};
    event->is_first_only = false;
    event->condition_of = "";
    read_content_times(row, event);
    if (event->unreadable != Reason::kNone || !find_columns(row, &content, &is_plain))
        return;
    /* What lies in the row itself is converted in memory. What has to be fetched takes locks and
     * pins, and only a subtransaction gives those back. */
    ErrorData* const error =
        is_plain ? attempt_conversion(convert, &content) : attempt(convert, &content);
    if (error != nullptr && (ends_statement(error) || lacks_resources(error)))
        ReThrowError(error);
    if (error != nullptr)
        refuse_column(&content,
                      psprintf("raises SQLSTATE %s", unpack_sql_state(error->sqlerrcode)));
    judge(event);
}

}  // namespace crm_capi
