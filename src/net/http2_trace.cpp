// http2_trace.cpp - see http2_trace.hpp. Lines are quoted as libcurl 7.88 to 8.21 write them.
#include "net/http2_trace.hpp"

#include <charconv>

namespace crm_capi {

namespace {

// Whether these are the line's first characters.
bool Begins(std::string_view line, std::string_view with) {
    return line.substr(0, with.size()) == with;
}

// The number at the front of the text.
std::optional<uint32_t> NumberAt(std::string_view text) {
    uint32_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace

// "[HTTP/2] [3] OPENED stream for https://..."; before 8.1 "Using Stream ID: 3 (easy handle ...".
std::optional<uint32_t> StreamOpenedBy(std::string_view line) {
    constexpr std::string_view kEarlier = "Using Stream ID: ";
    constexpr std::string_view kLater = "[HTTP/2] [";
    if (Begins(line, kEarlier)) {
        return NumberAt(line.substr(kEarlier.size()));
    }
    return Begins(line, kLater) && line.find("] OPENED stream for ") != std::string_view::npos
               ? NumberAt(line.substr(kLater.size()))
               : std::nullopt;
}

// "received GOAWAY, error=0, last_stream=5", once with a slip of the pen: "recveived".
std::optional<uint32_t> LastStreamOf(std::string_view line) {
    constexpr std::string_view kLast = "last_stream=";
    const size_t at = line.find(kLast);
    return at != std::string_view::npos && line.find("eived GOAWAY,") != std::string_view::npos
               ? NumberAt(line.substr(at + kLast.size()))
               : std::nullopt;
}

// "REFUSED_STREAM, retrying a fresh connect", and from 8.21 on "HTTP/2 stream 3 refused by server,
// try again on a new connection".
bool TellsOfARefusal(std::string_view line) {
    return Begins(line, "REFUSED_STREAM,") ||
           (Begins(line, "HTTP/2 stream ") &&
            line.find(" refused by server,") != std::string_view::npos);
}

// "Connection died, retrying a fresh connect (retry count: 1)".
bool TellsOfARepetition(std::string_view line) {
    return Begins(line, "Connection died, retrying");
}

}  // namespace crm_capi
