/*
 * row_data.cpp - what an event says beside lead, stage and time: identities, further data, consent.
 */
#include "pg/row/row_data.hpp"

#include "core/event/validation.hpp"
#include "pg/base/encoding.hpp"
#include "pg/base/json.hpp"
#include "pg/base/trigger_row.hpp"
#include "pg/queue/consent.hpp"
#include "pg/queue/identities.hpp"
#include "pg/row/row_members.hpp"

extern "C" {
#include "utils/json.h"
}

namespace crm_capi {

namespace {

/* Whether the JSON can be sent, in which nothing but texts can be anything else than ASCII. */
bool
has_utf8_form(Jsonb* json)
{
    bool complete;

    if (GetDatabaseEncoding() == PG_UTF8)
        return true;
    (void)to_utf8(std::string_view(print_json(json)), &complete);
    return complete;
}

/* Custom_data that is too large, or cannot be sent, is left out, and parks the event. */
void
judge_custom_data(NewEvent* event)
{
    if (event->custom_data == nullptr)
        return;
    if (VARSIZE(event->custom_data) > kLargestCustomData)
        park(event, Reason::kCustomDataTooLarge, nullptr);
    else if (!has_utf8_form(event->custom_data))
        park(event, Reason::kCustomDataUnreadable, nullptr);
    else
        return;
    event->custom_data = nullptr;
}

/* Nothing is sent on a guess about consent. */
void
set_consent(const Jsonb* given, NewEvent* event)
{
    if (given == nullptr)
        return;
    if (VARSIZE(given) > kLargestCustomData) {
        park(event, Reason::kConsentUnusable, "the signals take more than 16 kB");
        return;
    }
    const ConsentWords words = read_consent(print_json(given));
    event->consent = words.consent;
    if (words.fault != nullptr)
        park(event, Reason::kConsentUnusable, words.fault);
}

/* Which values of the row's identities were of no use, for the doctor to count: the topmost table
 * of the watch, and each value's key and cause. */
Jsonb*
note_dropped(const Watch* watch, const char* values)
{
    TriggerRow trigger;
    StringInfoData json;
    const Oid table = find_trigger_row(watch->root, &trigger) ? trigger.table : watch->table;

    initStringInfo(&json);
    appendStringInfoString(&json, "{\"table\": ");
    escape_json(&json, quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
                                                  get_rel_name(table)));
    appendStringInfo(&json, ", \"values\": %s}", values);
    return parse_json(json.data);
}

}  // namespace

void
park(NewEvent* event, Reason reason, const char* detail)
{
    if (event->parked == Reason::kNone && reason != Reason::kNone) {
        event->parked = reason;
        event->detail = detail;
    }
}

void
read_data(Watch* watch, const Row& row, NewEvent* event)
{
    RowMembers members;
    IdentityReading reading = {};

    read_members(watch, row, &members);
    park(event, members.reason, members.detail);
    event->custom_data = members.custom_data;
    judge_custom_data(event);
    set_consent(members.consent, event);
    if (members.user_data != nullptr)
        reading = read_identities(members.user_data, watch->default_country);
    else if (!event->has_lead_id || event->lead_id > 0)
        return;
    if (reading.dropped != nullptr)
        event->dropped = note_dropped(watch, reading.dropped);
    const Reason reason = identify(event, &reading);
    park(event, reason, reading.detail);
}

}  // namespace crm_capi
