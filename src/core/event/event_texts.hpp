// event_texts.hpp - the texts of an event, in one piece of memory.
//
// The next requests of all datasets that take turns in the log wait in memory, and there the bytes
// of an event are most of what it costs: most have a stage and no other text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace crm_capi {

class EventTexts {
public:
    // UTF-8, whatever the database's encoding.
    struct Parts {
        std::string_view event_name = {};   // the stage
        std::string_view user_data = {};    // JSON object text with hashed identities, or empty
        std::string_view custom_data = {};  // JSON object text, or empty
        // The watch whose condition counts once more before each attempt
        // (src/core/dispatch/shelf.hpp); empty = none does.
        std::string_view condition_of = {};
    };

    EventTexts() = default;

    // Copies them. Together less than 4 GiB, of which a row of the log has a quarter at most.
    explicit EventTexts(const Parts& parts);

    // As in Parts; it lies in this object.
    std::string_view event_name() const { return Between(0, name_end_); }
    // Likewise.
    std::string_view user_data() const { return Between(name_end_, user_data_end_); }
    // Likewise.
    std::string_view custom_data() const { return Between(user_data_end_, custom_data_end_); }
    // Likewise.
    std::string_view condition_of() const { return Between(custom_data_end_, text_.size()); }

    // Whether there is a condition_of.
    bool has_condition() const { return custom_data_end_ != text_.size(); }

    // Bytes of all of them.
    size_t size() const { return text_.size(); }

private:
    // What begins with one byte of text_ and ends before the other.
    std::string_view Between(size_t begin, size_t end) const {
        return {text_.data() + begin, end - begin};
    }

    std::string text_;  // one behind the other
    uint32_t name_end_ = 0;
    uint32_t user_data_end_ = 0;
    uint32_t custom_data_end_ = 0;
};

}  // namespace crm_capi
