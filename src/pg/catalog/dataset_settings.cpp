/*
 * dataset_settings.cpp - what is set for a dataset, read from the catalogs.
 */
#include "pg/catalog/dataset_settings.hpp"

#include <cstdlib>
#include <cstring>

#include "pg/base/encoding.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/options.hpp"

namespace crm_capi {

namespace {

/* A token file holds the token and nothing else but white space around it. */
constexpr int kLargestTokenFile = 8192;

/* The option in UTF-8, as it is sent; NULL if it is not set. What cannot be sent counts as not set,
 * and options.cpp refuses it. */
const char*
utf8_option(List* options, const char* name)
{
    const char* const value = option_value(options, name);
    bool complete = false;

    if (value == nullptr)
        return nullptr;
    const std::string_view utf8 = to_utf8(value, &complete);
    return complete ? utf8.data() : nullptr;
}

/* The mapping of the server's owner, else of PUBLIC; NIL options if there is none. */
List*
mapping_options(const ForeignServer* server, bool* found)
{
    HeapTuple tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(server->owner),
                                      ObjectIdGetDatum(server->serverid));
    if (!HeapTupleIsValid(tuple))
        tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
                                ObjectIdGetDatum(server->serverid));
    *found = HeapTupleIsValid(tuple);
    if (!*found)
        return NIL;
    bool isnull;
    const Datum packed =
        SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &isnull);
    List* const options = isnull ? NIL : untransformRelOptions(packed);
    ReleaseSysCache(tuple);
    return options;
}

/* The token in a file, or NULL. Reading is tried again whenever the settings are read, so a rotated
 * token is found. */
const char*
token_from_file(const char* path, const char** problem)
{
    FILE* const file = AllocateFile(path, PG_BINARY_R);
    if (file == nullptr) {
        *problem = psprintf("file \"%s\": %s", path, strerror(errno));
        return nullptr;
    }
    auto* const token = static_cast<char*>(palloc0(kLargestTokenFile + 1));
    const size_t length = fread(token, 1, kLargestTokenFile, file);
    FreeFile(file);
    char* const first = token + strspn(token, " \t\r\n");
    first[strcspn(first, " \t\r\n")] = '\0';
    if (length == 0 || *first == '\0') {
        *problem = psprintf("file \"%s\" is empty", path);
        return nullptr;
    }
    for (const char* c = first; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f) {
            *problem = psprintf("file \"%s\" holds something else than a token", path);
            return nullptr;
        }
    }
    return first;
}

/* C++ regime. Not set, a dataset is live. The validator lets no other word pass. */
Mode
ReadMode(const char* mode)
{
    if (mode == nullptr || std::strcmp(mode, "live") == 0)
        return Mode::kLive;
    return std::strcmp(mode, "dry_run") == 0 ? Mode::kDryRun : Mode::kPaused;
}

/* Reads token and secret into the settings, in the clear. What keeps the token from being there
 * becomes `hold`. */
void
read_credentials(const ForeignServer* server, DatasetSettings* settings)
{
    bool found;
    List* const options = mapping_options(server, &found);
    const char* const path = option_value(options, "access_token_file");

    settings->access_token = option_value(options, "access_token");
    settings->access_token_file = path;
    settings->app_secret = option_value(options, "app_secret");
    if (settings->access_token == nullptr && path != nullptr)
        settings->access_token = token_from_file(path, &settings->hold_detail);
    /* A dry run sends nothing and needs no token. */
    if (settings->access_token == nullptr && ReadMode(settings->mode) != Mode::kDryRun) {
        settings->hold = Reason::kTokenMissing;
        if (!found)
            settings->hold_detail = "there is no user mapping of the owner or of PUBLIC";
    }
}

/* C++ regime. Not set becomes the empty text. */
std::string
Text(const char* value)
{
    return value ? std::string(value) : std::string();
}

/* C++ regime. The validator has seen to it that it is a number. */
int
Number(const char* value, int otherwise)
{
    return value ? std::atoi(value) : otherwise;
}

