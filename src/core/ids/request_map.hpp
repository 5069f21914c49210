// request_map.hpp - which requests each event was in, of all requests at once.
//
// A view that asks for the requests of every event would ask as often as there are events. Put
// together once, an answer takes a step where events are asked for in their order, and the
// logarithm of the number of ranges elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/ids/id_set.hpp"

namespace crm_capi {

// What an event may want to know of a request that it was in.
struct RequestTraits {
    int64_t id;
    bool is_attempt;   // it counts as one: a request to a held dataset does not
    bool is_in_doubt;  // it may have been delivered
    int state;         // the caller's own word for what became of it
};

// What all requests with an event come to.
struct EventRequests {
    int64_t latest = 0;  // id of the latest request; 0 = there was none
    int state = 0;       // of the latest request
    int attempts = 0;
    bool is_in_doubt = false;  // one of them is
    int32_t place = -1;        // of the latest request, in the order in which they were added
    IdRange alike{0, -1};      // the event and those round it of which the same holds
};

class RequestMap {
public:
    // Requests in any order, each with ranges in any order; ranges of one request do not overlap.
    void AddRequest(const RequestTraits& traits);
    // Of the request that was added last.
    void AddRange(IdRange range);
    // After the last one; before anything is asked.
    void Finish();

    // Cheap if the ids that are asked for ascend or descend.
    EventRequests Find(int64_t event) const;

    // How many runs of ids there are that have the same requests.
    size_t size() const { return runs_.size(); }

private:
    struct RangeOfRequest {
        IdRange range;
        int32_t request;  // index in requests_
    };
    // Ids that were in the same requests; runs ascend and do not overlap.
    struct Run {
        IdRange range;
        int32_t latest;  // index in requests_
        int32_t attempts : 31;
        uint32_t is_in_doubt : 1;
    };

    Run MakeRun(IdRange range, const std::vector<RangeOfRequest>& open) const;
    const Run* FindRun(int64_t event) const;

    std::vector<RequestTraits> requests_;
    std::vector<RangeOfRequest> ranges_;
    std::vector<Run> runs_;
    mutable size_t last_found_ = 0;  // in runs_: the next event is mostly beside the last one
};

}  // namespace crm_capi
