// trial_event.hpp - what came of a test event, as capi_send_test_event() tells it.
#pragma once

#include <string>

#include "core/answer/answer_record.hpp"
#include "core/answer/http.hpp"

namespace crm_capi {

// JSON text of a fixed shape, every member always there, null where there is nothing to say:
//   verdict, http_status, events_received, messages, fbtrace_id,
//   error {code, subcode, is_transient, message}, reason_code, reason, hint, detail,
//   event_id, test_event_code
// Nothing of the secrets is in it, also where the answer repeats them.
std::string DescribeTrialEvent(const HttpAnswer& answer, const Secrets& secrets,
                               const std::string& event_id, const std::string& test_event_code);

}  // namespace crm_capi
