/*
 * watch_arguments.cpp - the arguments of capi_watch(), checked.
 */
#include "pg/watch/watch_arguments.hpp"

#include "core/event/consent.hpp"
#include "core/event/reason.hpp"
#include "pg/base/json.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/watch/column_values.hpp"
#include "pg/watch/watch_compilation.hpp"
#include "pg/watch/watch_source.hpp"

namespace crm_capi {

namespace {

enum Argument {
    kTarget,
    kLeadId,
    kStage,
    kDataset,
    kEventTime,
    kStageMap,
    kUnmapped,
    kLeadCreatedAt,
    kUserData,
    kCustomData,
    kCondition,
    kRepeat,
    kRecheck,
    kConsent, /* the first of its members, which follow in the order of kConsentMembers */
};

/* NULL if it was not given. */
const char*
text_argument(FunctionCallInfo fcinfo, int argument)
{
    return PG_ARGISNULL(argument) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/* An ERROR if it was not given, or is empty. */
const char*
require_text(FunctionCallInfo fcinfo, int argument, const char* name)
{
    const char* const value = text_argument(fcinfo, argument);

    if (value == nullptr || *value == '\0')
        report_missing_argument(name);
    return value;
}

/* An ERROR that lists the words, of which the first is the default. */
void
refuse_word(const char* name, const char* words)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("argument \"%s\" must be one of %s", name, words),
                    errdetail("Other words have no meaning here."),
                    errhint("Leave the argument out for the first of them.")));
}

/*
 * Options
 */

/* An ERROR that shows what a map looks like; `detail` says what is wrong with this one. */
void
refuse_map(const char* detail)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("argument \"stage_map\" must be a JSON object of texts"),
                    errdetail("%s", detail),
                    errhint("Write it like {\"3\": \"qualified\", \"4\": \"converted\"}: what the "
                            "stage is, and the name under which it is sent.")));
}

/* An ERROR unless the value can be sent as the name of a stage. */
void
check_map_value(const char* key, const JsonbValue& value)
{
    if (value.type != jbvString)
        refuse_map(psprintf("The value of \"%s\" is not a text.", key));
    const Reason reason = judge_stage(cstring_to_text(copy_string(value)));
    if (reason != Reason::kNone)
        refuse_map(psprintf("The value of \"%s\" cannot be sent: %.*s.", key,
                            static_cast<int>(Describe(reason).text.size()),
                            Describe(reason).text.data()));
}

/* NULL if it was not given; an ERROR if it is not an object of names that can be sent. */
Jsonb*
read_stage_map(FunctionCallInfo fcinfo)
{
    JsonbIterator* members;
    JsonbValue value;
    const char* key = "";

    if (PG_ARGISNULL(kStageMap))
        return nullptr;
    Jsonb* const map = PG_GETARG_JSONB_P(kStageMap);
    if (!JB_ROOT_IS_OBJECT(map) || JB_ROOT_COUNT(map) == 0)
        refuse_map("It is not an object with members.");
    members = JsonbIteratorInit(&map->root);
    for (JsonbIteratorToken token = JsonbIteratorNext(&members, &value, true); token != WJB_DONE;
         token = JsonbIteratorNext(&members, &value, true)) {
        if (token == WJB_KEY)
            key = copy_string(value);
        else if (token == WJB_VALUE)
            check_map_value(key, value);
    }
    return map;
}

/* An ERROR if the word is not known, or has no map to speak of. */
Unmapped
read_unmapped_argument(FunctionCallInfo fcinfo)
{
    const char* const word = text_argument(fcinfo, kUnmapped);
    Unmapped unmapped = Unmapped::kSend;

    if (word == nullptr || !read_unmapped(word, &unmapped))
        refuse_word("unmapped", "\"send\", \"skip\" and \"park\"");
    if (unmapped != Unmapped::kSend && PG_ARGISNULL(kStageMap))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("argument \"unmapped\" needs a stage_map"),
                        errdetail("Without a map no stage is in it."),
                        errhint("Give a stage_map, or leave \"unmapped\" out.")));
    return unmapped;
}

/* Whether each stage of a lead is sent once. */
bool
read_repeat(FunctionCallInfo fcinfo)
{
    const char* const word = text_argument(fcinfo, kRepeat);
    const bool is_first = word != nullptr && strcmp(word, "first") == 0;

    if (!is_first && (word == nullptr || strcmp(word, "every") != 0))
        refuse_word("repeat", "\"every\" and \"first\"");
    return is_first;
}

