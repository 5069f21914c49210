/*
 * dataset_settings.hpp - what is set for a dataset, read from the catalogs into plain memory, and
 * from there into the pure room's form.
 */
#pragma once

#include "core/dispatch/dataset_config.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* All texts lie in the memory context that was current when they were read; NULL = not set. */
struct DatasetSettings {
    Oid server;
    int32 number; /* main number in the log; 0 = none yet */
    const char* name;
    const char* dataset_id;
    const char* lead_event_source;
    const char* api_version;
    const char* endpoint;
    const char* ca_file;
    const char* mode;
    const char* test_event_code;
    const char* partner_agent;
    const char* data_processing_options;
    const char* data_processing_options_country;
    const char* data_processing_options_state;
    const char* batch_size;
    const char* max_in_flight;
    const char* token_in;
    const char* access_token;
    const char* access_token_file;
    const char* app_secret;
    int timeout_ms;          /* 0 = not set */
    bool paused;             /* by capi_pause() */
    int32 resumes;           /* how often capi_resume() was called */
    Reason hold;             /* kNone, or why nothing can be sent */
    const char* hold_detail; /* may be NULL */
};

enum class Credentials { kRead, kSkip };

/* Never fails for what an operator can get wrong: that becomes `hold`. */
DatasetSettings read_dataset_settings(Oid server, Credentials credentials);

/* C++ regime: no PostgreSQL call. Texts must be UTF-8 or ASCII already (they are converted above).
 */
DatasetConfig MakeConfig(const DatasetSettings& settings);

}  // namespace crm_capi
