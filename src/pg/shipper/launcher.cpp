/*
 * launcher.cpp - the worker that lends slots to the databases that take part.
 *
 * It is connected to no database, so it hinders no DROP DATABASE and crash-loops over none. For the
 * same reason it cannot see which databases have the extension (of the shared catalogs only the few
 * nailed ones can be read without a database, and pg_db_role_setting is not among them). So it lets
 * a shipper look into each database once: when the server starts, when a database is new, and when
 * CREATE EXTENSION announces its own. A shipper that finds nothing is gone after a few
 * milliseconds, DROP DATABASE and CREATE DATABASE ... TEMPLATE wait for longer than that, and no
 * dump carries a mark of ours. crm_capi.databases narrows the choice.
 *
 * From then on a database says itself when it needs a shipper (participants.hpp), and who gets a
 * slot if not all can is decided in core/dispatch/slot_lending.hpp.
 *
 * It also looks, for all shippers that doze, whether somebody has written (no_writers.hpp).
 */
#include "pg/shipper/launcher.hpp"

#include "core/dispatch/slot_lending.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/no_writers.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/worker.hpp"
#include "pg/shared/slots.hpp"
#include "pg/shared/turn_clock.hpp"
#include "pg/shipper/candidates.hpp"
#include "pg/shared/reservations.hpp"

namespace crm_capi {

namespace {

/* What the scheduler is asked and answers. Made once, as the shipper's state is. */
struct LendingDesk {
    std::vector<WaitingDatabase> waiting;
    std::vector<LentSlot> lent;
    Lending lending;
};

LendingDesk* lending_desk = nullptr;
bool told_of_missing_worker = false;
bool told_of_long_wait = false;
/* Next transaction id when the databases were last looked through and nobody was writing; 0 if
 * somebody was, or if they must be looked through again. */
uint64 databases_known_since = 0;
TimestampTz databases_known_at = 0;
bool must_choose = true;
TimestampTz looked_at = 0;

/* It takes part. */
void
want_candidate(const FormData_pg_database* database)
{
    Candidate* const candidate = find_candidate(database->oid);

    candidate->name = database->datname;
    candidate->wanted = true;
}

/* Marks the databases that should have a shipper. Templates never: a connection to one keeps CREATE
 * DATABASE from copying it. */
void
want_databases(Relation catalog)
{
    HASH_SEQ_STATUS position;

    begin_candidates(&position);
    while (Candidate* const candidate = next_candidate(&position))
        candidate->wanted = false;

    const SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        const auto database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (is_chosen_database(NameStr(database->datname)) && database->datallowconn &&
            !database->datistemplate)
            want_candidate(database);
    }
    systable_endscan(scan);
}

/* While somebody locks the catalog, as VACUUM FULL does, nothing is known of new databases; dozing
 * shippers must not wait for that. */
void
choose_databases()
{
    StartTransactionCommand();
    /* Whoever creates, drops or alters a database takes a transaction id. Asked before the catalog
     * is read, so that no transaction falls in between. */
    databases_known_since = no_writers_since(GetTransactionSnapshot());
    must_choose = !ConditionalLockRelationOid(DatabaseRelationId, AccessShareLock);
    if (must_choose) {
        databases_known_since = 0;
    } else {
        const Relation catalog = table_open(DatabaseRelationId, NoLock);
        want_databases(catalog);
        table_close(catalog, AccessShareLock);
    }
    CommitTransactionCommand();
    databases_known_at = GetCurrentTimestamp();
}

/* At once if somebody has told of a change, else once in a poll interval if anybody has written:
 * where a thousand databases call for the launcher, it must not read all their names each time. */
void
heed_databases()
{
    const TimestampTz now = GetCurrentTimestamp();
    const bool is_poll = now < databases_known_at ||
                         TimestampDifferenceExceeds(databases_known_at, now, setting_poll_interval);

    if (databases_have_changed() || must_choose ||
        (is_poll && !still_no_writers(databases_known_since)))
        choose_databases();
}

/* A database that needs a shipper waits for one; how long lies where others see it. */
void
note_waiting(Candidate* candidate, Need need, TimestampTz now)
{
    if (candidate->waiting_since == 0 || candidate->waiting_since > now)
        candidate->waiting_since = now;
    set_waiting(candidate->participant, candidate->waiting_since);
    call_cpp("note a database that waits", [&] {
        lending_desk->waiting.push_back(
            {candidate->database, candidate->waiting_since, need == Need::kLook});
    });
}

void
note_not_waiting(Candidate* candidate)
{
    candidate->waiting_since = 0;
    set_waiting(candidate->participant, 0);
}

/* For the scheduler. */
void
note_lent(const Candidate* candidate)
{
    const SlotView view = view_slot(candidate->slot);

    call_cpp("note a slot that is lent", [&] {
        lending_desk->lent.push_back(
            {candidate->slot, view.serving_since, view.resting_since, view.asked != kStay});
    });
}

/* Moves one on by at most one step, and lessens `wait`, in milliseconds, if it must be looked at
 * sooner. */
void
tend_candidate(Candidate* candidate, TimestampTz now, long* wait)
{
    TimestampTz next_at;

    if (candidate->slot >= 0 && has_ended(candidate))
        note_end(candidate);
    if (candidate->slot >= 0) {
        heed_stall(candidate);
        *wait = Min(*wait, milliseconds_until_stall(candidate->slot) + 1);
        if (!candidate->wanted)
            ask_to_stop(candidate->slot, kLeave);
        note_lent(candidate);
        return;
    }
    if (!candidate->wanted) {
        forget_candidate(candidate);
        return;
    }
    const Need need = need_of(candidate, now, &next_at);
    if (need != Need::kNothing && !must_stay_away(candidate->database)) {
        note_waiting(candidate, need, now);
        return;
    }
    note_not_waiting(candidate);
    if (need == Need::kNothing && next_at != kNever)
        *wait = Min(*wait, TimestampDifferenceMilliseconds(now, next_at) + 1);
}

/* Once, until a shipper has been started again. */
void
report_no_worker(const Candidate* candidate)
{
    if (!told_of_missing_worker)
        ereport(LOG, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                      errmsg("no worker is free to ship the events of database \"%s\"",
                             NameStr(candidate->name)),
                      errhint("Raise max_worker_processes.")));
    told_of_missing_worker = true;
}

