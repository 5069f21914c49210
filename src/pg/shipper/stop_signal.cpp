/*
 * stop_signal.cpp - how a shipper hears that it is to end.
 */
#include "pg/shipper/stop_signal.hpp"

#include <csignal>
#include <ctime>

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

namespace {

constexpr itimerspec kOneSecond = {{0, 0}, {1, 0}};

volatile sig_atomic_t stop_signalled = 0;
volatile sig_atomic_t cancel_signalled = 0;

/* Says by SIGUSR2, which means nothing to a worker, that the second is over. A timer of its own:
 * those of PostgreSQL cannot be set in a signal handler. */
timer_t end_of_second;
bool has_timer = false;

/* What die() does, whose arguments differ between versions. */
void
end_at_next_interrupt()
{
    ProcDiePending = true;
    InterruptPending = true;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* what handlers are given differs, too */

/* SIGTERM. The postmaster sends each of its signals twice, to the process and to its group, and
 * both arrive if the first is handled in between: so another one says nothing new. */
void
at_terminate(SIGNAL_ARGS)
{
    const int saved_errno = errno;

    if (!stop_signalled &&
        (!has_timer || timer_settime(end_of_second, 0, &kOneSecond, nullptr) != 0))
        end_at_next_interrupt();
    stop_signalled = 1;
    SetLatch(MyLatch);
    errno = saved_errno;
}

/* SIGUSR2, from the timer. */
void
at_end_of_second(SIGNAL_ARGS)
{
    const int saved_errno = errno;

    end_at_next_interrupt();
    SetLatch(MyLatch);
    errno = saved_errno;
}

/* SIGINT: pg_cancel_backend(), and what PostgreSQL's own time limits send. */
void
at_cancel(SIGNAL_ARGS)
{
    const int saved_errno = errno;

    cancel_signalled = 1;
    QueryCancelPending = true;
    InterruptPending = true;
    SetLatch(MyLatch);
    errno = saved_errno;
}

#pragma GCC diagnostic pop

}  // namespace

void
heed_stop_signals()
{
    sigevent event;

    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR2;
    has_timer = timer_create(CLOCK_MONOTONIC, &event, &end_of_second) == 0;
    pqsignal(SIGUSR2, at_end_of_second);
    pqsignal(SIGTERM, at_terminate);
    pqsignal(SIGINT, at_cancel);
}

bool
stop_was_signalled()
{
    return stop_signalled != 0;
}

bool
must_stop_now()
{
    return ProcDiePending;
}

void
forget_cancel()
{
    QueryCancelPending = false;
}

/* In this order: a cancel request that comes in between is seen. */
void
expect_confirmation()
{
    cancel_signalled = 0;
    if (QueryCancelPending)
        cancel_signalled = 1;
}

bool
commit_is_confirmed()
{
    return !ProcDiePending && cancel_signalled == 0;
}

}  // namespace crm_capi
