// seeds.hpp - the loop around a test that does at random what its seed says.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace crm_capi {

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