/* Likewise, and that it is one of Meta's. */
std::optional<PlaceNumber>
ReadPlace(const char* value)
{
    if (value == nullptr)
        return std::nullopt;
    return static_cast<PlaceNumber>(Number(value, 0));
}

/* C++ regime. Where the request carries the token: not set, in a header. */
TokenPlace
ReadTokenPlace(const char* place)
{
    if (place == nullptr || std::strcmp(place, "header") == 0)
        return TokenPlace::kHeader;
    return std::strcmp(place, "body") == 0 ? TokenPlace::kBody : TokenPlace::kQuery;
}

/* C++ regime. What is the same in every event of the dataset. */
DatasetConstants
MakeConstants(const DatasetSettings& settings)
{
    DatasetConstants constants;

    constants.dataset_id = Text(settings.dataset_id);
    constants.lead_event_source = Text(settings.lead_event_source);
    constants.test_event_code = Text(settings.test_event_code);
    constants.partner_agent = Text(settings.partner_agent);
    constants.data_processing_options = Text(settings.data_processing_options);
    constants.data_processing_options_country = ReadPlace(settings.data_processing_options_country);
    constants.data_processing_options_state = ReadPlace(settings.data_processing_options_state);
    return constants;
}

}  // namespace

DatasetSettings
read_dataset_settings(Oid server_oid, Credentials credentials)
{
    const ForeignServer* const server = GetForeignServer(server_oid);
    List* const options = server->options;
    DatasetSettings settings = {};

    settings.server = server_oid;
    settings.name = server->servername;
    settings.dataset_id = utf8_option(options, "dataset_id");
    settings.lead_event_source = utf8_option(options, "lead_event_source");
    settings.api_version = utf8_option(options, "api_version");
    settings.endpoint = utf8_option(options, "endpoint");
    settings.ca_file = option_value(options, "ca_file");
    settings.mode = option_value(options, "mode");
    settings.test_event_code = utf8_option(options, "test_event_code");
    settings.partner_agent = utf8_option(options, "partner_agent");
    settings.data_processing_options = utf8_option(options, "data_processing_options");
    settings.data_processing_options_country =
        option_value(options, "data_processing_options_country");
    settings.data_processing_options_state = option_value(options, "data_processing_options_state");
    settings.batch_size = option_value(options, "batch_size");
    settings.max_in_flight = option_value(options, "max_in_flight");
    const char* const timeout = option_value(options, "timeout");
    if (timeout && !read_timeout(timeout, &settings.timeout_ms))
        settings.timeout_ms = 0;
    settings.token_in = option_value(options, "token_in");
    settings.hold = Reason::kNone;
    if (credentials == Credentials::kRead)
        read_credentials(server, &settings);
    /* ALTER SERVER cannot drop these, but a catalog can be older than a rule. */
    if (settings.dataset_id == nullptr || settings.lead_event_source == nullptr) {
        settings.hold = Reason::kOptionMissing;
        settings.hold_detail = settings.dataset_id ? "lead_event_source" : "dataset_id";
    }
    return settings;
}

DatasetConfig
MakeConfig(const DatasetSettings& settings)
{
    DatasetConfig config;

    config.server = settings.server;
    if (settings.number != 0)
        config.numbers.push_back(settings.number);
    config.name = Text(settings.name);
    config.hold = settings.hold;
    config.hold_detail = Text(settings.hold_detail);
    config.constants = MakeConstants(settings);
    config.mode = settings.paused ? Mode::kPaused : ReadMode(settings.mode);
    config.resumes = settings.resumes;
    if (settings.endpoint)
        config.endpoint = settings.endpoint;
    if (settings.api_version)
        config.api_version = settings.api_version;
    config.ca_file = Text(settings.ca_file);
    config.access_token = Text(settings.access_token);
    config.app_secret = Text(settings.app_secret);
    config.token_place = ReadTokenPlace(settings.token_in);
    config.batch_size = Number(settings.batch_size, config.batch_size);
    config.max_in_flight = Number(settings.max_in_flight, config.max_in_flight);
    if (settings.timeout_ms > 0)
        config.timeout_ms = settings.timeout_ms;
    return config;
}

}  // namespace crm_capi
