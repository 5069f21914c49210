/*
 * options.hpp - the options of datasets (servers) and credentials (user mappings), checked when
 * they are set.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Milliseconds in a time option such as '30s', '1500 ms' or '30' (seconds); false if it is none. */
bool read_timeout(const char* text, int* milliseconds);

/* Whether the text can be sent as test_event_code. */
bool is_test_event_code(const char* text);

}  // namespace crm_capi
