/*
 * launcher.cpp - the worker that starts a shipper in every database that takes part.
 *
 * It is connected to no database, so it hinders no DROP DATABASE and crash-loops over none. For the
 * same reason it cannot see which databases have the extension (of the shared catalogs only the few
 * nailed ones can be read without a database, and pg_db_role_setting is not among them). So it lets
 * a shipper look into each database once: when the server starts, when a database is new, and when
 * CREATE EXTENSION announces its own. A shipper that finds nothing is gone after a few
 * milliseconds, DROP DATABASE and CREATE DATABASE ... TEMPLATE wait for longer than that, and no
 * dump carries a mark of ours. crm_capi.databases narrows the choice.
 *
 * It also looks, for all shippers that doze, whether somebody has written (no_writers.hpp).
 *
 * A database is
 *
 *     waiting --(its time has come, a slot is free)--> running --(shipper ended)--> waiting
 *        ^                                                             |
 *        |                                        (it found no extension)
 *        +------(somebody announced the extension)------- absent <-----+
 */
#include "pg/shipper/launcher.hpp"

#include "pg/base/no_writers.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/worker.hpp"
#include "pg/shared/announcements.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/shared/reservations.hpp"
#include "pg/shared/slots.hpp"
#include "pg/shared/turn_clock.hpp"
#include "pg/shipper/messenger.hpp"
#include "pg/shipper/shipper.hpp"

namespace crm_capi {

namespace {

/* Pauses before a shipper that ended is started again: doubled each time it ends soon, up to a
 * minute; back to the first when it ran for longer than that. */
constexpr int kFirstPause = 1000;
constexpr int kLongestPause = 60 * 1000;

struct Candidate {
    Oid database; /* hash key */
    NameData name;
    bool wanted;
    bool absent; /* its shipper found no extension */
    int slot;    /* -1 = not running */
    BackgroundWorkerHandle* handle;
    TimestampTz started_at;
    TimestampTz not_before;
    int pause; /* milliseconds */
    TimestampTz
        stalled_since; /* when its shipper began the turn in which it does not get on; or 0 */
    bool must_tell;    /* that this has changed */
};

HTAB* candidates = nullptr;
bool told_of_missing_slot = false;
/* Next transaction id when the databases were last looked through and nobody was writing; 0 if
 * somebody was, or if they must be looked through again. */
uint64 databases_known_since = 0;

/* What is known of a database; made if nothing is. */
Candidate*
find_candidate(Oid database)
{
    bool found;
    auto* const candidate =
        static_cast<Candidate*>(hash_search(candidates, &database, HASH_ENTER, &found));

    if (!found) {
        memset(candidate, 0, sizeof *candidate);
        candidate->database = database;
        candidate->slot = -1;
        candidate->pause = kFirstPause;
    }
    return candidate;
}

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

    hash_seq_init(&position, candidates);
    while (auto* const candidate = static_cast<Candidate*>(hash_seq_search(&position)))
        candidate->wanted = false;

    const SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        const auto database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (!is_chosen_database(NameStr(database->datname)) || !database->datallowconn ||
            database->datistemplate)
            continue;
        if (must_stay_away(database->oid))
            databases_known_since = 0; /* no transaction tells when that ends */
        else
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
    if (ConditionalLockRelationOid(DatabaseRelationId, AccessShareLock)) {
        const Relation catalog = table_open(DatabaseRelationId, NoLock);
        want_databases(catalog);
        table_close(catalog, AccessShareLock);
    } else {
        databases_known_since = 0;
    }
    CommitTransactionCommand();
}

/* The shipper of a candidate has ended. */
void
note_end(Candidate* candidate)
{
    const TimestampTz now = GetCurrentTimestamp();

    const SlotView slot = view_slot(candidate->slot);
    candidate->absent = slot.extension_missing && slot.heeded == announcements().count;
    free_slot(candidate->slot);
    candidate->slot = -1;
    candidate->stalled_since = 0;
    candidate->must_tell = false;
    if (candidate->handle)
        pfree(candidate->handle);
    candidate->handle = nullptr;
    if (slot.in_good_order || TimestampDifferenceExceeds(candidate->started_at, now, kLongestPause))
        candidate->pause = kFirstPause;
    else
        candidate->pause = Min(candidate->pause * 2, kLongestPause);
    candidate->not_before =
        slot.in_good_order ? now : TimestampTzPlusMilliseconds(now, candidate->pause);
}

/* Whether the shipper that was started for a candidate is gone. */
bool
has_ended(const Candidate* candidate)
{
    pid_t pid;

    /* One that a former launcher started has no handle; its slot tells. */
    if (candidate->handle == nullptr)
        return view_slot(candidate->slot).state != kSlotRunning;
    return GetBackgroundWorkerPid(candidate->handle, &pid) == BGWH_STOPPED;
}

/* -1 if there is none. */
int
find_free_slot()
{
    for (int slot = 0; slot < slot_count(); slot++) {
        if (view_slot(slot).state == kSlotFree)
            return slot;
    }
    return -1;
}

/* Once, until a shipper has been started again. */
void
report_no_room(const Candidate* candidate, const char* hint)
{
    if (!told_of_missing_slot)
        ereport(LOG, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                      errmsg("no worker is free to ship the events of database \"%s\"",
                             NameStr(candidate->name)),
                      errhint("%s", hint)));
    told_of_missing_slot = true;
}

