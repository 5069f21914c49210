/*
 * identities.cpp - see identities.hpp.
 */
#include "pg/queue/identities.hpp"

#include <string>

#include "core/event/digest.hpp"
#include "core/event/validation.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/json.hpp"

namespace crm_capi {

namespace {

/* A reading that has nothing but the reason why it has nothing. */
IdentityReading
refused_reading(Reason reason)
{
    IdentityReading reading = {};

    reading.reason = reason;
    return reading;
}

/* C++ regime. NULL for an empty text, so that absence is told in one way. */
const char*
CopyIfAny(const std::string& text)
{
    return text.empty() ? nullptr : CopyToPalloc(text);
}

/* C++ regime. Keys and causes are words of ours. */
void
NoteDropped(const std::vector<DroppedValue>& dropped, IdentityReading* reading)
{
    std::string list;

    if (dropped.empty())
        return;
    for (const DroppedValue& value : dropped)
        list.append(list.empty() ? "[[\"" : ", [\"")
            .append(value.key)
            .append("\", \"")
            .append(DropCauseCode(value.cause))
            .append("\"]");
    reading->unusable = CopyToPalloc(dropped.front().key);
    reading->cause = CopyToPalloc(DropCauseText(dropped.front().cause));
    reading->dropped = CopyToPalloc(list + ']');
}

/* The core's answer in PostgreSQL's memory; the hashed object in *json. */
IdentityReading
normalize(std::string_view utf8, const char* default_country, const char** json)
{
    IdentityReading reading = {};
    const IdentityContext context = {default_country ? default_country : "", current_year()};

    call_cpp("normalize user_data", [&] {
        const Identities identities = NormalizeUserData(utf8, context);
        reading.reason = identities.reason;
        reading.detail = CopyIfAny(identities.key);
        NoteDropped(identities.dropped, &reading);
        reading.lead_id = identities.lead_id;
        reading.sufficient = identities.sufficient;
        reading.lane = identities.json.empty() ? 0 : LaneKey(identities.json);
        *json = CopyIfAny(identities.json);
    });
    return reading;
}

}  // namespace

IdentityReading
read_identities(const Jsonb* given, const char* default_country)
{
    const char* json = nullptr;
    bool complete;

    if (VARSIZE(given) > kLargestUserData)
        return refused_reading(Reason::kIdentityTooMany);
    const std::string_view utf8 = to_utf8(print_json(given), &complete);
    if (!complete)
        return refused_reading(Reason::kUserDataUnreadable);
    IdentityReading reading = normalize(utf8, default_country, &json);
    if (reading.reason != Reason::kNone || json == nullptr)
        return reading;
    const std::string_view text = from_utf8(json, &complete);
    if (!complete)
        return refused_reading(Reason::kUserDataUnreadable);
    if (text.size() > kLargestUserData)
        return refused_reading(Reason::kIdentityTooMany);
    reading.user_data = parse_json(text.data());
    return reading;
}

Reason
identify(NewEvent* event, const IdentityReading* reading)
{
    const bool has_meta_id = event->has_lead_id && event->lead_id > 0;

    if (reading->reason != Reason::kNone)
        return reading->reason;
    event->user_data = reading->user_data;
    if (has_meta_id && reading->lead_id != 0 && reading->lead_id != event->lead_id)
        return Reason::kLeadIdConflict;
    if (has_meta_id)
        return Reason::kNone;
    if (reading->lead_id != 0 || !event->has_lead_id) {
        event->lead_id = reading->lead_id != 0 ? reading->lead_id : reading->lane;
        event->has_lead_id = event->lead_id != 0;
    }
    return event->lead_id > 0 || reading->sufficient ? Reason::kNone
                                                     : Reason::kIdentityInsufficient;
}

int64
lane_of(std::string_view key)
{
    int64 lane = 0;

    call_cpp("hash the key of a lead", [&] { lane = LaneKey(key); });
    return lane;
}

}  // namespace crm_capi
