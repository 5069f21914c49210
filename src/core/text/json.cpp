#include "core/text/json.hpp"

namespace crm_capi {

Json ParseJson(std::string_view text) {
    return Json::parse(text, nullptr, false);
}

std::string WriteJson(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace crm_capi
