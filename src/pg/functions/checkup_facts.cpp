/*
 * checkup_facts.cpp - what capi_check() finds in the database.
 */
#include "pg/functions/checkup_facts.hpp"
#include "pg/functions/checkup_sources.hpp"
#include "pg/functions/condition_facts.hpp"
#include "pg/base/clock.hpp"

#include <string>

#include <sys/stat.h>

#include "core/event/validation.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/statement.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/dataset_settings.hpp"
#include "pg/catalog/origin.hpp"
#include "pg/functions/dropped_values.hpp"
#include "pg/functions/dump_doors.hpp"
#include "pg/functions/parked_share.hpp"
#include "pg/functions/service.hpp"
#include "pg/queue/event_log.hpp"
#include "pg/shared/participants.hpp"
#include "pg/shared/shared_memory.hpp"
#include "pg/shared/slots.hpp"

namespace crm_capi {

namespace {

/* A time of the latest result. */
UnixMicros
time_result(uint64 row, int column)
{
    return to_unix_micros(result_int8(row, column)); /* timestamptz has 64 bits, too */
}

/* An integer setting of the server. */
int
number_of(const char* setting)
{
    const char* const value = GetConfigOption(setting, true, false);

    return value ? atoi(value) : 0;
}

/* Of the workers that are always there we know the launcher of logical replication. */
WorkerFacts
gather_workers(bool is_preloaded)
{
    WorkerFacts facts;

    facts.processes = number_of("max_worker_processes");
    facts.shippers = is_preloaded ? setting_max_shippers : 0;
    facts.others = number_of("max_logical_replication_workers") > 0 ? 1 : 0;
    facts.parallel = number_of("max_parallel_workers");
    facts.parallel_per_query = number_of("max_parallel_workers_per_gather");
    return facts;
}

/* Who serves the database, and how the server's shippers are shared. */
void
gather_service(ServerFacts* facts)
{
    const Service service = service_of_database();

    facts->launcher_runs = launcher_runs();
    facts->shipper_runs = service.state == ServiceState::kRunning;
    facts->needs_no_shipper =
        service.state == ServiceState::kResting || service.state == ServiceState::kWaiting;
    facts->waits_for_slot = service.state == ServiceState::kLate;
    if (!facts->is_preloaded)
        return;
    const ParticipantCounts counts = count_participants();
    facts->slots.slots = setting_max_shippers;
    facts->slots.databases = counts.databases;
    facts->slots.waiting = counts.waiting;
    if (counts.waiting_since != 0)
        facts->slots.longest_wait_seconds =
            TimestampDifferenceMilliseconds(counts.waiting_since, GetCurrentTimestamp()) / 1000;
}

/* Whether there is anybody to send, and anywhere to send from. */
void
gather_server(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "SELECT datallowconn AND NOT datistemplate, datname FROM pg_catalog.pg_database"
        " WHERE datname = pg_catalog.current_database()",
        nullptr, InvalidOid};
    Parameters none = {};
    ServerFacts* const facts = &checkup->server;