/* Starts those whose turn it is. False if there was no worker process for one of them. */
bool
serve_waiting()
{
    const size_t count = lending_desk->lending.served.size();

    for (size_t i = 0; i < count; i++) {
        Candidate* const candidate = find_candidate(lending_desk->lending.served[i]);
        if (!start_candidate(candidate)) {
            report_no_worker(candidate);
            return false;
        }
        told_of_missing_worker = false;
        note_not_waiting(candidate);
    }
    return true;
}

/* Who has waited for too long is told of once, until nobody has. Nothing else need wake the
 * launcher then. */
void
report_long_wait(TimestampTz now, long* wait)
{
    const WaitingDatabase* longest = nullptr;

    for (const WaitingDatabase& waiting : lending_desk->waiting) {
        if (!waiting.is_look && (longest == nullptr || waiting.since < longest->since))
            longest = &waiting;
    }
    const bool is_long =
        longest != nullptr && TimestampDifferenceExceeds(longest->since, now, kLongWaitMs);
    if (is_long && !told_of_long_wait)
        ereport(LOG, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                      errmsg("database \"%s\" has waited for a shipper for more than a minute",
                             NameStr(find_candidate(longest->database)->name)),
                      errdetail("Databases that wait: %d.", count_participants().waiting),
                      errhint("Raise crm_capi.max_shippers.")));
    told_of_long_wait = is_long;
    if (longest != nullptr && !is_long)
        *wait = Min(*wait, kLongWaitMs + 1 - TimestampDifferenceMilliseconds(longest->since, now));
}