/* Whether the condition counts once more; an ERROR if there is none. */
bool
read_recheck(FunctionCallInfo fcinfo)
{
    const bool rechecks = !PG_ARGISNULL(kRecheck) && PG_GETARG_BOOL(kRecheck);

    if (rechecks && PG_ARGISNULL(kCondition))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("argument \"recheck\" needs a condition"),
                        errdetail("It is the condition that is checked once more."),
                        errhint("Give a condition, or leave \"recheck\" out.")));
    return rechecks;
}

/* The row has to be found again. */
void
require_primary_key(Relation table)
{
    if (!OidIsValid(primary_key_of(table)))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("relation \"%s\" has no primary key", RelationGetRelationName(table)),
                 errdetail("With \"recheck\" a row is looked up by its primary key before "
                           "its event is sent."),
                 errhint("Add a primary key, or leave \"recheck\" out.")));
}

/*
 * Columns and expressions
 */

/* Whether all that the watch reads are columns, so that a plain trigger will do. */
bool
are_columns(Relation table, const WatchDefinition& definition)
{
    for (const char* const text : definition.roles) {
        if (text != nullptr && !is_column(table, text))
            return false;
    }
    return true;
}

/* Makes an expression of each column: the trigger of such a watch has nothing else. */
void
write_expressions(Relation table, WatchDefinition* definition)
{
    for (int role = 0; role < kRoles; role++) {
        const char*& text = definition->roles[role];
        if (text != nullptr)
            text = write_source(table, text, role_name(static_cast<Role>(role)));
    }
}

/* What to do about a time of a type that holds none. A text is cast by the watch itself, because
 * nobody but the CRM knows which zone its texts leave out; `source` is the text's column or
 * expression. */
const char*
time_hint(const ColumnReader& reader, const char* source)
{
    const char* const value = reader.number > 0 ? source : psprintf("(%s)", source);

    if (!reader.is_text)
        return "Use a value of type timestamptz, timestamp (taken as UTC), date, or bigint (Unix "
               "seconds or milliseconds).";
    return psprintf(
        "Cast the text: use the expression %s::timestamptz if each value ends in its "
        "zone, such as Z or +02:00; if they are local times, name the zone: "
        "%s::timestamp AT TIME ZONE 'Europe/Berlin'.",
        value, value);
}

/* An ERROR that names the argument and its type. `wanted` completes "is no ...". */
void
refuse_type(const char* argument, const ColumnReader& reader, const char* wanted, const char* hint)
{
    ereport(
        ERROR,
        (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("argument \"%s\" is no %s", argument, wanted),
         errdetail("Its type is %s.", format_type_be(reader.type)), errhint("%s", hint)));
}

/* An ERROR for several values in one: a whole row would be sent with all that it holds. */
void
refuse_compound(const char* argument, const ColumnReader& reader)
{
    const char kind = get_typtype(reader.type);

    if (kind == TYPTYPE_PSEUDO || kind == TYPTYPE_COMPOSITE)
        refuse_type(argument, reader, "single value",
                    "Use one column, or an expression of one value.");
}

/* An ERROR unless what the expression yields can be used for the role. */
void
check_type(Role role, const ColumnReader& reader, const char* source)
{
    const bool is_time = role == kEventTimeRole || role == kLeadCreatedAtRole;

    refuse_compound(role_name(role), reader);
    if (is_time && !is_time_type(reader.type))
        refuse_type(role_name(role), reader, "time", time_hint(reader, source));
    if (role == kConditionRole && reader.type != BOOLOID)
        refuse_type(role_name(role), reader, "condition",
                    "Use an expression that is true or false.");
}

/* An ERROR unless the member of consent can be what Meta wants of it. Texts and numbers are judged
 * row by row. */
void
check_consent_type(const Member& member)
{
    const ColumnReader& reader = member.sources[0].source.reader;

    refuse_compound(member.key, reader);
    if (strcmp(member.key, kConsentMembers[0].name.data()) == 0 && reader.type != BOOLOID)
        refuse_type(member.key, reader, "truth value",
                    "Use a boolean column, or an expression that is true or false.");
}

/* Runs with the owner's rights. */
void
try_out(void* argument)
{
    auto* const work = static_cast<Compilation*>(argument);

    compile_sources(work);
    for (int role = 0; role < kRoles; role++) {
        const char* const source = work->definition->roles[role];
        if (source != nullptr)
            check_type(static_cast<Role>(role), work->watch->sources[role].reader, source);
    }
    for (int i = 0; i < work->watch->consent.count; i++)
        check_consent_type(work->watch->consent.list[i]);
    check_sources(work);
}

