/*
 * reason_words.cpp - reason codes as the views show them, each made once for many rows.
 */
#include "pg/queue/reason_words.hpp"

#include "core/event/reason.hpp"
#include "pg/base/texts.hpp"

namespace crm_capi {

namespace {

/* In the memory of the words. */
ReasonWord*
make_word(MemoryContext memory, const text* code)
{
    const MemoryContext before = MemoryContextSwitchTo(memory);
    auto* const word = static_cast<ReasonWord*>(palloc0(sizeof(ReasonWord)));
    const ReasonText& reason = Describe(ReasonFromCode(text_view(code)));

    word->code = make_text(text_view(code));
    if (reason.reason != Reason::kNone)
        word->words = make_text(reason.text);
    MemoryContextSwitchTo(before);
    return word;
}

}  // namespace

const ReasonWord*
find_reason_word(ReasonWords* words, const text* code)
{
    ReasonWord* word = words->first;

    while (word != nullptr && !is_same_text(word->code, code))
        word = word->next;
    if (word == nullptr) {
        word = make_word(words->memory, code);
        word->next = words->first;
        words->first = word;
    }
    return word;
}

text*
reason_for_people(const ReasonWord* word, text* detail)
{
    if (word == nullptr || word->words == nullptr)
        return nullptr;
    if (detail == nullptr)
        return word->words;
    const std::string_view words = text_view(word->words);
    return cstring_to_text(psprintf("%.*s: %s", static_cast<int>(words.size()), words.data(),
                                    text_to_cstring(detail)));
}

}  // namespace crm_capi