/* Asks the scheduler. */
void
decide(const SlotsToLend& slots, TimestampTz now)
{
    call_cpp("lend slots", [&] {
        lending_desk->lending = LendSlots(lending_desk->waiting, lending_desk->lent, slots, now);
    });
}

/* Gives slots to those whose turn it is, and asks others for theirs. If the server has no worker
 * process left, those who rest are asked for theirs as if there were no slot. */
void
lend_slots(TimestampTz now, long* wait)
{
    want_slots(true); /* before it is seen who rests */
    SlotsToLend slots = {slot_count(), count_free_slots(), count_participants().databases};
    decide(slots, now);
    if (!serve_waiting()) {
        slots.free = 0;
        decide(slots, now);
    }
    for (const int slot : lending_desk->lending.asked)
        ask_to_stop(slot, kYield);
    if (lending_desk->lending.look_again_at != 0)
        *wait = Min(*wait,
                    TimestampDifferenceMilliseconds(now, lending_desk->lending.look_again_at) + 1);
    want_slots(slots.databases > slots.count ||
               lending_desk->lending.served.size() < lending_desk->waiting.size());
    report_long_wait(now, wait);
}

/* If the clock was put back, whatever was to come is due; else an hour put back would be an hour of
 * silence. */
void
heed_launcher_clock(TimestampTz now)
{
    HASH_SEQ_STATUS position;

    if (now < looked_at) {
        begin_candidates(&position);
        while (Candidate* const candidate = next_candidate(&position)) {
            if (candidate->participant >= 0 &&
                view_participant(candidate->participant).presence == Presence::kPresent)
                (void)mark_participant(candidate->participant, kMarkSettings);
        }
    }
    looked_at = now;
}

/* Moves every candidate on and returns the milliseconds until the next time. */
long
tend_candidates()
{
    const TimestampTz now = GetCurrentTimestamp();
    long wait = setting_poll_interval;
    HASH_SEQ_STATUS position;

    heed_launcher_clock(now);
    lending_desk->waiting.clear();
    lending_desk->lent.clear();
    begin_candidates(&position);
    while (Candidate* const candidate = next_candidate(&position))
        tend_candidate(candidate, now, &wait);
    lend_slots(now, &wait);
    return wait;
}

/* What was reloaded may end a hold, or have more of the history removed, in databases without a
 * shipper, too. */
void
heed_reload()
{
    static int known_retention = setting_retention;
    HASH_SEQ_STATUS position;

    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    must_choose = true;
    const bool is_shorter = setting_retention != known_retention;
    known_retention = setting_retention;
    begin_candidates(&position);
    while (Candidate* const candidate = next_candidate(&position)) {
        if (candidate->participant < 0)
            continue;
        const ParticipantView view = view_participant(candidate->participant);
        if (view.is_held || (is_shorter && view.presence == Presence::kPresent))
            (void)mark_participant(candidate->participant, kMarkSettings);
    }
}

/* Everything before the first round. */
void
start_launcher()
{
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    /* The snapshot that no_writers_since() looks at is to be a plain one. */
    SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
    pgstat_report_appname("crm_capi launcher");
    call_cpp("start the launcher", [] { lending_desk = new LendingDesk(); });
    enter_as_launcher();
    adopt_candidates();
}

}  // namespace

void
register_launcher()
{
    BackgroundWorker worker = describe_worker("crm_capi launcher", "capi_launcher_main");

    worker.bgw_restart_time = 5;
    RegisterBackgroundWorker(&worker);
}

}  // namespace crm_capi

using namespace crm_capi;

/* The launcher's process. Never returns: SIGTERM or an error ends it, and the postmaster starts
 * another one (register_launcher) unless the server goes down. */
extern "C" void
capi_launcher_main(Datum)
{
    start_launcher();
    const uint32 wait_event = wait_event_number("CrmCapiLaunch");
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending)
            heed_reload();
        wake_dozing_shippers();
        heed_databases();
        const long wait = tend_candidates();
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait, wait_event);
        ResetLatch(MyLatch);
    }
}
