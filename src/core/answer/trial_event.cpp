// trial_event.cpp - see trial_event.hpp.
#include "core/answer/trial_event.hpp"

#include <string_view>

#include "core/text/json.hpp"

namespace crm_capi {

namespace {

// Null for the empty text: every member is always there.
Json TextOrNull(std::string_view text) {
    return text.empty() ? Json() : Json(std::string(text));
}

// Some hints tell what becomes of an event in the queue. This one was in none.
bool IsHintFor(Reason reason) {
    switch (reason) {
        case Reason::kConnectionCut:
        case Reason::kNotProcessed:
        case Reason::kRequestTooLarge:
        case Reason::kServerError:
        case Reason::kCountMismatch:
        case Reason::kRefused:
            return false;
        default:
            return true;
    }
}

// Null if Meta reported no error.
Json DescribeError(const Reply& reply) {
    if (!reply.error) {
        return {};
    }
    Json error;
    error["code"] = reply.error->code;
    error["subcode"] = reply.error->subcode == 0 ? Json() : Json(reply.error->subcode);
    error["is_transient"] = reply.error->is_transient ? Json(*reply.error->is_transient) : Json();
    error["message"] = TextOrNull(reply.error->message);
    return error;
}

}  // namespace

std::string DescribeTrialEvent(const HttpAnswer& answer, const Secrets& secrets,
                               const std::string& event_id, const std::string& test_event_code) {
    Verdict verdict{};
    const AnswerRecord ended = RecordAnswer(answer, 1, secrets, &verdict);
    HttpAnswer shown = answer;
    BlackOutSecrets(secrets, &shown);
    const Reply reply =
        shown.result == TransportResult::kAnswered ? ReadReply(shown.body) : Reply();
    const ReasonText& why = Describe(ended.reason);
    Json result;
    result["verdict"] = ended.outcome;
    result["http_status"] = ended.http_status == 0 ? Json() : Json(ended.http_status);
    result["events_received"] = ended.events_received < 0 ? Json() : Json(ended.events_received);
    result["messages"] = reply.messages;
    result["fbtrace_id"] = TextOrNull(ended.fbtrace_id);
    result["error"] = DescribeError(reply);
    result["reason_code"] = TextOrNull(why.code);
    result["reason"] = TextOrNull(why.text);
    result["hint"] = IsHintFor(ended.reason) ? TextOrNull(why.hint) : Json();
    result["detail"] = TextOrNull(ended.detail);
    result["event_id"] = event_id;
    result["test_event_code"] = test_event_code;
    return WriteJson(result);
}

}  // namespace crm_capi
