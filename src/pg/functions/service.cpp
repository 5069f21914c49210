/*
 * service.cpp - who serves this database, and how the slots of the server are lent: capi_service()
 * and capi_slots().
 */
#include "pg/functions/service.hpp"

#include "core/dispatch/slot_lending.hpp"
#include "pg/base/results.hpp"
#include "pg/base/settings.hpp"
#include "pg/shared/participants.hpp"
#include "pg/shared/shared_memory.hpp"
#include "pg/shared/slots.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_service);
PG_FUNCTION_INFO_V1(capi_slots);
}

namespace crm_capi {

namespace {

enum { kState, kSince, kSettled, kServiceColumns };
enum { kSlots, kRunningShippers, kDatabases, kWaitingDatabases, kWaitingSince, kSlotsColumns };

const char*
state_name(ServiceState state)
{
    switch (state) {
        case ServiceState::kRunning:
            return "running";
        case ServiceState::kResting:
            return "resting";
        case ServiceState::kWaiting:
            return "waiting";
        case ServiceState::kLate:
            return "late";
        case ServiceState::kStopped:
            return "stopped";
    }
    return "";
}

int
count_running()
{
    int count = 0;

    for (int slot = 0; slot < slot_count(); slot++)
        count += view_slot(slot).state == kSlotRunning ? 1 : 0;
    return count;
}

}  // namespace

Service
service_of_database()
{
    const int participant = participant_of(MyDatabaseId);

    if (shipper_pid(MyDatabaseId) != 0)
        return {ServiceState::kRunning, 0, true};
    if (participant < 0 || !launcher_runs() || RecoveryInProgress())
        return {ServiceState::kStopped, 0, false};
    const ParticipantView view = view_participant(participant);
    const bool is_settled = view.due_at != 0;
    if (view.is_failing || view.presence == Presence::kAbsent)
        return {ServiceState::kStopped, 0, false};
    if (view.waiting_since == 0)
        return {is_settled ? ServiceState::kResting : ServiceState::kWaiting, 0, is_settled};
    const bool is_late =
        TimestampDifferenceExceeds(view.waiting_since, GetCurrentTimestamp(), kLongWaitMs);
    return {is_late ? ServiceState::kLate : ServiceState::kWaiting, view.waiting_since, is_settled};
}

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_service(PG_FUNCTION_ARGS)
{
    const Service service = service_of_database();
    Datum values[kServiceColumns];
    bool nulls[kServiceColumns] = {};

    values[kState] = CStringGetTextDatum(state_name(service.state));
    values[kSince] = TimestampTzGetDatum(service.since);
    nulls[kSince] = service.since == 0;
    values[kSettled] = BoolGetDatum(service.is_settled);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result_columns(fcinfo), values, nulls)));
}

/* All NULL without preloading. */
extern "C" Datum
capi_slots(PG_FUNCTION_ARGS)
{
    Datum values[kSlotsColumns] = {};
    bool nulls[kSlotsColumns];

    memset(nulls, true, sizeof nulls);
    if (has_shared_memory()) {
        const ParticipantCounts counts = count_participants();
        values[kSlots] = Int32GetDatum(slot_count());
        values[kRunningShippers] = Int32GetDatum(count_running());
        values[kDatabases] = Int32GetDatum(counts.databases);
        values[kWaitingDatabases] = Int32GetDatum(counts.waiting);
        values[kWaitingSince] = TimestampTzGetDatum(counts.waiting_since);
        memset(nulls, false, sizeof nulls);
        nulls[kWaitingSince] = counts.waiting_since == 0;
    }
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result_columns(fcinfo), values, nulls)));
}
