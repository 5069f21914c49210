// http_date.hpp - the time that an HTTP answer states, in its header Date.
#pragma once

#include <optional>
#include <string_view>

#include "core/event/event.hpp"

namespace crm_capi {

// "Sun, 06 Nov 1994 08:49:37 GMT", the form that HTTP prescribes; nothing for any other text. A
// leap second counts as the second after it.
std::optional<UnixMicros> ReadHttpDate(std::string_view text) noexcept;

}  // namespace crm_capi
