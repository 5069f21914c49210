// json.hpp - the one parser and the one printer of JSON. They are compiled once, in json.cpp: for
// each file that called the library itself they would be compiled again, which takes seconds.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace crm_capi {

using Json = nlohmann::json;

// Discarded (is_discarded()) if the text is not JSON.
Json ParseJson(std::string_view text);

// On one line. Bytes that are not UTF-8 become U+FFFD.
std::string WriteJson(const Json& value);

}  // namespace crm_capi
