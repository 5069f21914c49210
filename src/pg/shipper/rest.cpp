/*
 * rest.cpp - how a shipper waits.
 */
#include "pg/shipper/rest.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/no_writers.hpp"
#include "pg/base/settings.hpp"
#include "pg/shared/slots.hpp"

namespace crm_capi {

namespace {

/* What a sleeping shipper waits for, as pg_stat_activity tells it: by its application_name, and
 * from 17 on by the name of its wait event. */
struct Waiting {
    const char* application_name;
    const char* wait_event;
};

constexpr Waiting kIdle = {"crm_capi shipper: idle", "CrmCapiShipperIdle"};
constexpr Waiting kSending = {"crm_capi shipper: sending", "CrmCapiShipperSend"};
/* Something is owed and may not go yet: a pause after a failure, a dataset held or paused. */
constexpr Waiting kPausing = {"crm_capi shipper: waiting", "CrmCapiShipperPause"};
constexpr Waiting kStopping = {"crm_capi shipper: stopping", "CrmCapiShipperStop"};

/* Shows what is waited for, if it is something else than before, and returns the wait event. */
uint32
show_waiting(const Shipper* shipper)
{
    static const Waiting* shown = nullptr;
    static uint32 wait_event = 0;
    const Waiting* const now = shipper->stopping                    ? &kStopping
                               : shipper->transport->InFlight() > 0 ? &kSending
                               : shipper->dispatcher.HasOwed()      ? &kPausing
                                                                    : &kIdle;

    if (now != shown) {
        pgstat_report_appname(now->application_name);
        wait_event = wait_event_number(now->wait_event);
        shown = now;
    }
    return wait_event;
}

/* What the shipper sleeps on. Made once: WaitLatchOrSocket() makes a set for every call, which
 * costs half a dozen system calls each time that a socket is ready. */
WaitEventSet*
wait_set(const Shipper* shipper)
{
    static WaitEventSet* set = nullptr;

    if (set == nullptr) {
        set = create_wait_set(3);
        AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
        AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
        AddWaitEventToSet(set, WL_SOCKET_READABLE, shipper->transport->Descriptor(), nullptr,
                          nullptr);
    }
    return set;
}

/* Sleeps until something wakes it or the time has come. */
WokenBy
sleep_until(const Shipper* shipper, UnixMicros time)
{
    const long transport = shipper->transport->TimeoutMs();
    const UnixMicros rest = time - now_micros();
    long timeout = rest > 0 ? static_cast<long>(rest / 1000 + 1) : 0;
    WaitEvent events[3];
    WokenBy woken = {};

    if (transport >= 0 && transport < timeout)
        timeout = transport;
    const int count = WaitEventSetWait(wait_set(shipper), timeout, events, lengthof(events),
                                       show_waiting(shipper));
    for (int i = 0; i < count; i++) {
        woken.latch = woken.latch || (events[i].events & WL_LATCH_SET) != 0;
        woken.transport = woken.transport || (events[i].events & WL_SOCKET_READABLE) != 0;
    }
    woken.transport = woken.transport || shipper->transport->TimeoutMs() == 0;
    if (woken.latch)
        ResetLatch(MyLatch);
    return woken;
}

/* Whether there is nothing to wait for but a commit, or the next poll. */
bool
is_idle(const Shipper* shipper)
{
    return !shipper->stopping && !shipper->more_to_do && !shipper->dispatcher.HasOwed() &&
           shipper->transport->InFlight() == 0 && shipper->transport->TimeoutMs() < 0 &&
           nothing_can_be_new(shipper);
}

/* Sleeps while nobody writes. The launcher looks for all shippers that do, so that a server's idle
 * databases cost one process its polls, not each of them; while there is no launcher, a shipper
 * looks for itself. True if a turn may be due; else something has happened, and sleep_until says
 * what. */
bool
doze(const Shipper* shipper)
{
    constexpr int kWakeOn = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
    const uint32 wait_event = show_waiting(shipper);
    const uint64 since = shipper->log.no_writers_since;
    const long poll = setting_poll_interval;
    long rest = milliseconds_until_history_is_due(shipper);
    bool woken;

    begin_doze(shipper->slot, since);
    do {
        const long nap = launcher_runs() ? rest : Min(poll, rest);
        woken = (WaitLatch(MyLatch, kWakeOn, Max(nap, 1), wait_event) & WL_LATCH_SET) != 0;
        rest -= nap;
    } while (!woken && rest > 0 && still_no_writers(since));
    end_doze(shipper->slot);
    return !woken;
}

}  // namespace

bool
nothing_can_be_new(const Shipper* shipper)
{
    return !shipper->log.must_read && !shipper->cursor.is_behind && !shipper->changed.settings &&
           !shipper->changed.decisions && !shipper->changed.tombstones &&
           !shipper->oldest_owed.are_old && !shipper->dispatcher.HasHeld() &&
           !history_is_due(shipper) && still_no_writers(shipper->log.no_writers_since);
}

WokenBy
rest_until(const Shipper* shipper, UnixMicros time)
{
    return is_idle(shipper) && doze(shipper) ? WokenBy{} : sleep_until(shipper, time);
}

}  // namespace crm_capi
