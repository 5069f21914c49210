// lead_bloom.cpp - which runs of the log cannot hold a lead: a Bloom filter over lead ids.
#include "core/ids/lead_bloom.hpp"

namespace crm_capi {

namespace {

constexpr int kProbes = 8;
constexpr uint64_t kBits = kLeadBloomBytes * 8;

// Lead ids differ in few of their bits; this spreads them over all 64 (the finaliser of
// SplitMix64). What it yields is stored, so it must stay as it is.
uint64_t Mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

// The probes of a lead: two halves of one hash make as many as are wanted.
class Probes {
public:
    // The step is odd: an even one, zero above all, would come back to the same bits sooner.
    explicit Probes(int64_t lead_id) {
        const uint64_t hash = Mix(static_cast<uint64_t>(lead_id));
        next_ = static_cast<uint32_t>(hash);
        step_ = static_cast<uint32_t>(hash >> 32) | 1;
    }

    // The bit to set or to look at next, below kBits.
    uint64_t Next() {
        const uint64_t bit = (uint64_t{next_} * kBits) >> 32;
        next_ += step_;
        return bit;
    }

private:
    uint32_t next_;
    uint32_t step_;
};

}  // namespace

void LeadBloom::Add(int64_t lead_id) {
    Probes probes(lead_id);
    for (int i = 0; i < kProbes; ++i) {
        const uint64_t bit = probes.Next();
        bytes_[bit / 8] = static_cast<unsigned char>(bytes_[bit / 8] | (1U << (bit % 8)));
    }
}

bool MayHoldLead(const unsigned char* bloom_bytes, int64_t lead_id) {
    Probes probes(lead_id);
    for (int i = 0; i < kProbes; ++i) {
        const uint64_t bit = probes.Next();
        if ((bloom_bytes[bit / 8] & (1U << (bit % 8))) == 0) {
            return false;
        }
    }
    return true;
}

}  // namespace crm_capi