    execute(schema, &statement, &none, SPI_OK_SELECT);
    facts->is_connectable = result_bool(0, 1);
    facts->is_preloaded = has_shared_memory();
    facts->is_standby = RecoveryInProgress();
    facts->workers = gather_workers(facts->is_preloaded);
    gather_service(facts);
    facts->is_chosen = is_chosen_database(result_text(0, 2));
    facts->is_host_allowed = is_allowed_host();
    const char* const host = host_name();
    call_cpp("note the host", [&] { facts->host = host; });
    gather_conditions(&facts->conditions);
    const char* const doors = doors_with_rows(schema);
    call_cpp("note doors with rows", [&] { facts->doors = doors; });
}

/* Who may read the file of the token, if there is one. */
struct FileFacts {
    const char* path; /* NULL = there is none */
    const char* problem;
    unsigned permissions;
};

/* The path is a superuser's word; its contents are not read. */
FileFacts
look_at_file(const char* path)
{
    FileFacts facts = {path, "", 0};
    struct stat status;

    if (path == nullptr)
        return facts;
    if (stat(path, &status) != 0)
        facts.problem = pstrdup(strerror(errno));
    else
        facts.permissions = static_cast<unsigned>(status.st_mode) & 07777;
    return facts;
}

/* C++ regime. */
void
AddDataset(const DatasetSettings& settings, const FileFacts& file, DatasetFacts facts,
           Checkup* checkup)
{
    FunnelFacts funnel;
    Event event;

    facts.config = MakeConfig(settings);
    if (file.path)
        facts.token_file = TokenFile{file.path, file.problem, file.permissions};
    event.lead_id = kSmallestLeadId;
    event.texts = EventTexts({"stage"});
    AppendEvent(facts.config.constants, event, &funnel.sample_event);
    funnel.dataset = facts.config.name;
    checkup->datasets.push_back(std::move(facts));
    checkup->funnels.push_back(std::move(funnel));
}

/* A row of the query below. */
struct StatusRow {
    Oid server; /* InvalidOid if it is gone, and something is owed to it */
    const char* dataset;
    const char* health;
    const char* reason;
    const char* code;
    int64 owed;
    int64 parked_lately;
    UnixMicros next_deadline;
    UnixMicros last_success_at;
    const char* here_since; /* empty if that is not known */
    const char* held_since;
    int64 request_size; /* 0 = as set */
};

/* C++ regime. */
DatasetFacts
MakeFacts(const StatusRow& row, const Checkup& checkup)
{
    DatasetFacts facts;

    facts.config.name = row.dataset;
    facts.is_standby = checkup.server.is_standby;
    facts.health = row.health;
    facts.health_reason = row.reason;
    facts.health_code = ReasonFromCode(row.code);
    facts.owed = row.owed;
    facts.next_deadline = row.next_deadline;
    facts.last_success_at = row.last_success_at;
    facts.parked_lately = row.parked_lately;
    facts.request_size = row.request_size;
    return facts;
}

/* One dataset: how it is set, with its credentials, and how its queue stands. */
void
gather_dataset(Oid schema, const StatusRow& row, Checkup* checkup)
{
    if (!OidIsValid(row.server)) {
        call_cpp("note a dataset that is gone",
                 [&] { checkup->gone.push_back(MakeFacts(row, *checkup)); });
        return;
    }
    DatasetSettings settings = read_dataset_settings(row.server, Credentials::kRead);
    const FileFacts file = look_at_file(settings.access_token_file);
    const Hold hold = place_hold(row.server, is_registered_elsewhere(schema, row.server));
    const char* const place = this_place();
    settings.name = row.dataset;
    call_cpp("note a dataset", [&] {
        DatasetFacts facts = MakeFacts(row, *checkup);
        facts.place = place;
        facts.place_reason = hold.reason;
        facts.place_detail = hold.detail ? hold.detail : "";
        facts.place_since = hold.reason == Reason::kCloned ? row.held_since : row.here_since;
        AddDataset(settings, file, std::move(facts), checkup);
    });
}

/* All servers of the wrapper, and those that are gone while something is owed to them. */
void
gather_datasets(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "SELECT coalesce(f.oid, 0)::bigint, s.dataset, s.health, s.reason,"
        " CASE s.health WHEN 'stalled' THEN s.health ELSE k.reason_code END, s.owed::bigint,"
        " coalesce(p.parked, 0), coalesce(s.next_deadline, 'epoch'),"
        " coalesce(s.last_success_at, 'epoch'),"
        " coalesce(k.here_since, '-infinity'),"
        " coalesce(CASE WHEN k.reason_code = 'cloned' THEN k.health_since END, '-infinity'),"
        " coalesce(k.request_size, 0)::bigint"
        " FROM @.capi_status s LEFT JOIN (pg_catalog.pg_foreign_server f"
        " JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = f.srvfdw AND w.fdwname = 'crm_capi')"
        " ON f.srvname = s.dataset"
        " LEFT JOIN (SELECT d.name, count(*) AS parked FROM @.capi_settlement u"
        " JOIN @.capi_dataset d ON d.number = u.dataset"
        " WHERE u.status = 'parked' AND u.settled_at > now() - interval '1 day'"
        " GROUP BY d.name) p ON p.name = s.dataset"
        " LEFT JOIN LATERAL (SELECT d.reason_code, d.health_since, d.here_since,"
        " d.request_size"
        " FROM @.capi_dataset d WHERE d.name = s.dataset"
        " ORDER BY d.health_since DESC, d.number LIMIT 1) k ON true ORDER BY s.dataset",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++)
        gather_dataset(
            schema,
            {static_cast<Oid>(result_int8(row, 1)), utf8_result(row, 2), utf8_result(row, 3),
             utf8_result(row, 4), utf8_result(row, 5), result_int8(row, 6), result_int8(row, 7),
             time_result(row, 8), time_result(row, 9), utc_minute(result_int8(row, 10)),
             utc_minute(result_int8(row, 11)), result_int8(row, 12)},
            checkup);
    checkup->server.datasets = static_cast<int>(checkup->datasets.size());
}

/* A row of the query below. */
struct FunnelRow {
    const char* dataset;
    const char* stage;
    bool is_total; /* of all stages */
    int64 leads;
    int64 leads_sent;
    int64 entries;
    int64 in_time;
    int64 out_of_order;
    UnixMicros since;
};

/* C++ regime. */
void
AddFunnelRow(const FunnelRow& row, Checkup* checkup)
{
    for (FunnelFacts& funnel : checkup->funnels) {
        if (funnel.dataset != row.dataset)
            continue;
        if (row.is_total) {
            funnel.leads = row.leads;
            funnel.leads_sent = row.leads_sent;
            funnel.out_of_order = row.out_of_order;
            funnel.since = row.since;
        } else if (row.leads_sent > 0) {
            funnel.stages.push_back({row.stage, row.leads_sent, row.entries, row.in_time});
        }
    }
}

