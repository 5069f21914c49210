// event_texts.cpp - the texts of an event, in one piece of memory.
#include "core/event/event_texts.hpp"

namespace crm_capi {

EventTexts::EventTexts(const Parts& parts)
    : name_end_(static_cast<uint32_t>(parts.event_name.size())),
      user_data_end_(name_end_ + static_cast<uint32_t>(parts.user_data.size())),
      custom_data_end_(user_data_end_ + static_cast<uint32_t>(parts.custom_data.size())) {
    text_.reserve(custom_data_end_ + parts.condition_of.size());
    text_.append(parts.event_name)
        .append(parts.user_data)
        .append(parts.custom_data)
        .append(parts.condition_of);
}

}  // namespace crm_capi
