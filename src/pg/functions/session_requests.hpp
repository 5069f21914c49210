/*
 * session_requests.hpp - HTTP requests that a session sends by itself and waits for.
 */
#pragma once

#include <memory>
#include <vector>

#include "core/event/event.hpp"
#include "core/answer/http.hpp"
#include "net/transport.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct SessionRequest {
    HttpRequest request; /* moved away when it is sent */
    HttpAnswer answer;
    UnixMicros asked_at = 0;
    UnixMicros answered_at = 0;
};

/* A set of requests and their answers; to be made by make_owned(), because the wait may end by an
 * error. Requests that are under way then are dropped with it. */
struct SessionRequests {
    std::vector<SessionRequest> list;
    std::unique_ptr<Transport> transport;
};

/* Sends all at once and waits until each has its answer, at the latest when its time limit has
 * passed. Can be cancelled. `wait_event` names the wait in pg_stat_activity. */
void run_session_requests(SessionRequests* requests, const char* wait_event);

}  // namespace crm_capi
