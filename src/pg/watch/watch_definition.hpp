/*
 * watch_definition.hpp - a watch as it is written down: the arguments of its trigger.
 *
 * Plain watches call capi_lead_stage_trigger, whose arguments are column names. Whatever goes
 * beyond calls capi_watch_trigger: there the arguments are expressions over NEW, and a sixth is a
 * JSON object of options. It does nothing unless capi_watch() wrote it (watch_approval.hpp).
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* What a watch takes from a row. */
enum Role { kLeadIdRole, kStageRole, kEventTimeRole, kLeadCreatedAtRole, kConditionRole, kRoles };

/* The argument of capi_watch that fills the role. */
const char* role_name(Role role);

/* What to do with a stage that stage_map does not name. */
enum class Unmapped { kSend, kSkip, kPark };

struct WatchDefinition {
    bool is_plain;
    const char* dataset;       /* NULL = the only one */
    const char* roles[kRoles]; /* column names, or expressions; NULL = not used */
    Jsonb* stage_map;          /* NULL = stages keep their names */
    Unmapped unmapped;
    Jsonb* user_data;   /* NULL, or an object: key to column or expression, or a list of them */
    Jsonb* custom_data; /* likewise */
    Jsonb* consent;     /* likewise, of the members of core/event/consent.hpp; no lists */
    bool first_only;    /* each stage of a lead once */
    bool recheck;       /* the condition counts once more just before the event is sent */
};

/* Whether the trigger's arguments are column names. */
bool is_plain_trigger(const Trigger* trigger);

/* Whether the trigger is a watch: it calls one of our functions, which are in `schema`. */
bool is_watch(const Trigger* trigger, Oid schema);

/* The trigger that this one was made from: on a partition it is a clone of its parent's. */
Oid root_trigger(const Trigger* trigger);

/* False if the trigger's arguments are none of a watch. */
bool read_definition(const Trigger* trigger, WatchDefinition* definition);

/* The arguments of a trigger. */
struct TriggerArguments {
    int count;
    const char* values[6];
};

TriggerArguments write_definition(const WatchDefinition& definition);

/* False if the word is none. */
bool read_unmapped(const char* word, Unmapped* unmapped);

}  // namespace crm_capi