/* Compiles the watch on trial, as it will be compiled for the first row. */
void
check_expressions(Relation table, const WatchDefinition& definition)
{
    Watch watch;
    Compilation work = {&watch, table, &definition, nullptr};

    memset(&watch, 0, sizeof watch);
    watch.memory = AllocSetContextCreate(CurrentMemoryContext, "crm_capi watch on trial",
                                         ALLOCSET_SMALL_SIZES);
    do_as_owner(table->rd_rel->relowner, Surroundings::kDefining, try_out, &work);
    MemoryContextDelete(watch.memory);
}

/* An ERROR unless the column, if one is named, has a type that holds a time. */
void
check_time_column(Relation table, const char* name)
{
    ColumnReader reader;

    if (name == nullptr)
        return;
    prepare_column(table, name, CurrentMemoryContext, &reader);
    if (!is_time_type(reader.type))
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("column \"%s\" of relation \"%s\" holds no time", name,
                        RelationGetRelationName(table)),
                 errdetail("Its type is %s.", format_type_be(reader.type)),
                 errhint("%s", time_hint(reader, psprintf("NEW.%s", quote_identifier(name))))));
}

}  // namespace

void
report_missing_argument(const char* name)
{
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument \"%s\" must not be null or empty", name),
                    errdetail("A watch needs a table, a lead id and a stage."),
                    errhint("Give a value for \"%s\".", name)));
}

namespace {

/* The arguments of consent as an object; NULL if none was given, an ERROR for a place of a limited
 * use that is none. */
Jsonb*
read_consent_sources(FunctionCallInfo fcinfo, Relation table)
{
    JsonBuilder object = {};
    int count = 0;

    push_json(&object, WJB_BEGIN_OBJECT, nullptr);
    for (int i = 0; i < static_cast<int>(lengthof(kConsentMembers)); i++) {
        const char* const name = kConsentMembers[i].name.data();
        const char* const text = text_argument(fcinfo, kConsent + i);
        if (text == nullptr || *text == '\0')
            continue;
        JsonbValue key = string_value(name);
        JsonbValue value = string_value(write_source(table, text, name));
        push_json(&object, WJB_KEY, &key);
        push_json(&object, WJB_VALUE, &value);
        count++;
    }
    push_json(&object, WJB_END_OBJECT, nullptr);
    if ((!PG_ARGISNULL(kConsent + 2) || !PG_ARGISNULL(kConsent + 3)) && PG_ARGISNULL(kConsent + 1))
        report_lonely_place();
    return count > 0 ? built_json(object) : nullptr;
}

}  // namespace

void
report_lonely_place()
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("country and state need the argument \"data_processing_options\""),
                    errdetail("They say for which place the use of the data is limited."),
                    errhint("Give data_processing_options, or leave country and state out.")));
}

WatchDefinition
read_watch_arguments(FunctionCallInfo fcinfo, Relation table)
{
    WatchDefinition definition = {};

    definition.roles[kLeadIdRole] = require_text(fcinfo, kLeadId, "lead_id");
    definition.roles[kStageRole] = require_text(fcinfo, kStage, "stage");
    definition.roles[kEventTimeRole] = text_argument(fcinfo, kEventTime);
    definition.roles[kLeadCreatedAtRole] = text_argument(fcinfo, kLeadCreatedAt);
    definition.roles[kConditionRole] = text_argument(fcinfo, kCondition);
    definition.stage_map = read_stage_map(fcinfo);
    definition.unmapped = read_unmapped_argument(fcinfo);
    definition.first_only = read_repeat(fcinfo);
    definition.recheck = read_recheck(fcinfo);
    if (definition.recheck)
        require_primary_key(table);
    definition.user_data = read_member_sources(fcinfo, kUserData, "user_data", table);
    definition.custom_data = read_member_sources(fcinfo, kCustomData, "custom_data", table);
    definition.consent = read_consent_sources(fcinfo, table);
    definition.is_plain = definition.stage_map == nullptr && definition.user_data == nullptr &&
                          definition.custom_data == nullptr && definition.consent == nullptr &&
                          !definition.first_only && definition.roles[kConditionRole] == nullptr &&
                          are_columns(table, definition);
    if (definition.is_plain) {
        check_time_column(table, definition.roles[kEventTimeRole]);
        check_time_column(table, definition.roles[kLeadCreatedAtRole]);
    } else {
        write_expressions(table, &definition);
        check_expressions(table, definition);
    }
    return definition;
}

}  // namespace crm_capi
