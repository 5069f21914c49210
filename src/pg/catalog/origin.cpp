/*
 * origin.cpp - where a dataset belongs, and whether events may be sent to it from here.
 */
#include "pg/catalog/origin.hpp"

#include "pg/base/settings.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/shared/copy_mark.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "pgtime.h"
}

namespace crm_capi {

namespace {

constexpr const char* kOption = "origin";

/* A mark comes with each restore of a backup. Those accepted long ago matter only to a standby that
 * was made of a backup as old. */
constexpr int kMostMarks = 8;

struct Origin {
    uint64 system_identifier;
    uint64 database;
    int marks;
    uint64 accepted[kMostMarks]; /* oldest first */
};

/* Digits up to a slash or the end; moves the text behind them. */
bool
read_number(const char** text, uint64* number)
{
    char* end;

    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *number = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0 && (*end == '/' || *end == '\0');
}

bool
read_origin(const char* text, Origin* origin)
{
    *origin = {};
    if (!read_number(&text, &origin->system_identifier) || *text++ != '/' ||
        !read_number(&text, &origin->database) || origin->database > PG_UINT32_MAX)
        return false;
    while (*text == '/') {
        text++;
        if (origin->marks == kMostMarks || !read_number(&text, &origin->accepted[origin->marks++]))
            return false;
    }
    return true;
}

bool
is_this_database(const Origin& origin)
{
    return origin.system_identifier == GetSystemIdentifier() && origin.database == MyDatabaseId;
}

bool
has_accepted(const Origin& origin, uint64 mark)
{
    for (int i = 0; i < origin.marks; i++) {
        if (origin.accepted[i] == mark)
            return true;
    }
    return mark == 0;
}

/* The origin that lets a dataset with the given one, or without one (NULL), send from here. */
const char*
origin_here(const char* before)
{
    const uint64 mark = copy_mark()->id;
    StringInfoData text;
    Origin origin;

    if (before == nullptr || !read_origin(before, &origin) || !is_this_database(origin))
        origin = {};
    initStringInfo(&text);
    appendStringInfo(&text, UINT64_FORMAT "/%u", GetSystemIdentifier(), MyDatabaseId);
    const bool adds = !has_accepted(origin, mark);
    for (int i = adds && origin.marks == kMostMarks ? 1 : 0; i < origin.marks; i++)
        appendStringInfo(&text, "/" UINT64_FORMAT, origin.accepted[i]);
    if (adds)
        appendStringInfo(&text, "/" UINT64_FORMAT, mark);
    return text.data;
}

/* Option "origin" of a server as its row has it, or NULL. */
const char*
origin_of(HeapTuple tuple, TupleDesc columns)
{
    bool is_null;
    const Datum options = heap_getattr(tuple, Anum_pg_foreign_server_srvoptions, columns, &is_null);

    return is_null ? nullptr : option_value(untransformRelOptions(options), kOption);
}

/* Written directly: whoever may create a dataset, or resume one, need not be allowed to alter it,
 * and the checks of the other options have nothing to do with this. */
void
write_origin(HeapTuple tuple)
{
    const Relation catalog = table_open(ForeignServerRelationId, RowExclusiveLock);
    const TupleDesc columns = RelationGetDescr(catalog);
    const char* const before = origin_of(tuple, columns);
    const char* const origin = origin_here(before);
    Datum values[Natts_pg_foreign_server] = {};
    bool nulls[Natts_pg_foreign_server] = {};
    bool replaced[Natts_pg_foreign_server] = {};
    constexpr int kOptions = Anum_pg_foreign_server_srvoptions - 1;

    if (before == nullptr || strcmp(before, origin) != 0) {
        DefElem* const option = makeDefElemExtended(
            nullptr, pstrdup(kOption), reinterpret_cast<Node*>(makeString(pstrdup(origin))),
            before ? DEFELEM_SET : DEFELEM_ADD, -1);
        /* Zero if there are none, which stands for the empty list. */
        const Datum options = heap_getattr(tuple, kOptions + 1, columns, &nulls[kOptions]);
        values[kOptions] = transformGenericOptions(ForeignServerRelationId, options,
                                                   list_make1(option), InvalidOid);
        nulls[kOptions] = false;
        replaced[kOptions] = true;
        CatalogTupleUpdate(catalog, &tuple->t_self,
                           heap_modify_tuple(tuple, columns, values, nulls, replaced));
    }
    table_close(catalog, RowExclusiveLock);
}

bool
is_own_work(HeapTuple tuple)
{
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
}

/* Stamps the servers without an origin that are chosen. */
void
stamp_servers(bool (*is_chosen)(HeapTuple tuple, Oid schema), Oid schema)
{
    const Oid wrapper = get_foreign_data_wrapper_oid("crm_capi", true);
    const Relation catalog = table_open(ForeignServerRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
    bool any = false;

    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        const auto server = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(tuple));
        if (server->srvfdw != wrapper || !is_chosen(tuple, schema) ||
            origin_of(tuple, RelationGetDescr(catalog)) != nullptr)
            continue;
        write_origin(tuple);
        any = true;
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    if (any)
        CommandCounterIncrement();
}

/* Not one that somebody is changing at the moment: the shipper would wait for that, and fail. */
bool
is_at_rest_and_ours(HeapTuple tuple, Oid schema)
{
    const auto server = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(tuple));

