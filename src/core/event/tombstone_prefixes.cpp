// tombstone_prefixes.cpp - see tombstone_prefixes.hpp.
#include "core/event/tombstone_prefixes.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace crm_capi {

Sha256Digest DigestOfLead(int64_t lead_id) {
    std::string bytes(sizeof lead_id, '\0');
    auto rest = static_cast<uint64_t>(lead_id);
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
        *byte = static_cast<char>(rest & 0xFF);
        rest >>= 8;
    }
    return Sha256(bytes);
}

uint64_t PrefixOf(const unsigned char* digest) {
    uint64_t prefix = 0;
    for (size_t i = 0; i < sizeof prefix; ++i) {
        prefix = prefix << 8 | digest[i];
    }
    return prefix;
}

void TombstonePrefixes::Assign(std::vector<uint64_t> prefixes) {
    prefixes_ = std::move(prefixes);
    std::sort(prefixes_.begin(), prefixes_.end());
}

bool TombstonePrefixes::MayContain(int64_t lead_id) const {
    return !empty() && std::binary_search(prefixes_.begin(), prefixes_.end(),
                                          PrefixOf(DigestOfLead(lead_id).data()));
}

}  // namespace crm_capi
