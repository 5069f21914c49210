// event_texts_test.cpp - four texts in one piece of memory stay four texts.
#include "core/event/event_texts.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace crm_capi {
namespace {

void ExpectParts(const EventTexts& texts, const EventTexts::Parts& parts) {
    EXPECT_EQ(texts.event_name(), parts.event_name);
    EXPECT_EQ(texts.user_data(), parts.user_data);
    EXPECT_EQ(texts.custom_data(), parts.custom_data);
    EXPECT_EQ(texts.condition_of(), parts.condition_of);
    EXPECT_EQ(texts.has_condition(), !parts.condition_of.empty());
    EXPECT_EQ(texts.size(), parts.event_name.size() + parts.user_data.size() +
                                parts.custom_data.size() + parts.condition_of.size());
}

TEST(EventTexts, AreNoneAtFirst) {
    ExpectParts(EventTexts(), {"", "", "", ""});
}

// Each alone, too: an empty text before or behind it must not take anything of it.
TEST(EventTexts, AreWhatTheyWereMadeOf) {
    const std::string_view long_text = "longer than what a string keeps in itself";
    for (int which = 0; which < 16; ++which) {
        for (const std::string_view text : {std::string_view("a"), long_text}) {
            const auto part = [which, text](int bit) {
                return (which & 1 << bit) == 0 ? std::string_view() : text;
            };
            const EventTexts::Parts parts{part(0), part(1), part(2), part(3)};
            ExpectParts(EventTexts(parts), parts);
        }
    }
}

TEST(EventTexts, MoveAndCopyAsAWhole) {
    const EventTexts::Parts parts{"stage", R"({"em":["a"]})", R"({"value":1})", "public.leads.a"};
    const EventTexts texts(parts);
    EventTexts copy = texts;
    ExpectParts(copy, parts);
    const EventTexts moved = std::move(copy);
    ExpectParts(moved, parts);
}

}  // namespace
}  // namespace crm_capi
