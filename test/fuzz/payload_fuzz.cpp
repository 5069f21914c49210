// payload_fuzz.cpp - whatever lies in the queue, the body is JSON and says what was meant.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <nlohmann/json.hpp>

#include "core/event/payload.hpp"
#include "core/text/utf8.hpp"

using namespace crm_capi;
using Json = nlohmann::json;

static void Require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// Cuts the input into texts at line feeds.
static std::string NextText(std::string_view* rest) {
    const size_t end = std::min(rest->find('\n'), rest->size());
    std::string text(rest->substr(0, end));
    rest->remove_prefix(std::min(end + 1, rest->size()));
    return text;
}

// Enqueue lets only JSON objects into the queue; of other texts nothing may be taken over.
static bool IsAllowedObject(const std::string& text) {
    std::string valid;
    AppendValidUtf8(text, &valid);
    const size_t first = text.find_first_not_of(" \t\r\n");
    return first == std::string::npos || text[first] != '{' || Json::accept(valid);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Event event;
    if (size < sizeof event.lead_id + sizeof event.event_time) {
        return 0;
    }
    std::memcpy(&event.lead_id, data, sizeof event.lead_id);
    std::memcpy(&event.event_time, data + 8, sizeof event.event_time);
    std::string_view rest(reinterpret_cast<const char*>(data) + 16, size - 16);
    DatasetConstants dataset;
    dataset.lead_event_source = NextText(&rest);
    event.event_name = NextText(&rest);
    event.user_data = NextText(&rest);
    event.custom_data = rest;
    if (!IsAllowedObject(event.user_data) || !IsAllowedObject(event.custom_data)) {
        return 0;
    }
    RequestBody body(dataset);
    body.Add(event);
    body.Add(event);
    const Json json = Json::parse(body.Finish(dataset.lead_event_source, ""), nullptr, false);
    Require(!json.is_discarded() && json["data"].size() == 2 && json["data"][0] == json["data"][1]);
    const Json& sent = json["data"][0];
    std::string name;
    AppendValidUtf8(event.event_name, &name);
    Require(sent["event_name"] == name);
    Require(sent["event_time"] == FloorToSeconds(event.event_time));
    Require(sent["event_id"].get<std::string>().size() == 32);
    return 0;
}
