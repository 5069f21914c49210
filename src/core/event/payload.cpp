// payload.cpp - see payload.hpp.
#include "core/event/payload.hpp"

#include <utility>

#include "core/event/digest.hpp"
#include "core/text/ascii.hpp"
#include "core/text/decimal.hpp"
#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

// An event without identities beside lead_id, with names of ordinary length. A body that holds more
// grows on its way.
constexpr size_t kOrdinaryEventBytes = 320;

constexpr std::string_view kBlanks = " \t\r\n";  // JSON's white space

// Appends ,"name":"text" unless text is empty. Names are our own and need no escapes.
void AppendMember(std::string_view name, std::string_view text, std::string* out) {
    if (!text.empty()) {
        out->append(",\"").append(name).append("\":");
        AppendJsonString(text, out);
    }
}

// Likewise, unless there is no number.
void AppendMember(std::string_view name, std::optional<PlaceNumber> number, std::string* out) {
    if (number) {
        out->append(",\"").append(name).append("\":");
        AppendDecimal(*number, out);
    }
}

// What stands between the braces of a JSON object text. Nothing for any other text: it would be a
// fault of ours, and must not refuse the batch.
std::string_view MembersOf(std::string_view object) {
    const size_t first = object.find_first_not_of(kBlanks);
    const size_t last = object.find_last_not_of(kBlanks);
    if (first == last || object[first] != '{' || object[last] != '}') {
        return {};
    }
    const std::string_view inside = object.substr(first + 1, last - first - 1);
    return inside.find_first_not_of(kBlanks) == std::string_view::npos ? std::string_view()
                                                                       : inside;
}

// What stands between the braces of user_data. lead_id goes in front of what the event brings
// along, as a bare number.
void AppendUserData(const Event& event, std::string* out) {
    const std::string_view members = MembersOf(event.texts.user_data());
    if (event.lead_id > 0) {
        out->append("\"lead_id\":");
        AppendDecimal(event.lead_id, out);
        out->append(members.empty() ? "" : ",");
    }
    AppendValidUtf8(members, out);
}

// The members of custom_data that all events of a dataset share, with what stands before them.
std::string SharedCustomData(const DatasetConstants& dataset) {
    std::string text = "},\"custom_data\":{\"event_source\":\"crm\",\"lead_event_source\":";
    AppendJsonString(dataset.lead_event_source, &text);
    return text;
}

// The event's own members of custom_data, behind the shared ones.
void AppendCustomData(const Event& event, std::string* out) {
    const std::string_view members = MembersOf(event.texts.custom_data());
    out->append(members.empty() ? "" : ",");
    AppendValidUtf8(members, out);
}

// Meta wants country and state beside the options, not in them.
void AppendProcessingOptions(const DatasetConstants& dataset, std::string* out) {
    out->append(",\"data_processing_options\":").append(dataset.data_processing_options);
    AppendMember("data_processing_options_country", dataset.data_processing_options_country, out);
    AppendMember("data_processing_options_state", dataset.data_processing_options_state, out);
}

// Likewise, what follows custom_data.
std::string SharedEnd(const DatasetConstants& dataset) {
    std::string text = "}";
    if (!dataset.data_processing_options.empty()) {
        AppendProcessingOptions(dataset, &text);
    }
    return text + '}';
}

// What follows custom_data of an event that says something of its own. If it limits the use of its
// data and says nowhere where, the place is the dataset's.
void AppendOwnEnd(const DatasetConstants& dataset, const Consent& consent, std::string* out) {
    Consent own = consent;
    out->push_back('}');
    if (own.limited_use.value_or(false) && !own.country && !own.state) {
        own.country = dataset.data_processing_options_country;
        own.state = dataset.data_processing_options_state;
    }
    AppendConsent(own, out);
    if (!own.limited_use && !dataset.data_processing_options.empty()) {
        AppendProcessingOptions(dataset, out);
    }
    out->push_back('}');
}

// What an ASCII character must be to stand in a JSON string as it is. A bare char may be signed.
constexpr bool IsPlain(unsigned char c) {
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x80;
}