    return (tuple->t_data->t_infomask & HEAP_XMAX_INVALID) != 0 &&
           !is_registered_elsewhere(schema, server->oid);
}

bool stamps_at_commit = false;

/* A rolled-back subtransaction leaves the flag, and nothing to be found. */
void
stamp_before_commit(XactEvent event, void*)
{
    const bool stamps = stamps_at_commit;

    stamps_at_commit = false;
    if (!stamps || (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE))
        return;
    PushActiveSnapshot(GetTransactionSnapshot());
    stamp_servers([](HeapTuple tuple, Oid) { return is_own_work(tuple); }, InvalidOid);
    PopActiveSnapshot();
}

const char*
utc(TimestampTz time)
{
    const pg_time_t seconds = timestamptz_to_time_t(time);
    char text[32];

    pg_strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", pg_gmtime(&seconds));
    return pstrdup(text);
}

const char*
mark_detail()
{
    const CopyMark* const mark = copy_mark();

    if (mark->id == kUnreadableMark)
        return "the file crm_capi.copy in the data directory cannot be read";
    return psprintf("this server was started from a backup%s at %s",
                    mark->is_recovery ? ", by a recovery," : "", utc(mark->made_at));
}

/* Without an origin a dataset is taken to be at home: it comes from a time before the stamp, and
 * must not stand still. Not in a server that began as a backup: who knows how long ago. */
Hold
origin_hold(const char* text)
{
    Origin origin = {};

    if (text != nullptr && !read_origin(text, &origin))
        return {Reason::kCloned, psprintf("its origin is %s", text)};
    if (text != nullptr && !is_this_database(origin))
        return {Reason::kCloned,
                psprintf("it came from database " UINT64_FORMAT " of cluster " UINT64_FORMAT,
                         origin.database, origin.system_identifier)};
    if (!has_accepted(origin, copy_mark()->id))
        return {Reason::kCloned, mark_detail()};
    return {Reason::kNone, nullptr};
}

}  // namespace

bool
is_origin(const char* text)
{
    Origin origin;

    return read_origin(text, &origin);
}

void
stamp_origins_at_commit()
{
    static bool registered = false;

    if (IsBinaryUpgrade)
        return; /* pg_upgrade brings servers over as they are */
    if (!registered) {
        RegisterXactCallback(stamp_before_commit, nullptr);
        registered = true;
    }
    stamps_at_commit = true;
}

void
stamp_old_servers(Oid schema)
{
    if (copy_mark()->id == 0)
        stamp_servers(is_at_rest_and_ours, schema);
}

void
accept_origin(Oid server)
{
    const HeapTuple tuple = SearchSysCacheCopy1(FOREIGNSERVEROID, ObjectIdGetDatum(server));

    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for foreign server %u", server);
    write_origin(tuple);
    CommandCounterIncrement();
}

Hold
place_hold(Oid server, bool is_queue_elsewhere)
{
    const Hold hold = origin_hold(option_value(GetForeignServer(server)->options, kOption));

    if (hold.reason == Reason::kNone && is_queue_elsewhere)
        return {Reason::kCloned, "its queue was made in another database"};
    if (hold.reason == Reason::kNone && !is_allowed_host())
        return {Reason::kHostNotAllowed, host_name()};
    return hold;
}

const char*
this_place()
{
    return psprintf("database %u of cluster " UINT64_FORMAT, MyDatabaseId, GetSystemIdentifier());
}

}  // namespace crm_capi
