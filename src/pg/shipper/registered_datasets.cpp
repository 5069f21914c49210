/*
 * registered_datasets.cpp - the datasets as capi_dataset has them.
 */
#include "pg/shipper/registered_datasets.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/table_reading.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/origin.hpp"
#include "pg/catalog/relations.hpp"

namespace crm_capi {

namespace {

/* Of a dataset as it is registered: a queue with the identity of another cluster or database is a
 * copy, whatever its server says. */
DatasetSettings
settings_of(Oid server, const char* name, bool is_copy)
{
    DatasetSettings settings = {};

    if (is_copy || !SearchSysCacheExists1(FOREIGNSERVEROID, ObjectIdGetDatum(server)))
        server = find_dataset(name);
    if (!OidIsValid(server)) {
        /* What is owed to a dataset that is gone stays owed, and shows why. */
        settings.name = name;
        settings.hold = is_copy ? Reason::kCloned : Reason::kDatasetMissing;
        return settings;
    }
    settings = read_dataset_settings(server, Credentials::kRead);
    const Hold place = place_hold(server, is_copy);
    if (place.reason != Reason::kNone) {
        settings.hold = place.reason;
        settings.hold_detail = place.detail;
    }
    return settings;
}

/* Whether the row was registered here, in this database of this cluster. */
bool
is_at_home(const TableReading& row)
{
    return is_of_this_database(value_of(row, dataset_column::kSystemIdentifier),
                               value_of(row, dataset_column::kDatabase));
}

/* The row's name; in current memory. */
const char*
name_of(const TableReading& row)
{
    return pstrdup(NameStr(*DatumGetName(value_of(row, dataset_column::kName))));
}

/* Whether a server has another name than its row says. */
bool
is_renamed(const TableReading& row)
{
    const ForeignServer* const server = GetForeignServerExtended(
        DatumGetObjectId(value_of(row, dataset_column::kServer)), FSV_MISSING_OK);

    return server != nullptr && is_at_home(row) && strcmp(server->servername, name_of(row)) != 0;
}

/* Whether any is; mostly none. */
bool
are_any_renamed(Oid schema)
{
    TableReading reading = begin_reading_anew(relations_in(schema)->dataset);
    bool any = false;

    while (!any && next_row(&reading))
        any = is_renamed(reading);
    end_reading(&reading);
    return any;
}

/* With options and credentials. */
RegisteredDataset
registered_dataset(const TableReading& row)
{
    RegisteredDataset dataset = {};

    dataset.number = DatumGetInt32(value_of(row, dataset_column::kNumber));
    dataset.settings = settings_of(DatumGetObjectId(value_of(row, dataset_column::kServer)),
                                   name_of(row), !is_at_home(row));
    dataset.settings.number = dataset.number;
    dataset.settings.paused = DatumGetBool(value_of(row, dataset_column::kPaused));
    dataset.settings.resumes = DatumGetInt32(value_of(row, dataset_column::kResumes));
    return dataset;
}

/* For list_sort(). */
int
by_number(const ListCell* a, const ListCell* b)
{
    const int32 left = static_cast<const RegisteredDataset*>(lfirst(a))->number;
    const int32 right = static_cast<const RegisteredDataset*>(lfirst(b))->number;

    return left < right ? -1 : left > right ? 1 : 0;
}

}  // namespace

void
refresh_names(Oid schema)
{
    static Statement statement = {
        "UPDATE @.capi_dataset d SET name = f.srvname FROM pg_catalog.pg_foreign_server f"
        " WHERE f.oid = d.server AND f.srvname <> d.name AND d.system_identifier = $1"
        " AND d.database = $2",
        nullptr, InvalidOid};
    Parameters parameters = {};

    if (!are_any_renamed(schema))
        return;
    add_number(&parameters, static_cast<int64>(GetSystemIdentifier()), true);
    add(&parameters, OIDOID, ObjectIdGetDatum(MyDatabaseId));
    execute(schema, &statement, &parameters, SPI_OK_UPDATE);
}

RegisteredDataset*
read_datasets(Oid schema, int* count)
{
    TableReading reading = begin_reading_anew(relations_in(schema)->dataset);
    List* found = NIL;
    ListCell* cell;

    while (next_row(&reading)) {
        auto* const dataset = static_cast<RegisteredDataset*>(palloc(sizeof(RegisteredDataset)));
        *dataset = registered_dataset(reading);
        found = lappend(found, dataset);
    }
    end_reading(&reading);
    list_sort(found, by_number);
    *count = list_length(found);
    auto* const datasets =
        static_cast<RegisteredDataset*>(palloc0(sizeof(RegisteredDataset) * (*count + 1)));
    foreach (cell, found)
        datasets[foreach_current_index(cell)] = *static_cast<RegisteredDataset*>(lfirst(cell));
    return datasets;
}

void
resume_datasets(Oid schema, Dispatcher* dispatcher)
{
    TableReading reading = begin_reading_anew(relations_in(schema)->dataset);

    while (next_row(&reading)) {
        const int number = DatumGetInt32(value_of(reading, dataset_column::kNumber));
        const char* const health = string_of(reading, dataset_column::kHealth);
        const char* const code = string_of(reading, dataset_column::kReasonCode);
        const char* const detail = string_of(reading, dataset_column::kDetail);
        const TimestampTz next =
            DatumGetTimestampTz(value_of(reading, dataset_column::kNextAttemptAt));
        const UnixMicros next_attempt_at = next == 0 ? 0 : to_unix_micros(next);
        const auto request_size =
            static_cast<size_t>(DatumGetInt32(value_of(reading, dataset_column::kRequestSize)));
        const int failures = DatumGetInt32(value_of(reading, dataset_column::kFailures));
        call_cpp("resume a dataset", [&] {
            dispatcher->Resume(
                number,
                DatasetHealth{HealthFromName(health), code ? ReasonFromCode(code) : Reason::kNone,
                              detail ? detail : "", next_attempt_at, request_size, failures});
        });
    }
    end_reading(&reading);
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
