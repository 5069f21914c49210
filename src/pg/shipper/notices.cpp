/*
 * notices.cpp - NOTIFY by the shipper, on the channel crm_capi.
 */
#include "pg/base/clock.hpp"
#include "pg/shipper/notices.hpp"

#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

namespace {

constexpr const char* kChannel = "crm_capi";

/* Leaves when the transaction commits. */
void
notify(const char* utf8_payload)
{
    Async_Notify(kChannel, text_to_cstring(DatumGetTextPP(database_text(utf8_payload))));
}

/* As an array. */
Datum
parked_ids(const std::vector<int64_t>& events)
{
    const size_t count = events.size();
    auto* const ids = static_cast<Datum*>(palloc(sizeof(Datum) * count));

    for (size_t i = 0; i < count; i++)
        ids[i] = Int64GetDatum(events[i]);
    return PointerGetDatum(construct_array(ids, static_cast<int>(count), INT8OID, sizeof(int64),
                                           FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

}  // namespace

void
notify_health(const char* dataset, const char* health, const char* reason_code)
{
    const char* payload = nullptr;

    call_cpp("tell of a dataset's health", [&] {
        const Reason reason = reason_code ? ReasonFromCode(reason_code) : Reason::kNone;
        payload = CopyToPalloc(HealthNotice(dataset, health, reason));
    });
    notify(payload);
}

void
notify_parked(Oid schema, ParkedNews* news)
{
    static Statement statement = {
        "SELECT DISTINCT coalesce(d.name, ''), s.reason_code FROM @.capi_settlement s"
        " LEFT JOIN @.capi_dataset d ON d.number = s.dataset"
        " WHERE s.event = ANY ($1) AND s.status = 'parked' ORDER BY 1, 2",
        nullptr, InvalidOid};
    Parameters parameters = {};
    const UnixMicros now = now_micros();

    if (news->events.empty())
        return;
    add(&parameters, INT8ARRAYOID, parked_ids(news->events));
    news->events.clear();
    execute(schema, &statement, &parameters, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        const char* const dataset = result_text(row, 1);
        const char* const code = result_text(row, 2);
        const char* payload = nullptr;
        call_cpp("tell of a parked event", [&] {
            const Reason reason = ReasonFromCode(code);
            if (news->told.MustTell(dataset, reason, now))
                payload = CopyToPalloc(ParkedNotice(dataset, reason));
        });
        if (payload)
            notify(payload);
    }
}

}  // namespace crm_capi
