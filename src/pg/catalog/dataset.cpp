/*
 * dataset.cpp - datasets as the catalogs describe them.
 */
#include "pg/catalog/dataset.hpp"

#include "pg/base/hash_table.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/base/row_insert.hpp"
#include "pg/catalog/numbers.hpp"
#include "pg/catalog/relations.hpp"

namespace crm_capi {

namespace {

/* What this process knows of capi_dataset. */
struct KnownNumber {
    Oid server; /* hash key */
    int32 number;
};

HTAB* known_numbers = nullptr;
bool has_uncommitted = false; /* one was registered by the transaction that is still running */

/* All of them: the next event of each dataset looks its number up again. */
void
forget_numbers()
{
    if (known_numbers)
        hash_destroy(known_numbers);
    known_numbers = nullptr;
    has_uncommitted = false;
}

/* A server was renamed, dropped or created; which one, nobody says. */
void
at_server_change(Datum, SystemCache, uint32)
{
    forget_numbers();
}

/* A number whose registration is rolled back must not be used again. */
void
forget_uncommitted(XactEvent event, void*)
{
    if (has_uncommitted && (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE))
        forget_numbers();
    else if (event == XACT_EVENT_COMMIT)
        has_uncommitted = false;
}

/* The same for a rollback to a savepoint. */
void
at_subtransaction_end(SubXactEvent event, SubTransactionId, SubTransactionId, void*)
{
    if (has_uncommitted && event == SUBXACT_EVENT_ABORT_SUB)
        forget_numbers();
}

/* Begins to remember numbers, and to hear of what makes them wrong. */
void
create_known_numbers()
{
    static bool registered = false;

    known_numbers =
        create_hash_table<Oid, KnownNumber>("crm_capi dataset numbers", TopMemoryContext);
    if (!registered) {
        CacheRegisterSyscacheCallback(FOREIGNSERVEROID, at_server_change, 0);
        RegisterXactCallback(forget_uncommitted, nullptr);
        RegisterSubXactCallback(at_subtransaction_end, nullptr);
        on_relations_forgotten(forget_numbers);
        registered = true;
    }
}

/* The smallest registered number of the server, or 0. */
int32
registered_number(const Relations* relations, Oid server)
{
    const Relation table = table_open(relations->dataset, AccessShareLock);
    const TupleDesc columns = RelationGetDescr(table);
    ScanKeyData key;
    ScanKeyInit(&key, dataset_column::kServer, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(server));
    const SysScanDesc scan = systable_beginscan(table, index_led_by(table, dataset_column::kServer),
                                                true, nullptr, 1, &key);
    int32 number = 0;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        bool isnull;
        const int32 candidate =
            DatumGetInt32(heap_getattr(tuple, dataset_column::kNumber, columns, &isnull));
        if (is_of_this_database(
                heap_getattr(tuple, dataset_column::kSystemIdentifier, columns, &isnull),
                heap_getattr(tuple, dataset_column::kDatabase, columns, &isnull)) &&
            (number == 0 || candidate < number))
            number = candidate;
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return number;
}

InsertTarget registrations;

/* Written directly, because the CRM's user has no right on our tables and needs none. False if the
 * number is taken. */
bool
insert_dataset(const Relations* relations, const ForeignServer* server, int32 number)
{
    NameData name;
    Datum values[dataset_column::kEnd - 1] = {};
    bool nulls[dataset_column::kEnd - 1] = {};
    const auto set = [&](int column, Datum value) { values[column - 1] = value; };
    const auto set_null = [&](int column) { nulls[column - 1] = true; };

    namestrcpy(&name, server->servername);
    set(dataset_column::kNumber, Int32GetDatum(number));
    set(dataset_column::kServer, ObjectIdGetDatum(server->serverid));
    set(dataset_column::kName, NameGetDatum(&name));
    set(dataset_column::kSystemIdentifier,
        Int64GetDatum(static_cast<int64>(GetSystemIdentifier())));
    set(dataset_column::kDatabase, ObjectIdGetDatum(MyDatabaseId));
    set(dataset_column::kPaused, BoolGetDatum(false));
    set(dataset_column::kResumes, Int32GetDatum(0));
    set(dataset_column::kHealth, CStringGetTextDatum("ok"));
    set_null(dataset_column::kReasonCode);
    set_null(dataset_column::kDetail);
    set(dataset_column::kHealthSince, TimestampTzGetDatum(GetCurrentTimestamp()));
    set(dataset_column::kHereSince, TimestampTzGetDatum(GetCurrentTimestamp()));
    set_null(dataset_column::kNextAttemptAt);
    set_null(dataset_column::kRequestSize);
    return insert_row(&registrations, relations->dataset, values, nulls, lengthof(values));
}

/* The number that the dataset gets, for this transaction and, if it commits, for all. */
int32
register_dataset(const Relations* relations, const ForeignServer* server)
{
    const Relations ours = *relations;
    auto number = static_cast<int32>(next_number(ours.schema, Numbered::kDatasets));

    while (!insert_dataset(&ours, server, number)) {
        CHECK_FOR_INTERRUPTS();
        distrust_numbers(Numbered::kDatasets);
        number = static_cast<int32>(next_number(ours.schema, Numbered::kDatasets));
    }
    return number;
}

/* Every server of our wrapper counts; with two of them there is no "only one". */
Oid
find_only_dataset()
{
    List* const all = all_datasets();

    return list_length(all) == 1 ? linitial_oid(all) : InvalidOid;
}

}  // namespace

bool
is_of_this_database(Datum system_identifier, Datum database)
{
    return DatumGetInt64(system_identifier) == static_cast<int64>(GetSystemIdentifier()) &&
           DatumGetObjectId(database) == MyDatabaseId;
}

List*
all_datasets()
{
    const Oid wrapper = get_foreign_data_wrapper_oid("crm_capi", true);
    const Relation catalog = table_open(ForeignServerRelationId, AccessShareLock);
    const SysScanDesc scan =
        systable_beginscan(catalog, ForeignServerOidIndexId, true, nullptr, 0, nullptr);
    List* all = NIL;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        const auto server = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(tuple));
        if (server->srvfdw == wrapper)
            all = lappend_oid(all, server->oid);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return all;
}

