// seeds.hpp - the loop around a test that does at random what its seed says.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <sstream>
#include <string>

namespace crm_capi {

// What such a trial draws with, and what it says of itself.
class DrawnTrial {
public:
    DrawnTrial(uint32_t seed, bool keep_trace) : random_(seed), keep_trace_(keep_trace) {}

    std::string trace() const { return trace_.str(); }

protected:
    int Pick(int low, int high) {
        return low + static_cast<int>(random_() % static_cast<uint32_t>(high - low + 1));
    }
    bool Chance(int percent) { return Pick(1, 100) <= percent; }

    template <typename... Parts>
    void Note(const Parts&... parts) {
        if (keep_trace_) {
            (trace_ << ... << parts) << '\n';
        }
    }
    // The first fault counts.
    void Fail(const std::string& what) {
        if (failure_.empty()) {
            failure_ = what;
        }
    }

    std::mt19937 random_;
    bool keep_trace_;
    std::ostringstream trace_;
    std::string failure_;
};

// Runs a Trial with each seed from 1 on. The first that fails is run again for its trace: to keep
// one costs more than the trial. Trial(seed, keep_trace) has Run(), which returns what went wrong
// or an empty text, and trace().
template <typename Trial>
void ExpectAllSeedsSucceed(uint32_t seeds) {
    for (uint32_t seed = 1; seed <= seeds; ++seed) {
        const std::string failure = Trial(seed, false).Run();
        if (!failure.empty()) {
            Trial again(seed, true);
            again.Run();
            FAIL() << "seed " << seed << ": " << failure << "\n" << again.trace();
        }
    }
}

}  // namespace crm_capi
