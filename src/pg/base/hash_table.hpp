/*
 * hash_table.hpp - PostgreSQL's hash tables, as we use them: keys are compared byte by byte.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* A new table of entries of type Entry, which begin with a Key; `memory` owns it. A key must have
 * no padding, which a compiler need not copy. */
template <class Key, class Entry>
HTAB*
create_hash_table(const char* name, MemoryContext memory)
{
    constexpr long kFirstSize = 16;
    HASHCTL control;

    memset(&control, 0, sizeof control);
    control.keysize = sizeof(Key);
    control.entrysize = sizeof(Entry);
    control.hcxt = memory;
    return hash_create(name, kFirstSize, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

}  // namespace crm_capi
