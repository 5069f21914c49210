/*
 * rechecker.cpp - the worker that checks the conditions of one watch for a shipper.
 *
 * A condition is the code of a table's owner: it may hang, wait for a lock, raise any error, or
 * keep something in its session. Here it can harm only the events of its own watch. The process
 * serves one watch and one owner, ends when it has nothing to do or could not tell, and is started
 * anew; the shipper, which never waits for it, ends it if it does not answer.
 */
#include "pg/shipper/rechecker.hpp"

#include "pg/base/attempt.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/worker.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shipper/condition_check.hpp"
#include "pg/shipper/worker_session.hpp"

extern "C" {
#include "utils/resowner.h"
#include "utils/timeout.h"
}

namespace crm_capi {

namespace {

/* Findings reach the shipper together, because each wakes it up; but none is kept for longer. */
constexpr int kLongestSilenceMs = 20;

/* How long it waits for more to do before it ends. */
constexpr long kIdleMs = 5000;

struct Channel {
    shm_mq_handle* asking;
    shm_mq_handle* finding;
    TimestampTz flushed_at;
};

/* False if the shipper is gone already. */
bool
join(dsm_handle handle, Channel* channel)
{
    CurrentResourceOwner = ResourceOwnerCreate(nullptr, "crm_capi rechecker");
    dsm_segment* const segment = dsm_attach(handle);
    if (segment == nullptr)
        return false;
    dsm_pin_mapping(segment);
    CurrentResourceOwner = nullptr;
    shm_mq_set_receiver(asking_queue(segment), MyProc);
    shm_mq_set_sender(finding_queue(segment), MyProc);
    channel->asking = shm_mq_attach(asking_queue(segment), segment, nullptr);
    channel->finding = shm_mq_attach(finding_queue(segment), segment, nullptr);
    channel->flushed_at = GetCurrentTimestamp();
    return true;
}

/* The session of the owner's code: it reads, with row-level security as it holds for the owner
 * everywhere, and waits for nobody's lock. */
void
set_up_session()
{
    pin_session();
    pin_setting("default_transaction_read_only", "on");
    pin_setting("row_security", "on");
    pin_setting("lock_timeout", "100ms");
}

/* The next id, if one is there already. */
shm_mq_result
take_question(Channel* channel, int64* event)
{
    Size size;
    void* message;
    const shm_mq_result result = shm_mq_receive(channel->asking, &size, &message, true);

    if (result == SHM_MQ_SUCCESS)
        memcpy(event, message, sizeof *event);
    return result;
}

/* False if the shipper is gone, or has asked nothing for a while. */
bool
wait_for_question(Channel* channel, int64* event)
{
    constexpr int kWakeOn = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
    const uint32 wait_event = wait_event_number("CrmCapiRechecker");

    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
        const shm_mq_result result = take_question(channel, event);
        if (result != SHM_MQ_WOULD_BLOCK)
            return result == SHM_MQ_SUCCESS;
        if ((WaitLatch(MyLatch, kWakeOn, kIdleMs, wait_event) & WL_LATCH_SET) == 0)
            return take_question(channel, event) == SHM_MQ_SUCCESS;
        ResetLatch(MyLatch);
    }
}

/* False if the shipper is gone. */
bool
answer(Channel* channel, const ConditionFinding& found, bool is_last)
{
    const TimestampTz now = GetCurrentTimestamp();
    const bool flush =
        is_last || TimestampDifferenceExceeds(channel->flushed_at, now, kLongestSilenceMs);

    if (flush)
        channel->flushed_at = now;
    return shm_mq_send(channel->finding, sizeof found, &found, false, flush) == SHM_MQ_SUCCESS;
}

struct CheckOfEvent {
    int64 event;
    ConditionFinding found;
};

/* Work for attempt_conversion(): whatever it raises ends with the transaction. */
void
check(void* argument)
{
    auto* const work = static_cast<CheckOfEvent*>(argument);

    PushActiveSnapshot(GetTransactionSnapshot());
    const Oid schema = lock_extension();
    if (OidIsValid(schema))
        work->found = check_condition(schema, work->event);
    else
        work->found = describe_error(work->event, ERRCODE_ADMIN_SHUTDOWN);
    PopActiveSnapshot();
}

/* In a transaction of its own, in which nothing can be written (owner_rights.hpp): so nothing that
 * a condition does outlives it. It is undone only after an error, else the database's statistics
 * would tell of a rollback for each event. The time it may take is that of a statement, but what
 * the condition sets does not change it. */
ConditionFinding
examine(int64 event)
{
    CheckOfEvent work = {event, {}};

    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    pgstat_report_activity(STATE_RUNNING, "checking the condition of a watch");
    enable_timeout_after(STATEMENT_TIMEOUT, setting_condition_timeout);
    const ErrorData* const error = attempt_conversion(check, &work);
    disable_timeout(STATEMENT_TIMEOUT, false);
    QueryCancelPending = false; /* the time may have been over just now */
    if (error != nullptr) {
        work.found = describe_error(event, error->sqlerrcode);
        AbortCurrentTransaction();
    } else {
        CommitTransactionCommand();
    }
    pgstat_report_stat(false);
    pgstat_report_activity(STATE_IDLE, nullptr);
    return work.found;
}

/* Until it is not needed any more, or could not tell: then the next one begins afresh. */
void
serve_conditions(Channel* channel)
{
    int64 event;
    bool has_question = wait_for_question(channel, &event);

    while (has_question) {
        CHECK_FOR_INTERRUPTS();
        const ConditionFinding found = examine(event);
        const bool ends = found.finding == Finding::kLater || found.finding == Finding::kOtherOwner;
        has_question = !ends && take_question(channel, &event) == SHM_MQ_SUCCESS;
        if (!answer(channel, found, !has_question) || ends)
            return;
        if (!has_question)
            has_question = wait_for_question(channel, &event);
    }
}

}  // namespace

BackgroundWorkerHandle*
start_rechecker(dsm_segment* segment)
{
    BackgroundWorker worker =
        describe_worker_of("crm_capi rechecker", "capi_rechecker_main", MyDatabaseId);
    BackgroundWorkerHandle* handle;

    worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
    worker.bgw_notify_pid = MyProcPid;
    return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

}  // namespace crm_capi

using namespace crm_capi;

extern "C" void
capi_rechecker_main(Datum segment)
{
    Channel channel;

    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    if (!join(DatumGetUInt32(segment), &channel))
        return;
    BackgroundWorkerInitializeConnectionByOid(worker_database(), InvalidOid, 0);
    set_up_session();
    pgstat_report_appname("crm_capi rechecker");
    serve_conditions(&channel);
}
