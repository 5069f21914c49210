/*
 * turn.cpp - one turn of a shipper: everything it does in a transaction.
 *
 *   begin ------------------------------------------------------------
 *     read settings, if they changed
 *     read the log through the window                    -> owed
 *     write down what the answers mean
 *     fetch owed events, make requests, write them down
 *   commit, flushed if requests were written -------------------------
 *   send the requests                                    no transaction
 *
 * The flush is what makes "nothing is sent that a crash could undo" true: commit records lie in the
 * write-ahead log in the order in which their transactions became visible, so what is flushed with
 * ours includes every commit whose events we read. And whatever is sent is on record as sent, also
 * on the synchronous standbys: if the wait for them is ended early, what was to be sent is
 * withheld.
 */
#include "pg/base/clock.hpp"
#include "pg/shipper/turn.hpp"

#include <utility>

#include "pg/shipper/heed_settings.hpp"
#include "pg/shipper/condition_desk.hpp"
#include "pg/shipper/cursor.hpp"
#include "pg/shipper/endings.hpp"
#include "pg/queue/event_log.hpp"
#include "pg/shipper/forgotten_leads.hpp"
#include "pg/base/guard.hpp"
#include "pg/shipper/ledger.hpp"
#include "pg/shipper/loading.hpp"
#include "pg/queue/log_reader.hpp"
#include "pg/shipper/notices.hpp"
#include "pg/base/no_writers.hpp"
#include "pg/shipper/recheck.hpp"
#include "pg/catalog/numbers.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/shared/participants.hpp"
#include "pg/shipper/publish_figures.hpp"
#include "pg/shipper/stop_signal.hpp"
#include "pg/shipper/table_maintenance.hpp"
#include "pg/shipper/turn_transaction.hpp"

extern "C" {
#include "replication/syncrep.h"
}

