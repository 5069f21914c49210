/*
 * shipper.cpp - the worker that carries one database's events to Meta.
 *
 * It sleeps until a commit, an answer or a due time wakes it, takes the answers from the transport,
 * and takes a turn (turn.cpp). While it sleeps it holds no transaction, no snapshot and no lock.
 * What goes wrong unexpectedly ends the process; the launcher starts another, which finds
 * everything in the tables.
 */
#include "pg/base/clock.hpp"
#include "pg/shipper/shipper.hpp"

#include "pg/base/guard.hpp"
#include "pg/base/no_writers.hpp"
#include "pg/shipper/restore.hpp"
#include "pg/shipper/retention.hpp"
#include "pg/base/settings.hpp"
#include "pg/shared/announcements.hpp"
#include "pg/shared/reservations.hpp"
#include "pg/shared/slots.hpp"
#include "pg/shipper/shipper_state.hpp"
#include "pg/shipper/turn.hpp"

namespace crm_capi {

namespace {

/* Meta's answers have a few hundred bytes; a proxy's error page some thousands. */
constexpr size_t kLargestAnswer = 256 * 1024;

Shipper* shipper = nullptr;
int my_slot = -1;

void
at_settings_change(Datum, int, uint32)
{
    shipper->settings_changed = true;
}

/* capi_pause() and capi_resume() invalidate capi_dataset, capi_retry() and capi_cancel()
 * capi_settlement, capi_forget() capi_tombstone: no row is seen for it, but the message comes with
 * the commit. */
void
at_relation_change(Datum, Oid relation)
{
    if (relation == InvalidOid || relation == shipper->dataset)
        shipper->settings_changed = true;
    if (relation == InvalidOid || relation == shipper->settlement)
        shipper->decisions_changed = true;
    if (relation == InvalidOid || relation == shipper->tombstone)
        shipper->tombstones_changed = true;
}

/* Moves the transfers on and judges what has arrived. True if there is something to write down. */
bool
take_answers()
{
    bool any = false;

    call_cpp("take answers", [&] {
        HttpAnswer answer;
        shipper->transport->Pump();
        while (shipper->transport->NextAnswer(&answer)) {
            uint64 random;
            if (!pg_strong_random(&random, sizeof random))
                random = static_cast<uint64>(now_micros());
            shipper->dispatcher.Answered(answer, now_micros(), random);
            any = true;
        }
    });
    return any;
}

/* When a turn is due even if nothing happens: the poll, or a dataset's next attempt. */
UnixMicros
next_turn_at(UnixMicros polled_at)
{
    const UnixMicros poll = polled_at + static_cast<UnixMicros>(setting_poll_interval) * 1000;
    const UnixMicros due = shipper->dispatcher.NextDue(now_micros());

    return due != 0 && due < poll ? due : poll;
}

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
show_waiting()
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
wait_set()
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

struct WokenBy {
    bool latch;
    bool transport; /* a socket is ready, or libcurl wants to be called */
};

/* Sleeps until something wakes it or the time has come. */
WokenBy
sleep_until(UnixMicros time)
{
    const long transport = shipper->transport->TimeoutMs();
    const UnixMicros rest = time - now_micros();
    long timeout = rest > 0 ? static_cast<long>(rest / 1000 + 1) : 0;
    WaitEvent events[3];
    WokenBy woken = {};

    if (transport >= 0 && transport < timeout)
        timeout = transport;
    const int count =
        WaitEventSetWait(wait_set(), timeout, events, lengthof(events), show_waiting());
    for (int i = 0; i < count; i++) {
        woken.latch = woken.latch || (events[i].events & WL_LATCH_SET) != 0;
        woken.transport = woken.transport || (events[i].events & WL_SOCKET_READABLE) != 0;
    }
    woken.transport = woken.transport || shipper->transport->TimeoutMs() == 0;
    if (woken.latch)
        ResetLatch(MyLatch);
    return woken;
}

/* Whether a poll can be left out: no transaction has begun to write since the log was last read,
 * and none was running then. An idle server's shipper thus does nothing but look at a number, but
 * for a look at its history now and then. */
bool
nothing_can_be_new()
{
    return !shipper->must_read && !shipper->cursor_is_behind && !shipper->settings_changed &&
           !shipper->decisions_changed && !shipper->tombstones_changed &&
           !shipper->first_times.are_old && !shipper->dispatcher.HasHeld() &&
           !history_is_due(shipper) && is_still_quiet(shipper->quiet_since);
}

/* Whether there is nothing to wait for but a commit, or the next poll. */
bool
is_idle()
{
    return !shipper->stopping && !shipper->more_to_do && !shipper->dispatcher.HasOwed() &&
           shipper->transport->InFlight() == 0 && shipper->transport->TimeoutMs() < 0 &&
           nothing_can_be_new();
}

/* Sleeps while nobody writes. The launcher looks for all shippers that do, so that a server's idle
 * databases cost one process its polls, not each of them; while there is no launcher, a shipper
 * looks for itself. True if a turn may be due; else something has happened, and sleep_until says
 * what. */
bool
doze()
{
    constexpr int kWakeOn = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
    const uint32 wait_event = show_waiting();
    const uint64 since = shipper->quiet_since;
    const long poll = setting_poll_interval;
    long rest = milliseconds_until_history_is_due(shipper);
    bool woken;

    begin_doze(my_slot, since);
    do {
        const long nap = launcher_runs() ? rest : Min(poll, rest);
        woken = (WaitLatch(MyLatch, kWakeOn, Max(nap, 1), wait_event) & WL_LATCH_SET) != 0;
        rest -= nap;
    } while (!woken && rest > 0 && is_still_quiet(since));
    end_doze(my_slot);
    return !woken;
}

/* Settings of the database or of the role must not reach into the shipper. */
void
pin_session()
{
    static const char* const pinned[][2] = {
        {"search_path", "pg_catalog, pg_temp"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
        {"statement_timeout", "0"},
        {"lock_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"row_security", "off"},
        {"session_replication_role", "origin"},
        {"synchronous_commit", "on"}, /* turn.cpp relaxes it where that is safe */
    };

    for (const auto& setting : pinned)
        SetConfigOption(setting[0], setting[1], PGC_SUSET, PGC_S_OVERRIDE);
}

/* A slot is told that the extension is missing as of the announcements made before it was looked
 * for, so that CREATE EXTENSION in the meantime is not overlooked. */
uint32 announcements_heeded = 0;

/* False if there is nothing to serve. */
bool
start(Oid database)
{
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    if (!enter_as_shipper(my_slot, database) || must_stay_away(database))
        return false;
    announcements_heeded = announcements().count;
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    pin_session();
    pgstat_report_appname("crm_capi shipper");
    call_cpp("start the shipper", [] { shipper = new Shipper; });
    if (!restore(shipper)) {
        report_extension_missing(my_slot, announcements_heeded);
        return false;
    }
    call_cpp("start libcurl", [] { shipper->transport = MakeCurlTransport(kLargestAnswer); });
    CacheRegisterSyscacheCallback(FOREIGNSERVEROID, at_settings_change, 0);
    CacheRegisterSyscacheCallback(USERMAPPINGOID, at_settings_change, 0);
    CacheRegisterRelcacheCallback(at_relation_change, 0);
    return true;
}

/* Asked to stop, a shipper waits this long for answers that are under way: what it leaves behind is
 * in doubt. Shutting the server down does not wait. */
constexpr UnixMicros kLongestFarewell = 3 * kMicrosPerSecond;

/* Takes answers, takes turns, sleeps; until asked to stop or until the extension is gone. */
void
serve()
{
    UnixMicros polled_at = 0;
    UnixMicros turn_at = 0;
    UnixMicros looked_at = 0;
    UnixMicros farewell_ends = 0;
    WokenBy woken = {};

    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
            reconsider_history(shipper);
        }
        const bool answered = woken.transport && take_answers();
        const UnixMicros now = now_micros();
        if (now < looked_at) { /* the clock was put back: whatever was to come is due */
            polled_at = 0;
            turn_at = 0;
            farewell_ends = Min(farewell_ends, now + kLongestFarewell);
        }
        looked_at = now;
        if (asked_to_stop(my_slot) && !shipper->stopping) {
            shipper->stopping = true;
            turn_at = 0; /* one more, to leave the cursor where it should be found */
            farewell_ends = now + kLongestFarewell;
        }
        const bool poll_due =
            now >= polled_at + static_cast<UnixMicros>(setting_poll_interval) * 1000;
        if (poll_due && nothing_can_be_new()) {
            polled_at = now;
            turn_at = next_turn_at(polled_at);
        } else if (poll_due) {
            shipper->must_read = true;
            shipper->settings_changed = shipper->settings_changed || shipper->dispatcher.HasHeld();
        }
        if (answered || shipper->must_read || shipper->more_to_do || now >= turn_at) {
            announcements_heeded = announcements().count;
            const TurnEnd end = take_turn(shipper);
            if (end == TurnEnd::kExtensionMissing)
                report_extension_missing(my_slot, announcements_heeded);
            if (end != TurnEnd::kDone)
                return;
            if (poll_due)
                polled_at = now;
            turn_at = next_turn_at(polled_at);
        }
        if (shipper->stopping && (shipper->transport->InFlight() == 0 || now >= farewell_ends))
            return;
        if (shipper->stopping)
            turn_at = farewell_ends;
        woken = is_idle() && doze() ? WokenBy{} : sleep_until(shipper->more_to_do ? 0 : turn_at);
        if (woken.latch)
            shipper->must_read = true;
    }
}

}  // namespace

BackgroundWorkerHandle*
start_shipper(int slot, Oid database)
{
    BackgroundWorker worker;
    BackgroundWorkerHandle* handle;

    memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "crm_capi", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "capi_shipper_main", BGW_MAXLEN);
    snprintf(worker.bgw_name, BGW_MAXLEN, "crm_capi shipper for database %u", database);
    strlcpy(worker.bgw_type, "crm_capi shipper", BGW_MAXLEN);
    worker.bgw_main_arg = Int32GetDatum(slot);
    worker.bgw_notify_pid = MyProcPid;
    memcpy(worker.bgw_extra, &database, sizeof database);
    return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

}  // namespace crm_capi

using namespace crm_capi;

extern "C" void
capi_shipper_main(Datum slot)
{
    Oid database;

    my_slot = DatumGetInt32(slot);
    memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof database);
    if (start(database)) {
        serve();
        report_good_order(my_slot);
    }
}
