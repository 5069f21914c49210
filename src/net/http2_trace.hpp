// http2_trace.hpp - what the peer of an HTTP/2 connection has said about single streams.
//
// A peer that closes a connection in good order names the last stream that it has looked at
// (GOAWAY), and one that cannot take a stream says so (REFUSED_STREAM). Either is its word that it
// has not acted on the request. No code of libcurl's tells these ends from others, but the lines
// that it writes for people do. They differ from version to version: a line that is not known is
// passed over, and the request is in doubt, as it would be without its word.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace crm_capi {

// The number of the stream that the line says was opened for the transfer.
std::optional<uint32_t> StreamOpenedBy(std::string_view line);

// The last stream that the peer may have acted on, if the line tells of a GOAWAY.
std::optional<uint32_t> LastStreamOf(std::string_view line);

// Whether the line says that the peer refused the transfer's stream.
bool TellsOfARefusal(std::string_view line);

// Whether the line says that libcurl is about to make the request again.
bool TellsOfARepetition(std::string_view line);

}  // namespace crm_capi
