/*
 * session_requests.cpp - HTTP requests that a session sends by itself and waits for.
 */
#include "pg/base/clock.hpp"
#include "pg/functions/session_requests.hpp"

#include "core/answer/http.hpp"
#include "pg/queue/event_log.hpp"
#include "pg/base/guard.hpp"

namespace crm_capi {

namespace {

UnixMicros
now()
{
    return to_unix_micros(GetCurrentTimestamp());
}

/* C++ regime. Tickets count from 1 in a transport of its own. */
void
StartAll(Exchanges* exchanges, UnixMicros asked_at)
{
    exchanges->transport = MakeCurlTransport(kLargestAnswerBytes);
    for (Exchange& exchange : exchanges->list) {
        exchange.asked_at = asked_at;
        (void)exchanges->transport->Start(std::move(exchange.request));
    }
}

/* C++ regime. False when all have their answers. */
bool
TakeAnswers(Exchanges* exchanges, UnixMicros answered_at)
{
    HttpAnswer answer;

    exchanges->transport->Pump();
    while (exchanges->transport->NextAnswer(&answer)) {
        Exchange& exchange = exchanges->list.at(answer.ticket - 1);
        exchange.answer = std::move(answer);
        exchange.answered_at = answered_at;
    }
    return exchanges->transport->InFlight() > 0;
}

}  // namespace

void
run_exchanges(Exchanges* exchanges, const char* wait_event)
{
    const UnixMicros asked_at = now();
    const uint32 wait_event_info = wait_event_number(wait_event);
    bool must_wait = true;

    call_cpp("send a request", [&] { StartAll(exchanges, asked_at); });
    for (;;) {
        const UnixMicros answered_at = now();
        call_cpp("take an answer", [&] { must_wait = TakeAnswers(exchanges, answered_at); });
        if (!must_wait)
            return;
        const long timeout = exchanges->transport->TimeoutMs();
        const int wake_on = WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH |
                            (timeout >= 0 ? WL_TIMEOUT : 0);
        const int events = WaitLatchOrSocket(MyLatch, wake_on, exchanges->transport->Descriptor(),
                                             timeout, wait_event_info);
        if (events & WL_LATCH_SET)
            ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

}  // namespace crm_capi
