// lead_bloom.hpp - which runs of the log cannot hold a lead: a Bloom filter over lead ids.
//
// The log is indexed by event id alone, because every further index is paid for by the CRM, row by
// row. The shipper, which has time, notes for each run of events whose leads it holds. To look a
// lead up is to pass over the runs that cannot hold it (src/pg/queue/lead_index.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace crm_capi {

// With some 15 bits for each lead and eight probes, one run in 1,500 is read in vain.
constexpr int kEventsPerBloom = 1024;
// A row of capi_lead_filter with this many bytes is just small enough for four rows a page.
constexpr size_t kLeadBloomBytes = 1984;

// The filter of one run of events while it is being made.
class LeadBloom {
public:
    // Any number of leads may be added; beyond kEventsPerBloom the filter lets more pass in vain.
    void Add(int64_t lead_id);
    // kLeadBloomBytes of them, for MayHoldLead; the object keeps them.
    const unsigned char* bytes() const { return bytes_; }

private:
    unsigned char bytes_[kLeadBloomBytes] = {};
};

// Never false for a lead that was added. The bytes are those of a filter.
bool MayHoldLead(const unsigned char* bloom_bytes, int64_t lead_id);

}  // namespace crm_capi
