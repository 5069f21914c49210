// transport.hpp - HTTP as the shipper sees it: requests go out, answers come back, nothing blocks.
//
// The interface hides libcurl, so that the shipper can be read and tested without it. One transport
// serves all datasets of a shipper and keeps their connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "core/answer/http.hpp"

namespace crm_capi {

class Transport {
public:
    virtual ~Transport() = default;

    // Begins a request and returns its ticket (never 0). A request that cannot even begin comes
    // back as an answer with kNotSent. Throws std::bad_alloc only.
    virtual uint64_t Start(HttpRequest request) = 0;

    // A pollable descriptor, readable when Pump has something to do. Constant for the object's
    // life.
    virtual int Descriptor() const = 0;

    // Milliseconds until Pump must be called even if the descriptor stays silent; -1 = no limit. 0
    // if an answer is there.
    virtual long TimeoutMs() const = 0;

    // Moves all transfers on. Never blocks, never waits.
    virtual void Pump() = 0;

    // Takes the next finished request; false if there is none.
    virtual bool NextAnswer(HttpAnswer* answer) = 0;

    // Requests begun and not yet taken by NextAnswer.
    virtual int InFlight() const = 0;
};

// How long new requests go over the connections that are there. After that a host's name is looked
// up anew: an address that the name has left may answer for long, and one day no more. A few
// handshakes in five minutes are nothing to an endpoint that is asked all the time.
constexpr std::chrono::milliseconds kConnectionLifetime = std::chrono::minutes(5);

// max_response_bytes caps an answer's body. Throws std::runtime_error if libcurl cannot start.
std::unique_ptr<Transport> MakeCurlTransport(
    size_t max_response_bytes, std::chrono::milliseconds connection_lifetime = kConnectionLifetime);

}  // namespace crm_capi