namespace crm_capi {

namespace {

/* Rows of the log that a turn looks at, rows that it fetches, and requests that it makes: some
 * milliseconds each, so that neither answers nor the events of another dataset wait long. */
constexpr int kRowsReadPerTurn = 16000;
constexpr int kRowsLoadedPerTurn = 4000;
constexpr size_t kRequestsPerTurn = 2;

/* So many are loaded when they are seen. A bulk load is first read as a whole. */
constexpr int kRowsLoadedAtOnce = 64;

/* What the reader has found. One that can go in this turn is loaded here and now, instead of being
 * looked up again: the fewer there are, the more that look costs each of them. */
void
note_owed(Shipper* shipper, LogReader* reader, LoggedEvent* event, bool at_once)
{
    bool loads = false;

    call_cpp("note an owed event", [&] {
        loads = at_once && shipper->dispatcher.LoadsAtOnce(event->dataset, now_micros());
        if (!loads)
            shipper->dispatcher.Owe(event->dataset, event->id);
    });
    if (!loads)
        return;
    complete_event(reader, event);
    load_event(shipper, *event);
}

/* What lies behind the position has been read: to read holes moves nothing that others must know.
 */
void
make_position_known(Shipper* shipper)
{
    publish_position(shipper->participant, shipper->log.window->position());
    const uint64 next_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
    call_cpp("keep holes", [&] { shipper->log.window->PositionKnown(next_xid); });
}

/* One range of the window, up to the budget; returns the rows read. */
int
read_range(Shipper* shipper, LogReader* reader, IdRange range, int budget)
{
    LoggedEvent event;
    int rows = 0;
    bool ended = false;

    seek_events(reader, range);
    while (rows < budget) {
        CHECK_FOR_INTERRUPTS();
        ended = !next_event(reader, Columns::kKeyOnly, &event);
        if (ended)
            break;
        rows++;
        const bool is_erased =
            erase_late_event(shipper->extension.schema, shipper->forgotten_leads, event);
        bool is_owed = false;
        call_cpp("note an event", [&] {
            shipper->log.window->Saw(event.id);
            shipper->totals.Saw(event.dataset, event.id, event.parked);
            shipper->blooms.Saw(event.id, event.lead_id);
            if (event.parked)
                shipper->parked.events.push_back(event.id);
            is_owed = !event.parked && !is_erased && !shipper->log.final_events.Contains(event.id);
        });
        if (is_owed)
            note_owed(shipper, reader, &event, rows <= kRowsLoadedAtOnce);
    }
    call_cpp("move the window", [&] { shipper->log.window->ScanEnded(ended); });
    if (range.last == Window::kNoLast)
        make_position_known(shipper);
    if (rows > 0)
        shipper->cursor.is_behind = true;
    return rows;
}

/* A sequence that has fallen behind, as a restore can set it back, would hand out ids that nobody
 * looks for any more. Sessions see to it themselves, but not in a database that has no entry
 * (participants.hpp). */
void
keep_ids_ahead(const Shipper* shipper, int64 last_id)
{
    if (last_id >= shipper->log.window->position())
        return;
    distrust_numbers(Numbered::kEvents);
    (void)next_number(shipper->extension.schema, Numbered::kEvents);
}

/* Reads what has become visible since the last turn. */
void
read_log(Shipper* shipper)
{
    publish_position(shipper->participant, shipper->log.window->position()); /* had an error come */
    const RunningTransactions running = running_transactions(shipper->extension.schema);
    LogReader* const reader = open_log(shipper->extension.schema);
    IdRange range = {};
    int budget = kRowsReadPerTurn;

    keep_ids_ahead(shipper, running.last_id);
    call_cpp("look through a new snapshot", [&] {
        SnapshotView view;
        view.xmax = running.xmax;
        view.next_xid = running.next_xid;
        view.last_id = running.last_id;
        view.running.assign(running.running, running.running + running.count);
        shipper->log.window->Observe(view);
    });
    shipper->log.must_read = false;
    while (shipper->log.window->NextScan(&range)) {
        if (budget <= 0) {
            shipper->log.must_read = true;
            break;
        }
        budget -= read_range(shipper, reader, range, budget);
    }
    close_log(reader);
    shipper->log.no_writers_since =
        shipper->log.must_read ? 0 : no_writers_since(GetActiveSnapshot());
    if (!shipper->log.final_events.empty() && !shipper->log.window->HasHoles() &&
        shipper->log.window->position() >= shipper->log.final_up_to)
        shipper->log.final_events.clear();
}

/* Fetches what can be sent now or next, as far as the turn's budget goes. */
void
load_events(Shipper* shipper, Dispatcher::Whose whose)
{
    LogReader* reader = nullptr;
    IdRange range = {};
    bool wanted = false;
    int budget = kRowsLoadedPerTurn;
    const UnixMicros now = now_micros();

    while (budget > 0) {
        call_cpp("choose what to load",
                 [&] { wanted = shipper->dispatcher.NextLoad(now, whose, budget, &range); });
        if (!wanted)
            break;
        if (reader == nullptr)
            reader = open_log(shipper->extension.schema);
        LoggedEvent event;
        seek_events(reader, range);
        while (next_event(reader, Columns::kAll, &event)) {
            load_event(shipper, event);
            budget--;
        }
        CHECK_FOR_INTERRUPTS();
    }
    if (reader != nullptr)
        close_log(reader);
}

/* What leaves must be on disk, and on the standbys that commits wait for: neither a crash nor a
 * failover may undo it. Settlements may be lost: their events are in doubt then. */
void
commit_durably(bool durable)
{
    static bool is_durable = false; /* as pin_session() begins */

    if (durable != is_durable)
        SetConfigOption("synchronous_commit", durable ? "on" : "off", PGC_SUSET, PGC_S_OVERRIDE);
    is_durable = durable;
}

/* Of what is loaded and still counts. */
void
build_requests(Shipper* shipper, UnixMicros now)
{
    recheck_events(shipper);
    call_cpp("build requests", [&] { shipper->dispatcher.Prepare(now, kRequestsPerTurn); });
}

/* Makes requests and writes them down; they leave after the commit. A full batch goes before more
 * is loaded for its dataset: the next turn does that, while it flies. Other datasets do not wait.
 */
void
prepare_requests(Shipper* shipper)
{
    take_findings(shipper);
    const UnixMicros now = now_micros();
    const TimestampTz started_at = from_unix_micros(now);
    const bool has_full_batch = shipper->dispatcher.HasFullBatch(now);
    load_events(shipper,
                has_full_batch ? Dispatcher::Whose::kWithoutFullBatch : Dispatcher::Whose::kAny);
    build_requests(shipper, now);
    if (has_full_batch && shipper->dispatcher.outgoing().empty()) { /* its leads are busy */
        load_events(shipper, Dispatcher::Whose::kAny);
        build_requests(shipper, now);
    }
    for (OutgoingRequest& request : shipper->dispatcher.outgoing()) {
        request.request = begin_request(shipper->extension.schema, request);
        shipper->cursor.latest_request = request.request;
        call_cpp("count a departure", [&] { shipper->totals.Departs(request, started_at); });
        shipper->cursor.requests_since++;
        shipper->cursor.is_behind = true;
    }
    ask_for_conditions(shipper);
    const size_t prepared = shipper->dispatcher.outgoing().size();
    shipper->more_to_do = shipper->log.must_read || prepared == kRequestsPerTurn ||
                          shipper->dispatcher.WantsLoad(now);
    commit_durably(prepared > 0);
}

/* What was written down does not leave. If the process is about to be ended, this is the last that
 * it writes, and it does so whatever it is told meanwhile: else the next shipper would find
 * requests of which it cannot know that they never left. It waits for nobody: not for a lock, and
 * not for a standby. */
void
withhold_requests(Shipper* shipper)
{
    call_cpp("withhold requests", [&] { shipper->dispatcher.Withhold(now_micros()); });
    if (!must_stop_now())
        return; /* the next turn writes it down */
    HOLD_INTERRUPTS();
    commit_durably(false);
    begin_turn();
    if (ConditionalLockRelationOid(relations_in(shipper->extension.schema)->request_log,
                                   RowExclusiveLock))
        write_endings(shipper);
    end_turn();
    RESUME_INTERRUPTS();
}

/* They are on their way when this returns, or wait for their sockets. */
void
send_requests(Shipper* shipper)
{
    call_cpp("start requests", [&] {
        std::vector<OutgoingRequest>& outgoing = shipper->dispatcher.outgoing();
        if (outgoing.empty())
            return;
        for (size_t i = 0; i < outgoing.size(); i++) {
            if (!outgoing[i].dry_run)
                shipper->dispatcher.Sent(i, shipper->transport->Start(std::move(outgoing[i].http)));
        }
        outgoing.clear();
        shipper->transport->Pump();
    });
}

/* Whether anybody writes is told by the next transaction id: what the turn itself has written is no
 * news to it. */
void
disregard_own_transaction(Shipper* shipper)
{
    if (shipper->log.no_writers_since != 0 &&
        U64FromFullTransactionId(GetTopFullTransactionIdIfAny()) == shipper->log.no_writers_since)
        shipper->log.no_writers_since++;
}

/* Everything between begin and commit. */
void
work(Shipper* shipper)
{
    if (shipper->changed.tombstones) {
        shipper->changed.tombstones = false;
        if (heed_tombstones(shipper->extension.schema, &shipper->forgotten_leads,
                            &shipper->decided.forgotten))
            shipper->changed.decisions = true;
    }
    if (shipper->log.must_read)
        read_log(shipper);
    /* A decision that was rolled back to a savepoint counts, and rings no bell. */
    if (shipper->changed.decisions || decisions_made() != shipper->decided.heeded)
        heed_decisions(shipper);
    if (shipper->dispatcher.NeedsConfiguration())
        configure(shipper);
    if (shipper->must_start_anew)
        return;
    write_endings(shipper);
    if (shipper->stopping) {
        shipper->more_to_do = false;
        commit_durably(false);
    } else {
        prepare_requests(shipper);
    }
    write_endings(shipper); /* what was overdue when requests were made */
    write_health_changes(shipper);
    notify_parked(shipper->extension.schema, &shipper->parked);
    save_cursor(shipper);
    if (!shipper->stopping)
        keep_up(shipper);
    publish_figures(shipper);
    disregard_own_transaction(shipper);
}

/* Whoever waits for a standby or for a lock takes wake-ups from the latch that were meant for us:
 * what was committed meanwhile would not be looked for before the next poll. */
void
make_up_for_lost_wakeups(Shipper* shipper, TimestampTz began_at, bool waited_for_standby)
{
    constexpr int kLongTurnMs = 50;
    static bool was_long =
        false; /* on a machine where all turns are, one after another is enough */
    const bool is_long = TimestampDifferenceExceeds(began_at, GetCurrentTimestamp(), kLongTurnMs);

    if (!shipper->stopping && (waited_for_standby || (is_long && !was_long)))
        shipper->log.must_read = shipper->more_to_do = true;
    was_long = is_long && !was_long;
}

}  // namespace

TurnEnd
take_turn(Shipper* shipper)
{
    const TimestampTz began_at = GetCurrentTimestamp();

    pgstat_report_activity(STATE_RUNNING, "shipping lead events");
    begin_turn();
    const Oid schema = lock_extension();
    TurnEnd end = TurnEnd::kDone;
    if (!OidIsValid(schema)) {
        end = TurnEnd::kExtensionMissing;
    } else if (schema != shipper->extension.schema ||
               relations_in(schema)->event_log != shipper->extension.event_log) {
        end = TurnEnd::kStartAnew; /* dropped and created again */
    } else {
        if (shipper->changed.settings || shipper->dispatcher.NeedsConfiguration())
            configure(shipper);
        if (!shipper->must_start_anew)
            work(shipper);
        if (shipper->must_start_anew)
            end = TurnEnd::kStartAnew;
    }
    const bool waits_for_standby =
        !shipper->dispatcher.outgoing().empty() && *SyncRepStandbyNames != '\0';
    expect_confirmation();
    end_turn();
    if (end == TurnEnd::kDone && commit_is_confirmed() && !stop_was_signalled())
        send_requests(shipper);
    else if (end == TurnEnd::kDone && !shipper->dispatcher.outgoing().empty())
        withhold_requests(shipper);
    make_up_for_lost_wakeups(shipper, began_at, waits_for_standby);
    /* Without this autovacuum never hears of our writes. The requests do not wait for it. */
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, nullptr);
    return end;
}

}  // namespace crm_capi
