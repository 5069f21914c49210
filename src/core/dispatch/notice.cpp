// notice.cpp - see notice.hpp.
#include "core/dispatch/notice.hpp"

#include "core/event/payload.hpp"

namespace crm_capi {

namespace {

constexpr UnixMicros kRepeatAfter = kMicrosPerDay;

// Appends ,"name":"text", with null for no text. Names are our own and need no escapes.
void AppendTextOrNull(std::string_view name, std::string_view text, std::string* out) {
    out->append(",\"").append(name).append("\":");
    if (text.empty()) {
        out->append("null");
    } else {
        AppendJsonString(text, out);
    }
}

// The members that say why, and the closing brace.
void AppendReason(Reason reason, std::string* out) {
    const ReasonText& why = Describe(reason);
    AppendTextOrNull("reason_code", why.code, out);
    AppendTextOrNull("reason", why.text, out);
    AppendTextOrNull("hint", why.hint, out);
    out->push_back('}');
}

}  // namespace

std::string HealthNotice(std::string_view dataset, std::string_view health, Reason reason) {
    std::string notice = "{\"kind\":\"health\"";
    AppendTextOrNull("dataset", dataset, &notice);
    AppendTextOrNull("health", health, &notice);
    AppendReason(reason, &notice);
    return notice;
}

std::string ParkedNotice(const std::string& dataset, Reason reason) {
    std::string notice = "{\"kind\":\"parked\"";
    AppendTextOrNull("dataset", dataset, &notice);
    AppendReason(reason, &notice);
    return notice;
}

bool ParkedKinds::MustTell(const std::string& dataset, Reason reason, UnixMicros now) {
    const auto [told, is_new] = told_at_.try_emplace({dataset, reason}, now);
    // A clock that was put back must not silence a kind until it has caught up.
    const bool is_due = is_new || now - told->second >= kRepeatAfter || now < told->second;
    if (is_due) {
        told->second = now;
    }
    return is_due;
}

}  // namespace crm_capi
