/*
 * options.cpp - the options of datasets and credentials, checked when they are set.
 *
 * One table says for each option where it belongs, who may set it and what it must look like. What
 * passes here can be sent: the shipper does not check it again.
 */
#include "pg/catalog/options.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/origin.hpp"
#include "pg/catalog/phone_country.hpp"

#include <string_view>

#include "core/dispatch/endpoint.hpp"
#include "core/text/ascii.hpp"
#include "pg/base/encoding.hpp"
#include "pg/shared/wakeup.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_fdw_validator);
}

namespace crm_capi {

namespace {

using ValueTest = bool (*)(const char* value);

struct OptionRule {
    const char* name;
    Oid catalog; /* ForeignServerRelationId or UserMappingRelationId */
    bool superuser_only;
    ValueTest accepts;
    const char* requirement; /* completes "The value must be ..." */
};

/* Whether the value has between `shortest` and `longest` bytes, each of them allowed. */
bool
all_of(const char* value, size_t shortest, size_t longest, bool (*allowed)(char))
{
    const size_t length = strlen(value);

    if (length < shortest || length > longest)
        return false;
    for (const char* c = value; *c != '\0'; c++) {
        if (!allowed(*c))
            return false;
    }
    return true;
}

/* Bytes of a multi-byte character are: what they make is not looked at. */
bool
is_printable(char c)
{
    return static_cast<unsigned char>(c) >= ' ' && c != 0x7f;
}

/* What can stand in an HTTP header and in a URL: no blank, no control character, ASCII only. */
bool
is_token_character(char c)
{
    return c > ' ' && c < 0x7f;
}

/* Words are as they are written: upper case is another word. */
bool
is_one_of(const char* value, std::initializer_list<const char*> words)
{
    for (const char* word : words) {
        if (strcmp(value, word) == 0)
            return true;
    }
    return false;
}

/* Whether it is a number without sign, blanks or fraction, within both limits. */
bool
is_integer_between(const char* value, int lowest, int highest)
{
    if (!all_of(value, 1, 9, IsAsciiDigit))
        return false;
    const int number = atoi(value);
    return number >= lowest && number <= highest;
}

/* Meta's ids have 15 or 16 digits today; 20 leaves room and still is a number of 64 bits. */
bool
is_dataset_id(const char* value)
{
    return all_of(value, 1, 20, IsAsciiDigit);
}

/* Counts characters, which are not bytes: "Müller" has six. */
bool
is_printable_text(const char* value, int shortest, int longest)
{
    const int characters = pg_mbstrlen(value);

    return characters >= shortest && characters <= longest &&
           all_of(value, 0, SIZE_MAX, is_printable);
}

/* A name. lead_event_source stands in each event, so it has to be short. */
bool
is_short_text(const char* value)
{
    return is_printable_text(value, 1, 100);
}

/* As Meta writes versions in the path of a URL, such as v26.0. */
bool
is_api_version(const char* value)
{
    const char* const dot = strchr(value, '.');

    return value[0] == 'v' && dot != nullptr && dot > value + 1 && dot[1] != '\0' &&
           strspn(value + 1, "0123456789") == static_cast<size_t>(dot - value - 1) &&
           strspn(dot + 1, "0123456789") == strlen(dot + 1) && strlen(value) <= 10;
}

/* A token may not travel in the clear, except to this very machine. */
bool
is_endpoint(const char* value)
{
    Endpoint endpoint;

    return ReadEndpoint(value, &endpoint) && (endpoint.https || endpoint.loopback);
}

/* Relative to what, a server process could not say. */
bool
is_absolute_file(const char* value)
{
    return is_absolute_path(value) && strlen(value) < MAXPGPATH;
}

/* The words of ReadMode() in dataset_settings.cpp. */
bool
is_mode(const char* value)
{
    return is_one_of(value, {"live", "dry_run", "paused"});
}

/* Reference 2.2: fewer than 23 characters, at least two letters. */
bool
is_partner_agent(const char* value)
{
    int letters = 0;

    for (const char* c = value; *c != '\0'; c++)
        letters += IsAsciiLetter(*c) ? 1 : 0;
    return letters >= 2 && is_printable_text(value, 2, 22);
}

/* Nothing, or Limited Data Use. Sent as it stands, so no other spelling of the same JSON is taken.
 */
bool
is_processing_option(const char* value)
{
    return is_one_of(value, {"[]", "[\"LDU\"]"});
}

/* Meta's numbers: 1 is the United States, 0 lets Meta find out. */
bool
is_processing_country(const char* value)
{
    return is_integer_between(value, 0, 1);
}

/* Meta's numbers: 0 lets Meta find out, 1000 is California, and the others follow. */
bool
is_processing_state(const char* value)
{
    return is_integer_between(value, 0, 0) || is_integer_between(value, 1000, 1999);
}

/* One whose telephone numbers the library knows. */
bool
is_country(const char* value)
{
    return all_of(value, 2, 2, IsAsciiLetter) && is_phone_region(value);
}

/* Meta takes at most 1000 events in a request. */
bool
is_batch_size(const char* value)
{
    return is_integer_between(value, 1, 1000);
}

/* Requests of one dataset at a time. Each holds a connection and a body in memory. */
bool
is_max_in_flight(const char* value)
{
    return is_integer_between(value, 1, 64);
}

/* Shorter than a second, Meta could not answer; longer than ten minutes, nobody would notice that
 * it does not. */
bool
is_timeout(const char* value)
{
    int milliseconds;

    return read_timeout(value, &milliseconds) && milliseconds >= 1000 && milliseconds <= 600000;
}

/* The words of ReadTokenPlace() in dataset_settings.cpp. */
bool
is_token_in(const char* value)
{
    return is_one_of(value, {"header", "body", "query"});
}

/* Tokens have some hundreds of bytes; more than this is not one. */
bool
is_secret(const char* value)
{
    return all_of(value, 1, 4096, is_token_character);
}

constexpr Oid kServer = ForeignServerRelationId;
constexpr Oid kMapping = UserMappingRelationId;

constexpr OptionRule kRules[] = {
    {"dataset_id", kServer, false, is_dataset_id, "the digits of a dataset (pixel) id"},
    {"lead_event_source", kServer, false, is_short_text,
     "the name of the CRM, 1 to 100 characters"},
    {"api_version", kServer, false, is_api_version, "a version such as \"v27.0\""},
    {"endpoint", kServer, true, is_endpoint,
     "a URL such as \"https://graph.facebook.com\"; plain http is for loopback addresses only"},
    {"ca_file", kServer, true, is_absolute_file, "an absolute path"},
    {"mode", kServer, false, is_mode, "\"live\", \"dry_run\" or \"paused\""},
    {"test_event_code", kServer, false, is_short_text, "a code of 1 to 100 characters"},
    {"partner_agent", kServer, false, is_partner_agent,
     "2 to 22 characters with at least two letters"},
    {"data_processing_options", kServer, false, is_processing_option, "\"[]\" or \"[\"LDU\"]\""},
    {"data_processing_options_country", kServer, false, is_processing_country, "0 or 1"},
    {"data_processing_options_state", kServer, false, is_processing_state,
     "0 or a state code from 1000 on"},
    {"default_country", kServer, false, is_country,
     "an ISO 3166-1 code of two letters, such as \"DE\""},
    {"batch_size", kServer, false, is_batch_size, "a number from 1 to 1000"},
    {"max_in_flight", kServer, false, is_max_in_flight, "a number from 1 to 64"},
    {"timeout", kServer, false, is_timeout, "a time from 1s to 600s"},
    {"token_in", kServer, false, is_token_in, "\"header\", \"body\" or \"query\""},
    {"origin", kServer, false, is_origin,
     "the origin of a dataset; it is set by the extension, and accepted by capi_resume"},
    {"access_token", kMapping, false, is_secret, "a token without blanks"},
    {"access_token_file", kMapping, true, is_absolute_file, "an absolute path"},
    {"app_secret", kMapping, false, is_secret, "a secret without blanks"},
};

/* NULL if the object can have no such option. */
const OptionRule*
find_rule(const char* name, Oid catalog)
{
    for (const OptionRule& rule : kRules) {
        if (rule.catalog == catalog && strcmp(rule.name, name) == 0)
            return &rule;
    }
    return nullptr;
}

/* Names of the options that the object can have, for a hint. */
const char*
valid_options(Oid catalog)
{
    StringInfoData names;

    initStringInfo(&names);
    for (const OptionRule& rule : kRules) {
        if (rule.catalog == catalog)
            appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", rule.name);
    }
    return names.data;
}

/* An ERROR that says which options there are. */
void
report_unknown_option(const char* name, Oid catalog)
{
    const char* const kind = catalog == kServer    ? "a server"
                             : catalog == kMapping ? "a user mapping"
                                                   : "this object";
    const char* const names = valid_options(catalog);

    ereport(ERROR,
            (errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("option \"%s\" is not known", name),
             errdetail("It is not an option of %s of foreign-data wrapper crm_capi.", kind),
             *names ? errhint("Valid options are: %s.", names)
                    : errhint("There are no valid options here.")));
}

/* An ERROR unless the current user may set the option, and to this value. */
void
check_option(const OptionRule* rule, const char* value)
{
    if (rule->superuser_only && !superuser())
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied to set option \"%s\"", rule->name),
                 errdetail("Only a superuser may decide where the server reads files or sends "
                           "tokens."),
                 errhint("Ask a superuser to set the option, or leave it out.")));
    (void)to_utf8(value); /* an ERROR if it could not be sent */
    if (!rule->accepts(value)) {
        /* A secret is not repeated: errors end in logs. */
        const bool secret = rule->catalog == kMapping && !rule->superuser_only;
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 secret ? errmsg("invalid value for option \"%s\"", rule->name)
                        : errmsg("invalid value for option \"%s\": \"%s\"", rule->name, value),
                 errdetail("The value must be %s.", rule->requirement),
                 errhint("Correct the value in the OPTIONS clause.")));
    }
}