// How many bytes at the front of text stand in a JSON string as they are; 0 = the first does not.
size_t PlainLength(std::string_view text) {
    size_t plain = 0;
    while (plain < text.size() && IsPlain(static_cast<unsigned char>(text[plain]))) {
        ++plain;
    }
    const bool is_ascii = static_cast<unsigned char>(text[0]) < 0x80;
    return plain != 0 || is_ascii ? plain : FirstCodePoint(text).length;
}

// One byte that cannot stand in a JSON string as it is.
void AppendEscaped(char byte, std::string* out) {
    constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
    constexpr std::string_view kNames = "\"\\bfnrt";
    const size_t named = kNamed.find(byte);
    const auto code = static_cast<unsigned char>(byte);
    if (named != std::string_view::npos) {
        out->append(1, '\\').push_back(kNames[named]);
    } else if (code < 0x20) {
        out->append("\\u00").append(1, HexDigit(code >> 4)).push_back(HexDigit(code & 0x0F));
    } else {
        out->append(kReplacementCharacter);
    }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
    out->push_back('"');
    size_t copied = 0;
    for (size_t at = 0; at < text.size();) {
        const size_t length = PlainLength(text.substr(at));
        if (length == 0) {
            out->append(text.substr(copied, at - copied));
            AppendEscaped(text[at], out);
            copied = at + 1;
        }
        at += length == 0 ? 1 : length;
    }
    out->append(text.substr(copied)).push_back('"');
}

namespace {

// One event. In few pieces: a request has a thousand of them, and each piece costs more than the
// bytes that it adds.
void AppendEventWith(const DatasetConstants& dataset, const SharedParts& shared, EventIds* ids,
                     const Event& event, std::string* out) {
    out->append("{\"event_name\":");
    AppendJsonString(event.texts.event_name(), out);
    out->append(",\"event_time\":");
    AppendDecimal(FloorToSeconds(event.event_time), out);
    out->append(",\"action_source\":\"system_generated\",\"event_id\":\"");
    ids->Append(event, out);
    out->append("\",\"user_data\":{");
    AppendUserData(event, out);
    const bool has_consent = event.consent.opt_out || event.consent.limited_use;
    if (event.texts.custom_data().empty() && !has_consent) {
        out->append(shared.plain_end);
        return;
    }
    out->append(shared.custom_data);
    AppendCustomData(event, out);
    if (has_consent) {
        AppendOwnEnd(dataset, event.consent, out);
    } else {
        out->append(shared.end);
    }
}

}  // namespace

SharedParts::SharedParts(const DatasetConstants& dataset)
    : custom_data(SharedCustomData(dataset)),
      end(SharedEnd(dataset)),
      plain_end(custom_data + end) {}

void AppendEvent(const DatasetConstants& dataset, const Event& event, std::string* out) {
    EventIds ids(dataset.dataset_id);
    AppendEventWith(dataset, SharedParts(dataset), &ids, event, out);
}

RequestBody::RequestBody(const DatasetConstants& dataset, size_t expected_events)
    : dataset_(dataset), shared_(dataset), ids_(dataset.dataset_id) {
    text_.reserve((expected_events + 1) * (kOrdinaryEventBytes + shared_.end.size()));
    text_.append("{\"data\":[");
}

void RequestBody::Add(const Event& event) {
    if (!is_empty_) {
        text_.push_back(',');
    }
    AppendEventWith(dataset_, shared_, &ids_, event, &text_);
    is_empty_ = false;
}

std::string RequestBody::Finish(std::string_view access_token, std::string_view appsecret_proof) {
    text_.push_back(']');
    AppendMember("partner_agent", dataset_.partner_agent, &text_);
    AppendMember("test_event_code", dataset_.test_event_code, &text_);
    AppendMember("access_token", access_token, &text_);
    AppendMember("appsecret_proof", appsecret_proof, &text_);
    text_.push_back('}');
    return std::move(text_);
}

}  // namespace crm_capi
