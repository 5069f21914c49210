// vectors.hpp - reads normalisation-vectors.tsv: input and result pairs of Meta's documentation and
// libraries, with the number of libraries that agree.
#pragma once

#include <string>
#include <vector>

namespace crm_capi {

struct Vector {
    int line = 0;
    std::string field;
    std::string input;
    std::string expected;  // empty = to be dropped
    std::string sha256;    // of expected
    // Whether all libraries that were evaluated agree, or Meta published the digest: an obligation.
    bool binding = false;
};

std::vector<Vector> ReadVectors(const std::string& path);

}  // namespace crm_capi
