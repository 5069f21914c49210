/*
 * reason_words.hpp - reason codes as the views show them, each made once for many rows.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct ReasonWord {
    text* code;
    text* words; /* the reason for people; NULL = this release does not know the code */
    ReasonWord* next;
};

/* Those that were met; all zero at first. Codes are few. */
struct ReasonWords {
    MemoryContext memory; /* where they are kept */
    ReasonWord* first;
};

/* The one of that code, which must not be compressed or stored elsewhere. */
const ReasonWord* find_reason_word(ReasonWords* words, const text* code);

/* The reason for people with its detail, which may be NULL and may be compressed; NULL without a
 * reason. In current memory, or kept with the words. */
text* reason_for_people(const ReasonWord* word, text* detail);

}  // namespace crm_capi