/* When the latest event was enqueued that the query below does not look at. */
void
gather_reach(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "SELECT coalesce((SELECT e.enqueued_at FROM @.capi_event_log e WHERE e.id <"
        " (SELECT min(l.id) FROM (SELECT k.id FROM @.capi_event_log k ORDER BY k.id DESC"
        " LIMIT 50000) l) - 250000 ORDER BY e.id DESC LIMIT 1), 'epoch')",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    const UnixMicros since = time_result(0, 1);
    for (FunnelFacts& funnel : checkup->funnels)
        funnel.searched_since = since;
}

/* The latest events tell how the funnel looks; their number is bounded, because the doctor is to
 * take less than two seconds whatever the size of the queue. For datasets that have few among them
 * it looks further back. OFFSET 0 has settlements looked up, not read as a whole. What is neither
 * settled nor owed has been sent. */
void
gather_funnels(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "WITH last AS MATERIALIZED (SELECT e.id, e.dataset, e.event_name, e.event_time,"
        " e.enqueued_at, e.lead_id, e.user_data"
        " FROM @.capi_event_log e ORDER BY e.id DESC LIMIT 50000),"
        " first AS MATERIALIZED (SELECT min(l.id) AS id FROM last l),"
        " rare AS MATERIALIZED (SELECT d.number FROM @.capi_dataset d LEFT JOIN last l"
        " ON l.dataset = d.number GROUP BY d.number HAVING count(l.id) < 1000),"
        " earlier AS MATERIALIZED (SELECT e.id, e.dataset, e.event_name, e.event_time,"
        " e.enqueued_at, e.lead_id, e.user_data FROM @.capi_event_log e"
        " WHERE e.id BETWEEN (SELECT first.id - 250000 FROM first)"
        " AND (SELECT first.id - 1 FROM first)"
        " AND e.dataset = ANY (ARRAY(SELECT rare.number FROM rare))"
        " AND (SELECT count(*) > 0 FROM rare)"
        " ORDER BY e.id DESC LIMIT 10000),"
        " latest AS MATERIALIZED (SELECT e.id, e.dataset, e.event_time, e.enqueued_at,"
        " e.event_name COLLATE \"C\" AS event_name,"
        " coalesce(e.lead_id::text, md5(e.user_data::text), e.id::text) COLLATE \"C\" AS lead"
        " FROM (SELECT * FROM last UNION ALL SELECT * FROM earlier) e),"
        " owed AS MATERIALIZED (SELECT o.id FROM @.capi_owed o"
        " WHERE o.id >= (SELECT min(l.id) FROM latest l)),"
        " event AS (SELECT e.*, d.name,"
        " o.id IS NULL AND NOT EXISTS (SELECT FROM @.capi_settlement s WHERE s.event = e.id"
        " OFFSET 0) AS sent FROM latest e JOIN @.capi_dataset d ON d.number = e.dataset"
        " LEFT JOIN owed o ON o.id = e.id"
        " WHERE e.enqueued_at > now() - interval '28 days'),"
        " placed AS (SELECT e.*, row_number() OVER w AS place,"
        " first_value(e.event_time) OVER w AS start,"
        " max(e.event_time) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
        " FROM event e WINDOW w AS (PARTITION BY e.name, e.lead, e.sent ORDER BY e.id))"
        " SELECT p.name, p.event_name, grouping(p.event_name) = 1, count(DISTINCT p.lead),"
        " count(DISTINCT p.lead) FILTER (WHERE p.sent),"
        " count(*) FILTER (WHERE p.sent AND p.place = 1),"
        " count(DISTINCT p.lead) FILTER"
        " (WHERE p.sent AND p.event_time <= p.start + interval '28 days'),"
        " count(DISTINCT p.lead) FILTER (WHERE p.sent AND p.event_time < p.before),"
        " min(p.enqueued_at)"
        " FROM placed p GROUP BY GROUPING SETS ((p.name), (p.name, p.event_name)) ORDER BY 1, 2",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        const FunnelRow facts = {utf8_result(row, 1), utf8_result(row, 2), result_bool(row, 3),
                                 result_int8(row, 4), result_int8(row, 5), result_int8(row, 6),
                                 result_int8(row, 7), result_int8(row, 8), time_result(row, 9)};
        call_cpp("note a stage", [&] { AddFunnelRow(facts, checkup); });
    }
}

}  // namespace

void
gather_facts(Oid schema, Checkup* checkup)
{
    gather_server(schema, checkup);
    gather_datasets(schema, checkup);
    gather_reach(schema, checkup);
    gather_funnels(schema, checkup);
    gather_lead_ids(schema, checkup);
    gather_watches(schema, checkup);
    gather_dropped_values(schema, checkup);
    gather_parked_shares(schema, checkup);
}

}  // namespace crm_capi
