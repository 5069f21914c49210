/*
 * session_requests.cpp - HTTP requests that a session sends by itself and waits for.
 */
#include "pg/functions/session_requests.hpp"
#include "pg/base/clock.hpp"

#include "core/answer/http.hpp"
#include "pg/base/guard.hpp"

namespace crm_capi {

namespace {

/* C++ regime. Tickets count from 1 in a transport of its own. */
void
StartAll(SessionRequests* requests, UnixMicros asked_at)
{
    requests->transport = MakeCurlTransport(kLargestAnswerBytes);
    for (SessionRequest& sent : requests->list) {
        sent.asked_at = asked_at;
        (void)requests->transport->Start(std::move(sent.request));
    }
}

/* C++ regime. False when all have their answers. */
bool
TakeAnswers(SessionRequests* requests, UnixMicros answered_at)
{
    HttpAnswer answer;

    requests->transport->Pump();
    while (requests->transport->NextAnswer(&answer)) {
        SessionRequest& sent = requests->list.at(answer.ticket - 1);
        sent.answer = std::move(answer);
        sent.answered_at = answered_at;
    }
    return requests->transport->InFlight() > 0;
}

}  // namespace

void
run_session_requests(SessionRequests* requests, const char* wait_event)
{
    const UnixMicros asked_at = now_micros();
    const uint32 wait_event_info = wait_event_number(wait_event);
    bool must_wait = true;

    call_cpp("send a request", [&] { StartAll(requests, asked_at); });
    for (;;) {
        const UnixMicros answered_at = now_micros();
        call_cpp("take an answer", [&] { must_wait = TakeAnswers(requests, answered_at); });
        if (!must_wait)
            return;
        const long timeout = requests->transport->TimeoutMs();
        const int wake_on = WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH |
                            (timeout >= 0 ? WL_TIMEOUT : 0);
        const int events = WaitLatchOrSocket(MyLatch, wake_on, requests->transport->Descriptor(),
                                             timeout, wait_event_info);
        if (events & WL_LATCH_SET)
            ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

}  // namespace crm_capi
