/*
 * watch_definition.cpp - a watch as it is written down: the arguments of its trigger.
 */
#include "pg/watch/watch_definition.hpp"

#include "pg/base/json.hpp"
#include "pg/base/trigger_row.hpp"

extern "C" {
#include "utils/json.h"
}

namespace crm_capi {

namespace {

/* Where the arguments of a trigger stand. */
constexpr int kDatasetArgument = 2;
constexpr int kOptionsArgument = 5;
constexpr int kRoleArguments[] = {0, 1, 3, 4}; /* the condition is an option */

constexpr const char* kUnmappedWords[] = {"send", "skip", "park"};

/* The argument of the trigger; NULL if it has none there, or an empty one. */
const char*
argument(const Trigger* trigger, int number)
{
    return number < trigger->tgnargs && *trigger->tgargs[number] != '\0' ? trigger->tgargs[number]
                                                                         : nullptr;
}

/* Whether the object has the member, and it is true. */
bool
true_member(Jsonb* object, const char* name)
{
    JsonbValue value;

    return find_member(&object->root, name, &value) && value.type == jbvBool && value.val.boolean;
}

/* NULL if there is no such member, or it is a plain value. */
Jsonb*
object_member(Jsonb* object, const char* name)
{
    JsonbValue value;

    if (!find_member(&object->root, name, &value) || value.type != jbvBinary)
        return nullptr;
    return JsonbValueToJsonb(&value);
}

/* The options of a watch with expressions. Those that are missing stay as they are. */
void
read_options(Jsonb* options, WatchDefinition* definition)
{
    const char* const unmapped = text_member(&options->root, "unmapped");
    const char* const repeat = text_member(&options->root, "repeat");

    definition->roles[kConditionRole] = text_member(&options->root, "condition");
    definition->stage_map = object_member(options, "stage_map");
    if (unmapped != nullptr)
        (void)read_unmapped(unmapped, &definition->unmapped);
    definition->user_data = object_member(options, "user_data");
    definition->custom_data = object_member(options, "custom_data");
    definition->consent = object_member(options, "consent");
    definition->first_only = repeat != nullptr && strcmp(repeat, "first") == 0;
    definition->recheck = true_member(options, "recheck");
}

/* Writes the key of the next member. */
void
add_member(StringInfo json, const char* name)
{
    appendStringInfoString(json, json->len > 1 ? ", " : "");
    escape_json(json, name);
    appendStringInfoString(json, ": ");
}

/* Writes a member that is a text. */
void
add_member_text(StringInfo json, const char* name, const char* value)
{
    add_member(json, name);
    escape_json(json, value);
}

/* Writes a member that is JSON already. */
void
add_json(StringInfo json, const char* name, Jsonb* value)
{
    add_member(json, name);
    (void)JsonbToCString(json, &value->root, static_cast<int>(VARSIZE(value)));
}

/* Only what is not as it would be anyhow: \d shows it. */
const char*
write_options(const WatchDefinition& definition)
{
    StringInfoData json;

    initStringInfo(&json);
    appendStringInfoChar(&json, '{');
    if (definition.stage_map != nullptr)
        add_json(&json, "stage_map", definition.stage_map);
    if (definition.unmapped != Unmapped::kSend)
        add_member_text(&json, "unmapped", kUnmappedWords[static_cast<int>(definition.unmapped)]);
    if (definition.roles[kConditionRole] != nullptr)
        add_member_text(&json, "condition", definition.roles[kConditionRole]);
    if (definition.user_data != nullptr)
        add_json(&json, "user_data", definition.user_data);
    if (definition.custom_data != nullptr)
        add_json(&json, "custom_data", definition.custom_data);
    if (definition.consent != nullptr)
        add_json(&json, "consent", definition.consent);
    if (definition.first_only)
        add_member_text(&json, "repeat", "first");
    if (definition.recheck) {
        add_member(&json, "recheck");
        appendStringInfoString(&json, "true");
    }
    appendStringInfoChar(&json, '}');
    return json.data;
}

}  // namespace

const char*
role_name(Role role)
{
    static constexpr const char* kNames[] = {"lead_id", "stage", "event_time", "lead_created_at",
                                             "condition"};

    return kNames[role];
}

bool
read_unmapped(const char* word, Unmapped* unmapped)
{
    for (int i = 0; i < static_cast<int>(lengthof(kUnmappedWords)); i++) {
        if (strcmp(word, kUnmappedWords[i]) == 0) {
            *unmapped = static_cast<Unmapped>(i);
            return true;
        }
    }
    return false;
}

bool
is_plain_trigger(const Trigger* trigger)
{
    return trigger->tgnargs <= kOptionsArgument;
}

bool
is_watch(const Trigger* trigger, Oid schema)
{
    const char* const name = get_func_name(trigger->tgfoid);

    return get_func_namespace(trigger->tgfoid) == schema && name != nullptr &&
           trigger->tgnargs >= 2 &&
           strcmp(name, is_plain_trigger(trigger) ? "capi_lead_stage_trigger"
                                                  : "capi_watch_trigger") == 0;
}

Oid
root_trigger(const Trigger* trigger)
{
    Oid root = trigger->tgoid;
    TriggerRow row;

    if (!trigger->tgisclone)
        return root;
    while (find_trigger_row(root, &row) && OidIsValid(row.parent))
        root = row.parent;
    return root;
}

bool
read_definition(const Trigger* trigger, WatchDefinition* definition)
{
    const char* const options = argument(trigger, kOptionsArgument);

    memset(definition, 0, sizeof *definition);
    if (trigger->tgnargs < 2 || trigger->tgnargs > kOptionsArgument + 1)
        return false;
    definition->is_plain = is_plain_trigger(trigger);
    definition->dataset = argument(trigger, kDatasetArgument);
    for (int i = 0; i < static_cast<int>(lengthof(kRoleArguments)); i++)
        definition->roles[i] = argument(trigger, kRoleArguments[i]);
    if (definition->is_plain)
        return true;
    if (options == nullptr)
        return false;
    read_options(parse_json(options), definition);
    return true;
}

/* Trailing arguments of a plain watch that are not used are left out, so that \d stays readable. */
TriggerArguments
write_definition(const WatchDefinition& definition)
{
    TriggerArguments arguments = {kOptionsArgument + 1, {}};

    for (int i = 0; i < static_cast<int>(lengthof(kRoleArguments)); i++)
        arguments.values[kRoleArguments[i]] = definition.roles[i];
    arguments.values[kDatasetArgument] = definition.dataset;
    if (!definition.is_plain)
        arguments.values[kOptionsArgument] = write_options(definition);
    while (arguments.count > 2 && arguments.values[arguments.count - 1] == nullptr)
        arguments.count--;
    for (const char*& value : arguments.values)
        value = value != nullptr ? value : "";
    return arguments;
}

}  // namespace crm_capi
