// consent_test.cpp - what one event says about the use of its data.
#include "core/event/consent.hpp"

#include <gtest/gtest.h>

#include "core/event/payload.hpp"

namespace crm_capi {
namespace {

std::string Canonical(const std::string& json) {
    const ConsentReading reading = ReadConsent(json);
    return reading.fault != nullptr ? "fault: " + std::string(reading.fault->name)
                                    : WriteConsent(reading.consent);
}

TEST(Consent, ValuesAsACrmHoldsThem) {
    const std::pair<std::string, std::string> cases[] = {
        {R"({})", ""},
        {R"({"opt_out":null,"data_processing_options":" "})", ""},
        {R"({"opt_out":true})", R"({"opt_out":true})"},
        {R"({"opt_out":false,"other":1})", R"({"opt_out":false})"},
        {R"({"data_processing_options":[]})", R"({"data_processing_options":[]})"},
        {R"({"data_processing_options":"[]"})", R"({"data_processing_options":[]})"},
        {R"({"data_processing_options":["LDU"]})", R"({"data_processing_options":["LDU"]})"},
        {R"({"data_processing_options":"LDU"})", R"({"data_processing_options":["LDU"]})"},
        {R"({"data_processing_options":"[\"LDU\"]","data_processing_options_country":"1",
             "data_processing_options_state":1000.0})",
         R"({"data_processing_options":["LDU"],"data_processing_options_country":1,)"
         R"("data_processing_options_state":1000})"},
        // Without limited use they mean nothing.
        {R"({"data_processing_options":[],"data_processing_options_country":1})",
         R"({"data_processing_options":[]})"},
        {R"({"data_processing_options_state":1000})", ""},
    };
    for (const auto& [given, canonical] : cases) {
        EXPECT_EQ(Canonical(given), canonical) << given;
        if (!canonical.empty()) {
            EXPECT_EQ(Canonical(canonical), canonical) << "what is written is read alike";
        }
    }
}

TEST(Consent, WhatMetaDoesNotKnowIsAFault) {
    const std::pair<std::string, std::string> cases[] = {
        {R"({"opt_out":"yes"})", "opt_out"},
        {R"({"opt_out":1})", "opt_out"},
        {R"({"data_processing_options":"ldu"})", "data_processing_options"},
        {R"({"data_processing_options":["LDU","LDU"]})", "data_processing_options"},
        {R"({"data_processing_options":{}})", "data_processing_options"},
        {R"({"data_processing_options":true})", "data_processing_options"},
        {R"({"data_processing_options_country":2})", "data_processing_options_country"},
        {R"({"data_processing_options_country":"US"})", "data_processing_options_country"},
        {R"({"data_processing_options_country":0.5})", "data_processing_options_country"},
        {R"({"data_processing_options_country":[1]})", "data_processing_options_country"},
        {R"({"data_processing_options_state":999})", "data_processing_options_state"},
        {R"({"data_processing_options_state":2000})", "data_processing_options_state"},
        {R"({"data_processing_options_state":-1})", "data_processing_options_state"},
        {R"({"data_processing_options_state":1e300})", "data_processing_options_state"},
        {R"({"data_processing_options_state":"01000"})", "data_processing_options_state"},
    };
    for (const auto& [given, name] : cases) {
        EXPECT_EQ(Canonical(given), "fault: " + name) << given;
    }
    for (const char* const none : {"", "null", "[]", "{", "{\"opt_out\":\"\xff\"}"}) {
        EXPECT_FALSE(ReadConsent(none).is_object) << none;
    }
}

struct OverrideCase {
    const char* what;
    std::string options;  // of the dataset
    std::optional<PlaceNumber> country;
    std::optional<PlaceNumber> state;
    std::string consent;  // of the event
    std::string end;      // of its payload
};

// What stands behind custom_data.
std::string End(const OverrideCase& test) {
    DatasetConstants dataset;
    dataset.dataset_id = "1";
    dataset.data_processing_options = test.options;
    dataset.data_processing_options_country = test.country;
    dataset.data_processing_options_state = test.state;
    Event event;
    event.lead_id = 123456789012345;
    event.consent = ReadConsent(test.consent).consent;
    std::string text;
    AppendEvent(dataset, event, &text);
    RequestBody body(dataset);
    body.Add(event);
    EXPECT_EQ(body.Finish("", ""), "{\"data\":[" + text + "]}") << test.what;
    const std::string before = R"("lead_event_source":""})";
    return text.substr(text.find(before) + before.size());
}

TEST(Consent, TheEventOverridesItsDataset) {
    const std::string ldu = R"(["LDU"])";
    const std::string own =
        R"(,"data_processing_options":["LDU"],"data_processing_options_country":)";
    const OverrideCase cases[] = {
        {"nothing is said", "", {}, {}, "{}", "}"},
        {"opted out", "", {}, {}, R"({"opt_out":true})", R"(,"opt_out":true})"},
        {"the dataset's options stay beside opt_out", ldu, 1, 1000, R"({"opt_out":false})",
         R"(,"opt_out":false)" + own + R"(1,"data_processing_options_state":1000})"},
        {"not limited", ldu, 1, 1000, R"({"data_processing_options":[]})",
         R"(,"data_processing_options":[]})"},
        {"limited, with a place of its own", "[]", 1, 1000,
         R"({"data_processing_options":["LDU"],"data_processing_options_country":1,
             "data_processing_options_state":1002})",
         own + R"(1,"data_processing_options_state":1002})"},
        {"limited, where the dataset says", "", 1, 1000, R"({"data_processing_options":["LDU"]})",
         own + R"(1,"data_processing_options_state":1000})"},
        {"limited, and nobody says where",
         "",
         {},
         {},
         R"({"data_processing_options":["LDU"]})",
         own + R"(0,"data_processing_options_state":0})"},
        {"half of a place is completed by Meta, not by the dataset", ldu, 1, 1000,
         R"({"data_processing_options":["LDU"],"data_processing_options_country":0})",
         own + R"(0,"data_processing_options_state":0})"},
    };
    for (const OverrideCase& test : cases) {
        EXPECT_EQ(End(test), test.end) << test.what;
    }
}

}  // namespace
}  // namespace crm_capi
