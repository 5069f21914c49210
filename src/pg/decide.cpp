/*
 * decide.cpp - what an operator decides about a dataset: capi_pause(), capi_resume().
 *
 * The functions are SECURITY DEFINER and not granted to PUBLIC: EXECUTE is the right to decide.
 */
#include "pg/dataset.hpp"
#include "pg/pg_prelude.hpp"
#include "pg/relations.hpp"
#include "pg/wakeup.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_pause);
PG_FUNCTION_INFO_V1(capi_resume);
}

namespace crm_capi {

namespace {

/* Runs an UPDATE of capi_dataset that takes server ($1), name ($2), and this database's identity
 * ($3, $4), and tells the shipper. */
void
update_dataset(FunctionCallInfo fcinfo, const char* assignments)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    const Oid server = require_dataset(NameStr(*PG_GETARG_NAME(0)));
    Oid types[] = {OIDOID, NAMEOID, INT8OID, OIDOID};
    Datum values[] = {ObjectIdGetDatum(server), PG_GETARG_DATUM(0),
                      Int64GetDatum(static_cast<int64>(GetSystemIdentifier())),
                      ObjectIdGetDatum(MyDatabaseId)};

    (void)dataset_number(schema, server); /* a dataset that was never used has no row yet */
    CommandCounterIncrement();
    SPI_connect();
    const char* const sql = psprintf("UPDATE %s.capi_dataset SET %s WHERE server = $1 OR name = $2",
                                     quote_identifier(get_namespace_name(schema)), assignments);
    if (SPI_execute_with_args(sql, lengthof(types), types, values, nullptr, false, 0) !=
        SPI_OK_UPDATE)
        elog(ERROR, "unexpected result of \"%s\"", sql);
    SPI_finish();
    CacheInvalidateRelcacheByRelid(relations_in(schema)->dataset);
    wake_shipper_on_settings_change();
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_pause(PG_FUNCTION_ARGS)
{
    update_dataset(fcinfo, "paused = true");
    PG_RETURN_VOID();
}

/* Also makes a dataset at home that was registered elsewhere (the clone guard), and has one that
 * waits after failures tried at once. */
extern "C" Datum
capi_resume(PG_FUNCTION_ARGS)
{
    update_dataset(fcinfo,
                   "paused = false, resumes = resumes + 1, server = $1, system_identifier = $3, "
                   "database = $4");
    PG_RETURN_VOID();
}