Oid
find_dataset(const char* name)
{
    if (name == nullptr)
        return find_only_dataset();
    const Oid server = get_foreign_server_oid(name, true);
    if (!OidIsValid(server) ||
        GetForeignServer(server)->fdwid != get_foreign_data_wrapper_oid("crm_capi", true))
        return InvalidOid;
    return server;
}

Oid
require_dataset(const char* name)
{
    const Oid server = find_dataset(name);

    if (!OidIsValid(server) && name != nullptr)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("dataset \"%s\" does not exist", name),
                 errdetail("A dataset is a server of foreign-data wrapper crm_capi."),
                 errhint("Use CREATE SERVER ... FOREIGN DATA WRAPPER crm_capi to create it.")));
    if (!OidIsValid(server))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("no dataset has been named"),
                        errdetail("There is not exactly one dataset in this database."),
                        errhint("Name the dataset in the argument \"dataset\".")));
    const AclResult right = server_usage(server, GetUserId());
    if (right != ACLCHECK_OK)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied for dataset \"%s\"",
                               GetForeignServer(server)->servername),
                        errdetail("Sending to a dataset needs the USAGE privilege on it."),
                        errhint("Ask its owner to GRANT USAGE ON FOREIGN SERVER.")));
    return server;
}

int32
dataset_number(Oid schema, Oid server)
{
    const Relations* const relations = relations_in(schema);
    bool found;

    if (known_numbers == nullptr)
        create_known_numbers();
    KnownNumber* known =
        static_cast<KnownNumber*>(hash_search(known_numbers, &server, HASH_FIND, &found));
    if (found)
        return known->number;

    int32 number = registered_number(relations, server);
    const bool registers = number == 0;
    if (registers)
        number = register_dataset(relations, GetForeignServer(server));
    if (known_numbers == nullptr) /* an invalidation came meanwhile */
        create_known_numbers();
    known = static_cast<KnownNumber*>(hash_search(known_numbers, &server, HASH_ENTER, &found));
    known->number = number;
    has_uncommitted = has_uncommitted || registers;
    return number;
}

bool
is_registered_elsewhere(Oid schema, Oid server)
{
    const char* const server_name = GetForeignServer(server)->servername;
    const Relation table = table_open(relations_in(schema)->dataset, AccessShareLock);
    const TupleDesc columns = RelationGetDescr(table);
    const SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
    bool elsewhere = false;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        bool isnull;
        const Name name =
            DatumGetName(heap_getattr(tuple, dataset_column::kName, columns, &isnull));
        if (strcmp(NameStr(*name), server_name) == 0 &&
            !is_of_this_database(
                heap_getattr(tuple, dataset_column::kSystemIdentifier, columns, &isnull),
                heap_getattr(tuple, dataset_column::kDatabase, columns, &isnull)))
            elsewhere = true;
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return elsewhere;
}

const char*
option_value(List* options, const char* name)
{
    ListCell* cell;

    foreach (cell, options) {
        DefElem* const option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, name) == 0)
            return defGetString(option);
    }
    return nullptr;
}

}  // namespace crm_capi
