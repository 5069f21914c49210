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

#include "core/answer/http.hpp"
#include "pg/base/guard.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shipper/condition_desk.hpp"
#include "pg/shipper/departure.hpp"
#include "pg/shipper/rest.hpp"
#include "pg/shipper/restore.hpp"
#include "pg/shipper/retention.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/worker.hpp"
#include "pg/shared/condition_board.hpp"
#include "pg/shared/participants.hpp"
#include "pg/shared/reservations.hpp"
#include "pg/shared/slots.hpp"
#include "pg/shared/turn_clock.hpp"
#include "pg/shipper/shipper_state.hpp"
#include "pg/shipper/stop_signal.hpp"
#include "pg/shipper/turn.hpp"
#include "pg/shipper/worker_session.hpp"

namespace crm_capi {

namespace {

Shipper* shipper = nullptr;

/* Options of a dataset, or its credentials. */
void
at_settings_change(Datum, SystemCache, uint32)
{
    shipper->changed.settings = true;
}

/* No row is seen for what operators decide, but the message comes with the commit. */
void
at_relation_change(Datum, Oid relation)
{
    const ServedExtension& served = shipper->extension;

    if (relation == InvalidOid || relation == served.settings_bell)
        shipper->changed.settings = true;
    if (relation == InvalidOid || relation == served.decisions_bell)
        shipper->changed.decisions = true;
    if (relation == InvalidOid || relation == served.tombstones_bell)
        shipper->changed.tombstones = true;
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

/* When a turn is due even if nothing happens: the poll, a dataset's next attempt, or a condition
 * that is to be asked for again. */
UnixMicros
next_turn_at(UnixMicros polled_at)
{
    const UnixMicros poll = polled_at + static_cast<UnixMicros>(setting_poll_interval) * 1000;
    const UnixMicros due = shipper->dispatcher.NextDue(now_micros());
    const UnixMicros check = next_check_due();
    const UnixMicros first = due != 0 ? Min(due, poll) : poll;

    return check != 0 ? Min(check, first) : first;
}

/* False if there is nothing to serve. */
bool
begin_serving(int slot, Oid database)
{
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    heed_stop_signals();
    BackgroundWorkerUnblockSignals();
    if (!enter_as_shipper(slot, database) || must_stay_away(database))
        return false;
    own_turn_clock(slot);
    show_conditions(slot, {});
    const int participant = participant_of(database);
    RestNote before = {};
    const bool resumes = take_over_participant(participant, &before);
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    pin_session();
    pgstat_report_appname("crm_capi shipper");
    call_cpp("start the shipper", [] { shipper = new Shipper(); });
    shipper->slot = slot;
    shipper->participant = participant;
    shipper->resumes = Resumption{resumes, resumes};
    shipper->history.next_portion_at = resumes ? before.history_due_at : 0;
    if (!restore(shipper, resumes ? before.tables : TablesLeft{})) {
        leave_without_extension(shipper);
        return false;
    }
    note_presence(participant);
    call_cpp("start libcurl", [] { shipper->transport = MakeCurlTransport(kLargestAnswerBytes); });
    CacheRegisterSyscacheCallback(FOREIGNSERVEROID, at_settings_change, 0);
    CacheRegisterSyscacheCallback(USERMAPPINGOID, at_settings_change, 0);
    CacheRegisterRelcacheCallback(at_relation_change, 0);
    return true;
}

/* Asked by the launcher or a session to stop, a shipper waits this long for answers that are under
 * way: what it leaves behind is in doubt. Told by a signal, it has less (stop_signal.hpp). */
constexpr UnixMicros kLongestFarewell = 3 * kMicrosPerSecond;

/* Asked for its slot, it waits as long as any answer takes: each ends by its own timeout. */
constexpr UnixMicros kLongestYield = kMicrosPerDay;

/* When what is due, from one round of serve() to the next. 0 = at once. */
struct Timetable {
    UnixMicros polled_at;     /* the last poll */
    UnixMicros turn_at;       /* the next turn, even if nothing happens */
    UnixMicros looked_at;     /* the last look at the clock */
    UnixMicros farewell_ends; /* once it has been asked to stop */
};

/* Ends the process if that cannot wait; takes over a changed configuration file. */
void
heed_signals()
{
    forget_cancel();
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
        reconsider_history(&shipper->history);
        shipper->changed.settings = true; /* crm_capi.hosts */
    }
}

/* What a session has set or decided while this process was starting: its message may have come too
 * early to be heard here. */
void
heed_settings_mark()
{
    if (take_settings_mark(shipper->participant)) {
        shipper->changed = ChangesToHeed{};
        shipper->log.must_read = true;
    }
}

/* If the clock was put back, whatever was to come is due; else an hour put back would be an hour of
 * silence. */
void
heed_shipper_clock(Timetable* times, UnixMicros now)
{
    if (now < times->looked_at) {
        times->polled_at = 0;
        times->turn_at = 0;
        times->farewell_ends = Min(times->farewell_ends, now + kLongestFarewell);
    }
    times->looked_at = now;
}

/* Asked to stop, it takes one more turn, to leave the cursor where it should be found. */
void
heed_request_to_stop(Timetable* times, UnixMicros now)
{
    const bool by_signal = stop_was_signalled();
    const UnixMicros farewell = by_signal ? kLongestFarewellAfterSignal : kLongestFarewell;

    const bool at_once = by_signal || stop_request(shipper->slot) == kLeave;

    if (!at_once && !may_give_slot(shipper, now))
        return;
    if (!shipper->stopping) {
        begin_departure(shipper);
        times->turn_at = 0;
        times->farewell_ends = now + kLongestYield;
    }
    if (at_once) {
        shipper->gives_slot = false;
        times->farewell_ends = Min(times->farewell_ends, now + farewell);
    }
}

/* True if it is time for a poll; then the next turn looks at everything, unless nothing can be new.
 */
bool
heed_poll(Timetable* times, UnixMicros now)
{
    if (now < times->polled_at + static_cast<UnixMicros>(setting_poll_interval) * 1000)
        return false;
    if (nothing_can_be_new(shipper)) {
        times->polled_at = now;
        times->turn_at = next_turn_at(times->polled_at);
    } else {
        shipper->log.must_read = true;
        shipper->changed.settings = shipper->changed.settings || shipper->dispatcher.HasHeld();
    }
    return true;
}

/* False if there is nothing to serve any more; the launcher is told why. */
bool
take_turn_or_leave()
{
    const TurnEnd end = take_turn(shipper);

    shipper->gives_slot = shipper->gives_slot && end == TurnEnd::kDone;
    if (end == TurnEnd::kExtensionMissing)
        leave_without_extension(shipper);
    return end == TurnEnd::kDone;
}

/* Asked to stop: whether there are no answers to wait for, or they take too long. */
bool
has_said_farewell(const Timetable& times)
{
    return shipper->stopping &&
           (shipper->transport->InFlight() == 0 || times.looked_at >= times.farewell_ends);
}

/* Takes answers, takes turns, rests; until asked to stop or until the extension is gone. */
void
serve()
{
    Timetable times = {};
    WokenBy woken = {};

    note_serving(shipper->slot);
    for (;;) {
        heed_signals();
        heed_settings_mark();
        const bool answered = woken.transport && take_answers();
        const UnixMicros now = now_micros();
        heed_shipper_clock(&times, now);
        heed_request_to_stop(&times, now);
        const bool is_poll = heed_poll(&times, now);
        if (answered || shipper->log.must_read || shipper->more_to_do || now >= times.turn_at) {
            if (!take_turn_or_leave())
                return;
            if (is_poll)
                times.polled_at = now;
            times.turn_at = next_turn_at(times.polled_at);
        }
        if (has_said_farewell(times))
            return;
        if (shipper->stopping)
            times.turn_at = times.farewell_ends;
        note_resting(shipper->slot, is_resting(shipper, now_micros()));
        if (may_give_slot(shipper, now_micros()) && !shipper->stopping)
            continue;
        woken = rest_until(shipper, shipper->more_to_do ? 0 : times.turn_at);
        if (woken.latch)
            shipper->log.must_read = true;
    }
}

}  // namespace

BackgroundWorkerHandle*
start_shipper(int slot, Oid database)
{
    BackgroundWorkerHandle* handle;
    BackgroundWorker worker = describe_worker_of("crm_capi shipper", "capi_shipper_main", database);

    worker.bgw_main_arg = Int32GetDatum(slot);
    worker.bgw_notify_pid = MyProcPid;
    return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

}  // namespace crm_capi

using namespace crm_capi;

/* A shipper's process. One that returns from serve() says so to the launcher, which then starts the
 * next one without a pause; an error does not come that far. */
extern "C" void
capi_shipper_main(Datum argument)
{
    const int slot = DatumGetInt32(argument);

    skip_exit_handlers();
    keep_freed_memory();
    if (begin_serving(slot, worker_database())) {
        serve();
        leave_slot(shipper);
        report_good_order(slot);
    }
}
