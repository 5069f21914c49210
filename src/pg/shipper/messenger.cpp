/*
 * messenger.cpp - a worker that tells on the channel crm_capi what capi_status shows.
 */
#include "pg/shipper/messenger.hpp"

#include "pg/base/statement.hpp"
#include "pg/base/worker.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shipper/notices.hpp"
#include "pg/shipper/turn_transaction.hpp"

namespace crm_capi {

namespace {

/* It must not wait for what the shipper waits for. */
void
pin_messenger()
{
    static const char* const pinned[][2] = {
        {"search_path", "pg_catalog, pg_temp"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"row_security", "off"},
        {"lock_timeout", "1s"},
        {"synchronous_commit", "off"},
    };

    for (const auto& setting : pinned)
        SetConfigOption(setting[0], setting[1], PGC_SUSET, PGC_S_OVERRIDE);
}

void
tell_of_all(Oid schema)
{
    static Statement statement = {
        "SELECT s.dataset, s.health, CASE s.health WHEN 'stalled' THEN s.health ELSE"
        " (SELECT k.reason_code FROM @.capi_dataset k WHERE k.name = s.dataset"
        " ORDER BY k.health_since DESC, k.number LIMIT 1) END"
        " FROM @.capi_status s ORDER BY s.dataset",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++)
        notify_health(result_text(row, 1), result_text(row, 2), result_text(row, 3));
}

}  // namespace

bool
start_messenger(Oid database)
{
    BackgroundWorker worker =
        describe_worker_of("crm_capi messenger", "capi_messenger_main", database);

    return RegisterDynamicBackgroundWorker(&worker, nullptr);
}

}  // namespace crm_capi

using namespace crm_capi;

extern "C" void
capi_messenger_main(Datum)
{
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(worker_database(), InvalidOid, 0);
    pin_messenger();
    begin_turn();
    const Oid schema = lock_extension();
    if (OidIsValid(schema))
        tell_of_all(schema);
    end_turn();
}