/* Starts its shipper, if there is room for one; else it is tried again in the next round. */
void
start_candidate(Candidate* candidate)
{
    const int slot = find_free_slot();

    if (slot < 0) {
        report_no_room(candidate, "Raise crm_capi.max_shippers.");
        return;
    }
    take_slot(slot, candidate->database);
    clear_board(slot);
    reset_turn_clock(slot);
    candidate->handle = start_shipper(slot, candidate->database);
    if (candidate->handle == nullptr) {
        free_slot(slot);
        report_no_room(candidate, "Raise max_worker_processes.");
        return;
    }
    candidate->slot = slot;
    candidate->started_at = GetCurrentTimestamp();
    told_of_missing_slot = false;
}

/* Tells, in the log and to who listens, when a shipper does not get on, and when it does again. */
void
heed_stall(Candidate* candidate)
{
    Stall stall = {};
    const bool is_stalled = find_stall(candidate->slot, &stall);

    if (stall.since != candidate->stalled_since) {
        candidate->stalled_since = stall.since;
        candidate->must_tell = true;
        if (is_stalled)
            ereport(LOG, (errmsg("shipper of database \"%s\" does not get on: it %s",
                                 NameStr(candidate->name), stall.waits_for),
                          errdetail("It has been in one turn since %s.",
                                    timestamptz_to_str(stall.since))));
        else
            ereport(LOG,
                    (errmsg("shipper of database \"%s\" gets on again", NameStr(candidate->name))));
    }
    /* Without a free worker it is tried again. */
    if (candidate->must_tell && start_messenger(candidate->database))
        candidate->must_tell = false;
}

/* Moves every candidate on by at most one step and returns the milliseconds until the next one. */
long
tend_candidates()
{
    const TimestampTz now = GetCurrentTimestamp();
    long wait = setting_poll_interval;
    HASH_SEQ_STATUS position;

    hash_seq_init(&position, candidates);
    while (auto* const candidate = static_cast<Candidate*>(hash_seq_search(&position))) {
        if (candidate->slot >= 0 && has_ended(candidate))
            note_end(candidate);
        if (candidate->slot >= 0) {
            heed_stall(candidate);
            wait = Min(wait, milliseconds_until_stall(candidate->slot) + 1);
        }
        /* If the clock was put back, a pause lasts no longer than it was meant to. */
        candidate->not_before =
            Min(candidate->not_before, TimestampTzPlusMilliseconds(now, candidate->pause));
        if (candidate->slot >= 0 && !candidate->wanted)
            ask_to_stop(candidate->slot);
        if (candidate->slot < 0 && !candidate->wanted)
            hash_search(candidates, &candidate->database, HASH_REMOVE, nullptr);
        else if (candidate->slot < 0 && !candidate->absent && now >= candidate->not_before)
            start_candidate(candidate);
        else if (candidate->slot < 0 && !candidate->absent)
            wait = Min(wait, TimestampDifferenceMilliseconds(now, candidate->not_before) + 1);
    }
    return wait;
}

/* Shippers that a launcher before this one has started go on; they are taken over. */
void
adopt_shippers()
{
    for (int slot = 0; slot < slot_count(); slot++) {
        const SlotView view = view_slot(slot);
        if (view.state == kSlotRunning) {
            Candidate* const candidate = find_candidate(view.database);
            candidate->slot = slot;
            candidate->wanted = true; /* until somebody has been able to look */
            candidate->started_at = GetCurrentTimestamp();
        } else if (view.state == kSlotTaken) {
            free_slot(slot);
        }
    }
}

/* The extension has come to a database: it is looked into again, at once. When several were
 * announced since the last look, all those without it are. */
void
heed_announcements()
{
    static uint32 heeded = 0;
    const Announcements made = announcements();
    const bool one = made.count == heeded + 1;
    HASH_SEQ_STATUS position;

    if (made.count == heeded)
        return;
    heeded = made.count;
    hash_seq_init(&position, candidates);
    while (auto* const candidate = static_cast<Candidate*>(hash_seq_search(&position))) {
        if (candidate->absent && (!one || candidate->database == made.latest)) {
            candidate->absent = false;
            candidate->pause = kFirstPause;
            candidate->not_before = 0;
        }
    }
}

/* Everything before the first round. */
void
start()
{
    HASHCTL control;

    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    /* The snapshot that no_writers_since() looks at is to be a plain one. */
    SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
    pgstat_report_appname("crm_capi launcher");
    memset(&control, 0, sizeof control);
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Candidate);
    candidates = hash_create("crm_capi candidates", 16, &control, HASH_ELEM | HASH_BLOBS);
    enter_as_launcher();
    adopt_shippers();
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
    start();
    const uint32 wait_event = wait_event_number("CrmCapiLaunch");
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
        wake_dozing_shippers();
        heed_announcements();
        if (!still_no_writers(databases_known_since))
            choose_databases();
        const long wait = tend_candidates();
        const int woken =
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait, wait_event);
        ResetLatch(MyLatch);
        if ((woken & WL_LATCH_SET) != 0)
            databases_known_since = 0; /* settings, or who must stay away: anything may be new */
    }
}