/* An ERROR with the hint unless the option is in the list. */
void
require_option(List* options, const char* name, const char* hint)
{
    if (option_value(options, name) == nullptr)
        ereport(ERROR, (errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
                        errmsg("option \"%s\" is required", name),
                        errdetail("Without it no event of this dataset could be sent."),
                        errhint("%s", hint)));
}

/* An ERROR if options are missing that nothing works without, or contradict each other. */
void
check_together(List* options, Oid catalog)
{
    if (catalog == kServer) {
        require_option(options, "dataset_id",
                       "Add dataset_id, the id that Meta's Events Manager shows for the dataset.");
        require_option(options, "lead_event_source",
                       "Add lead_event_source, the name of your CRM.");
    } else if (catalog == kMapping) {
        if (option_value(options, "access_token") && option_value(options, "access_token_file"))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("options \"access_token\" and \"access_token_file\" exclude "
                                   "each other"),
                            errdetail("There must be one place only where the token comes from."),
                            errhint("Drop one of the two options.")));
    }
}

}  // namespace

bool
is_test_event_code(const char* text)
{
    return is_short_text(text);
}

bool
read_timeout(const char* text, int* milliseconds)
{
    /* A bare number means seconds, as in the documentation of the option. */
    if (all_of(text, 1, 6, IsAsciiDigit)) {
        *milliseconds = atoi(text) * 1000;
        return true;
    }
    return parse_int(text, milliseconds, GUC_UNIT_MS, nullptr);
}

}  // namespace crm_capi

using namespace crm_capi;

/* Called by CREATE and ALTER of servers and user mappings with all options as they will be. */
extern "C" Datum
capi_fdw_validator(PG_FUNCTION_ARGS)
{
    List* const options = untransformRelOptions(PG_GETARG_DATUM(0));
    const Oid catalog = PG_GETARG_OID(1);
    ListCell* cell;

    foreach (cell, options) {
        DefElem* const option = static_cast<DefElem*>(lfirst(cell));
        const OptionRule* const rule = find_rule(option->defname, catalog);

        if (rule == nullptr)
            report_unknown_option(option->defname, catalog);
        check_option(rule, option->arg ? defGetString(option) : "");
    }
    check_together(options, catalog);
    if (catalog == kServer)
        stamp_origins_at_commit();

    /* A held dataset goes on as soon as its token or its options have been put right. */
    wake_shipper_on_settings_change();
    PG_RETURN_VOID();
}
