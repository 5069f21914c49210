// payload.hpp - the JSON that goes to Meta, written once by appending (reference 1.2, 2.2).
//
// A document model is an order of magnitude slower than the network (performance goals, section 2),
// so events are appended to the request body; only texts that come from outside are escaped.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/event/digest.hpp"
#include "core/event/event.hpp"

namespace crm_capi {

// The parts that all events of a dataset share.
struct DatasetConstants {
    std::string dataset_id;
    std::string lead_event_source;
    std::string test_event_code;  // empty = not sent
    std::string partner_agent;    // empty = not sent
    // data_processing_options: JSON array text, empty = not sent; country and state go with it.
    std::string data_processing_options;
    std::optional<PlaceNumber> data_processing_options_country;
    std::optional<PlaceNumber> data_processing_options_state;
};

// The members of custom_data that are written from the dataset, and that no event may bring along.
constexpr const char* kFixedCustomData[] = {"event_source", "lead_event_source"};

// Appends one event object. user_data and custom_data of the event are JSON object texts that the
// enqueue made and validated: their members are spliced in behind the fixed ones (lead_id;
// event_source, lead_event_source), which they cannot override because enqueue refuses those keys.
// What the event says about consent stands in place of the dataset's options. Throws
// std::runtime_error if OpenSSL cannot make the event_id.
void AppendEvent(const DatasetConstants& dataset, const Event& event, std::string* out);

// What all events of a dataset say in the same words, written once.
struct SharedParts {
    explicit SharedParts(const DatasetConstants& dataset);

    std::string custom_data;  // its members, with what stands before them
    std::string end;          // what follows custom_data
    std::string plain_end;    // both, for an event that brings along nothing of its own
};

// A request body grows event by event: {"data":[ e1 , e2 ... ] , "test_event_code":... }
class RequestBody {
public:
    // Keeps a reference: the dataset must outlive the body. The number of events only reserves
    // memory, and more may be added.
    explicit RequestBody(const DatasetConstants& dataset, size_t expected_events = 1);
    // Behind the events added before. How many make a request is the caller's to know. Throws as
    // AppendEvent does; the body is of no use then.
    void Add(const Event& event);
    // Closes the array and writes the top-level members. access_token and appsecret_proof are
    // written only if not empty (token_in = body). The object is spent afterwards.
    std::string Finish(std::string_view access_token, std::string_view appsecret_proof);

private:
    const DatasetConstants& dataset_;
    SharedParts shared_;
    EventIds ids_;
    std::string text_;
    bool is_empty_ = true;
};

// Appends text as a JSON string with quotes. Text is UTF-8; an invalid byte becomes U+FFFD (a
// SQL_ASCII database can hold anything, and invalid JSON would refuse the whole batch).
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace crm_capi
