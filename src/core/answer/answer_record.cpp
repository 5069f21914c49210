// answer_record.cpp - what an answer means, in the form in which it is written down.
#include "core/answer/answer_record.hpp"

namespace crm_capi {

namespace {

constexpr int kMaxErrorCharacters = 300;

// What is to be judged: the body is read only where a complete answer came.
Answer ReadAnswer(const HttpAnswer& http, int event_count) {
    Answer answer;
    answer.transport = http.result;
    answer.http_status = http.http_status;
    answer.event_count = event_count;
    if (http.result == TransportResult::kAnswered) {
        answer.reply = ReadReply(http.body);
    }
    return answer;
}

// What an operator wants to read beside the reason's own text.
std::string DetailOf(const Answer& answer, const HttpAnswer& http) {
    if (answer.transport != TransportResult::kAnswered) {
        return SafeText(http.error, kMaxErrorCharacters);
    }
    if (answer.reply.error) {
        const ReplyError& error = *answer.reply.error;
        std::string detail = "code " + std::to_string(error.code);
        if (error.subcode != 0) {
            detail += ", subcode " + std::to_string(error.subcode);
        }
        return error.message.empty() ? detail : detail + ": " + error.message;
    }
    if (answer.reply.events_received) {
        return std::to_string(answer.event_count) + " sent, " +
               std::to_string(*answer.reply.events_received) + " received";
    }
    return "HTTP status " + std::to_string(answer.http_status);
}

// Meta's name for this exchange, from the body or, where a body has none, from the header.
std::string TraceIdOf(const Answer& answer, const HttpAnswer& http) {
    if (!answer.reply.fbtrace_id.empty()) {
        return answer.reply.fbtrace_id;
    }
    for (const auto& [name, value] : http.headers) {
        if (name == "x-fb-trace-id") {
            return SafeText(value, 64);
        }
    }
    return {};
}

// Every occurrence, wherever a stranger may have repeated it.
void BlackOut(std::string_view secret, HttpAnswer* http) {
    const auto black_out = [secret](std::string* text) {
        for (size_t at = text->find(secret); at != std::string::npos; at = text->find(secret, at)) {
            text->replace(at, secret.size(), kBlackedOut);
            at += kBlackedOut.size();
        }
    };
    if (secret.empty()) {
        return;
    }
    black_out(&http->body);
    black_out(&http->error);
    for (auto& header : http->headers) {
        black_out(&header.second);
    }
}

}  // namespace

void BlackOutSecrets(const Secrets& secrets, HttpAnswer* http) {
    BlackOut(secrets.access_token, http);
    BlackOut(secrets.app_secret, http);
}

AnswerRecord RecordAnswer(HttpAnswer http, int event_count, const Secrets& secrets,
                          Verdict* verdict) {
    const Answer answer = ReadAnswer(http, event_count);
    *verdict = Judge(answer);
    AnswerRecord ended{};
    ended.outcome = OutcomeName(verdict->kind);
    ended.http_status = http.http_status;
    ended.events_received = answer.reply.events_received.value_or(-1);
    if (answer.reply.error) {
        ended.error_code = answer.reply.error->code;
        ended.error_subcode = answer.reply.error->subcode;
    }
    ended.reason = verdict->reason;
    // Read once more for people: a secret that looks like a number or a name of the answer must not
    // change what was judged.
    BlackOutSecrets(secrets, &http);
    const Answer shown = ReadAnswer(http, event_count);
    if (verdict->kind != VerdictKind::kDelivered) {
        ended.detail = DetailOf(shown, http);
    }
    ended.fbtrace_id = TraceIdOf(shown, http);
    return ended;
}

}  // namespace crm_capi
