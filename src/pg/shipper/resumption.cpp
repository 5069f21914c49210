/*
 * resumption.cpp - what a shipper goes on with where an earlier one left off.
 */
#include "pg/shipper/resumption.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

void
resume_datasets(Oid schema, Dispatcher* dispatcher)
{
    static Statement statement = {
        "SELECT number::bigint, health, reason_code, detail,"
        " coalesce(next_attempt_at, 'epoch'), coalesce(request_size, 0)::bigint,"
        " coalesce(failures, 0)::bigint FROM @.capi_dataset",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        const auto number = static_cast<int>(result_int8(row, 1));
        const char* const health = result_text(row, 2);
        const char* const code = result_text(row, 3);
        const char* const detail = result_text(row, 4);
        const UnixMicros next_attempt_at = to_unix_micros(result_int8(row, 5));
        const auto request_size = static_cast<size_t>(result_int8(row, 6));
        const auto failures = static_cast<int>(result_int8(row, 7));
        call_cpp("resume a dataset", [&] {
            dispatcher->Resume(
                number,
                DatasetHealth{HealthFromName(health), code ? ReasonFromCode(code) : Reason::kNone,
                              detail ? detail : "", next_attempt_at, request_size, failures});
        });
    }
}

bool
has_datasets(Oid schema)
{
    static Statement statement = {
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_foreign_server f"
        " JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = f.srvfdw"
        " WHERE w.fdwname = 'crm_capi')",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    return result_bool(0, 1);
}

}  // namespace crm_capi
