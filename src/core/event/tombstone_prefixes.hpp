// tombstone_prefixes.hpp - leads that must not come back, known by a digest of their ids only.
#pragma once

#include <cstdint>
#include <vector>

#include "core/event/digest.hpp"

namespace crm_capi {

// SHA-256 of the id's eight bytes, highest first: sha256(int8send(lead_id)) in SQL. Throws
// std::runtime_error if OpenSSL cannot.
Sha256Digest DigestOfLead(int64_t lead_id);

// The first eight bytes of a digest. Millions of leads share none by accident, and whoever finds
// one here asks the table.
uint64_t PrefixOf(const unsigned char* digest);

// A filter in front of the table of tombstones, eight bytes a lead.
class TombstonePrefixes {
public:
    // Puts these in place of those before, in any order.
    void Assign(std::vector<uint64_t> prefixes);
    // Never false for a lead whose prefix was assigned. Hashes the id, and throws as DigestOfLead,
    // only if the filter holds anything.
    bool MayContain(int64_t lead_id) const;
    // Whether it holds no lead: then there is nothing to look up either.
    bool empty() const { return prefixes_.empty(); }

private:
    std::vector<uint64_t> prefixes_;  // ascending
};

}  // namespace crm_capi
