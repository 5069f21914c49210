/* sql/crm_capi--1.0.sql - the objects of crm_capi, in the order of an event's way */

-- complain if the script is sourced in psql instead of being run by CREATE EXTENSION
\echo Use "CREATE EXTENSION crm_capi" to load this file. \quit

----------------------------------------------------------------------------------------------------
-- Datasets: a foreign server is a dataset, a user mapping holds its credentials
----------------------------------------------------------------------------------------------------

CREATE FUNCTION capi_fdw_validator(options text[], catalog oid)
RETURNS void
LANGUAGE C STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_fdw_validator(text[], oid) IS
'checks the options of a dataset (server) and of its credentials (user mapping)';

CREATE FOREIGN DATA WRAPPER crm_capi VALIDATOR @extschema@.capi_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER crm_capi IS
'each server of this wrapper is a dataset of the Meta Conversions API';

-- The log names a dataset by a number of ours. Server names change, server OIDs mean something else
-- after a dump and restore; the number and the identity beside it survive both. Two transactions
-- that use a new dataset at the same moment may both register it: several numbers may lead to one
-- server, so that neither has to wait for the other.
CREATE SEQUENCE capi_dataset_number AS integer;
CREATE TABLE capi_dataset (
    number            integer     NOT NULL PRIMARY KEY,
    server            oid         NOT NULL,
    name              name        NOT NULL,
    system_identifier bigint      NOT NULL,
    database          oid         NOT NULL,
    paused            boolean     NOT NULL,
    resumes           integer     NOT NULL,
    health            text        NOT NULL,
    reason_code       text,
    detail            text,
    health_since      timestamptz NOT NULL,
    here_since        timestamptz NOT NULL,
    next_attempt_at   timestamptz,
    request_size      integer,
    failures          integer
) USING heap;
CREATE INDEX capi_dataset_server ON capi_dataset (server);
COMMENT ON SEQUENCE capi_dataset_number IS 'numbers of capi_dataset';
COMMENT ON TABLE capi_dataset IS 'datasets that events have been enqueued for, with their health';
COMMENT ON COLUMN capi_dataset.number IS 'what capi_event_log and capi_request_log call the dataset';
COMMENT ON COLUMN capi_dataset.server IS 'pg_foreign_server.oid, valid for the identity beside it';
COMMENT ON COLUMN capi_dataset.name IS 'name of the server when last seen';
COMMENT ON COLUMN capi_dataset.system_identifier IS 'cluster in which the dataset was registered; elsewhere it is held until capi_resume';
COMMENT ON COLUMN capi_dataset.database IS 'OID of the database in which the dataset was registered';
COMMENT ON COLUMN capi_dataset.paused IS 'stopped by capi_pause';
COMMENT ON COLUMN capi_dataset.resumes IS 'how often capi_resume was called';
COMMENT ON COLUMN capi_dataset.health IS 'ok, slowed, retrying, held or paused';
COMMENT ON COLUMN capi_dataset.reason_code IS 'why the dataset is not ok';
COMMENT ON COLUMN capi_dataset.detail IS 'what the reason leaves open';
COMMENT ON COLUMN capi_dataset.health_since IS 'when the health last changed';
COMMENT ON COLUMN capi_dataset.here_since IS 'when the dataset was registered in this database, or accepted here by capi_resume';
COMMENT ON COLUMN capi_dataset.next_attempt_at IS 'when a dataset that is not ok is tried again';
COMMENT ON COLUMN capi_dataset.request_size IS 'events that a request carries at most while larger ones fail; NULL = batch_size';

COMMENT ON COLUMN capi_dataset.failures IS 'requests that failed in a row, from which the pause before the next one grows';

----------------------------------------------------------------------------------------------------
-- The queue: a log that only grows, what its events became, and the cursor
----------------------------------------------------------------------------------------------------

CREATE SEQUENCE capi_event_id;
COMMENT ON SEQUENCE capi_event_id IS
'ids of events; the shipper relies on a cache of 1 and on ids that never go back';

-- Wide columns first: rows are written by the million, and padding would be written with them.
CREATE TABLE capi_event_log (
    id          bigint      NOT NULL PRIMARY KEY,
    enqueued_at timestamptz NOT NULL,
    event_time  timestamptz,
    lead_id     bigint,
    dataset     integer,
    watch       oid,
    parked      boolean     NOT NULL,
    event_name  text,
    user_data   jsonb,
    custom_data jsonb,
    recheck     jsonb,
    consent     jsonb,
    dropped     jsonb
) USING heap;
COMMENT ON TABLE capi_event_log IS 'every event ever enqueued; never updated, read in order of id';
COMMENT ON COLUMN capi_event_log.id IS 'order of enqueueing; within a lead the order of sending';
COMMENT ON COLUMN capi_event_log.enqueued_at IS 'when the event was enqueued';
COMMENT ON COLUMN capi_event_log.event_time IS 'when the stage was reached; never altered';
COMMENT ON COLUMN capi_event_log.lead_id IS 'lead id given by Meta, 15 to 17 digits; negative if Meta gave none: then it keeps the events of one lead in order; NULL if it could not be read';
COMMENT ON COLUMN capi_event_log.dataset IS 'capi_dataset.number; NULL if the dataset could not be told';
COMMENT ON COLUMN capi_event_log.watch IS 'pg_trigger.oid of the watch, in the database in which the event was enqueued; NULL if no watch did it';
COMMENT ON COLUMN capi_event_log.parked IS 'parked when enqueued: a row of capi_settlement says why';
COMMENT ON COLUMN capi_event_log.event_name IS 'stage that the lead reached';
COMMENT ON COLUMN capi_event_log.user_data IS 'identities, hashed where Meta wants a hash';
COMMENT ON COLUMN capi_event_log.custom_data IS 'further members of custom_data';
COMMENT ON COLUMN capi_event_log.recheck IS 'what is looked at once more before the event is sent: watch and primary key of the row whose condition counts, and whether no other event of the lead may have the stage; of a parked event the row by which it can be judged again';

COMMENT ON COLUMN capi_event_log.consent IS 'what the event says of opt_out and data_processing_options, in place of the options of its dataset';
COMMENT ON COLUMN capi_event_log.dropped IS 'values of identities that could not be used: watched table, and key and cause of each; never a value';

-- Find the events of a lead. The indexes themselves are empty and cost the CRM nothing: they answer from
-- the filters below them, which the shipper writes when it has time (src/pg/queue/lead_index.cpp).
CREATE FUNCTION capi_lead_handler(internal)
RETURNS index_am_handler
LANGUAGE C STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_lead_handler(internal) IS 'access method of the index over leads';
REVOKE ALL ON FUNCTION capi_lead_handler(internal) FROM PUBLIC;
CREATE ACCESS METHOD capi_lead TYPE INDEX HANDLER @extschema@.capi_lead_handler;
COMMENT ON ACCESS METHOD capi_lead IS 'finds the events of a lead in capi_event_log by the filters of capi_lead_filter';
CREATE OPERATOR CLASS capi_lead_ops DEFAULT FOR TYPE bigint USING capi_lead AS
    OPERATOR 1 pg_catalog.= (bigint, bigint);
COMMENT ON OPERATOR CLASS capi_lead_ops USING capi_lead IS 'equality of lead ids';
COMMENT ON OPERATOR FAMILY capi_lead_ops USING capi_lead IS 'equality of lead ids';
-- STRICT tells the planner that a lead's events are asked for where the log is joined from outside.
CREATE FUNCTION capi_given_lead_id(lead_id bigint)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_given_lead_id(bigint) IS
'lead id of capi_event_log if Meta gave it; NULL for one that only keeps the events of a lead in order';
CREATE INDEX capi_event_log_lead ON capi_event_log USING capi_lead (@extschema@.capi_given_lead_id(lead_id));
COMMENT ON INDEX capi_event_log_lead IS 'finds the events of a lead; holds nothing itself';
-- Views show only ids that Meta gave, and ask for those; our own statements look for any lead.
CREATE INDEX capi_event_log_any_lead ON capi_event_log USING capi_lead (lead_id);
COMMENT ON INDEX capi_event_log_any_lead IS 'finds the events of a lead, whoever gave its id; holds nothing itself';

CREATE TABLE capi_lead_filter (
    first_event bigint NOT NULL PRIMARY KEY,
    last_event  bigint NOT NULL,
    filter      bytea  NOT NULL
) USING heap;
ALTER TABLE capi_lead_filter ALTER COLUMN filter SET STORAGE PLAIN;
COMMENT ON TABLE capi_lead_filter IS 'which runs of capi_event_log may hold a lead';
COMMENT ON COLUMN capi_lead_filter.first_event IS 'id with which the run begins';
COMMENT ON COLUMN capi_lead_filter.last_event IS 'id with which the run ends';
COMMENT ON COLUMN capi_lead_filter.filter IS 'Bloom filter over the lead ids of the run';

CREATE TABLE capi_settlement (
    event         bigint      NOT NULL PRIMARY KEY,
    settled_at    timestamptz NOT NULL,
    request       bigint,
    dataset       integer,
    error_code    integer,
    error_subcode integer,
    status        text        NOT NULL,
    reason_code   text        NOT NULL,
    detail        text
) USING heap;
-- What is parked, and what capi_retry owes again, is found without reading what else was settled.
CREATE INDEX capi_settlement_status ON capi_settlement (status, event);
COMMENT ON TABLE capi_settlement IS 'events that ended otherwise than delivered';
COMMENT ON COLUMN capi_settlement.event IS 'capi_event_log.id';
COMMENT ON COLUMN capi_settlement.settled_at IS 'when the event ended';
COMMENT ON COLUMN capi_settlement.request IS 'capi_request_log.id of the request that decided it';
COMMENT ON COLUMN capi_settlement.dataset IS 'capi_dataset.number; NULL if the dataset could not be told';
COMMENT ON COLUMN capi_settlement.error_code IS 'error code given by Meta';
COMMENT ON COLUMN capi_settlement.error_subcode IS 'error subcode given by Meta';
COMMENT ON COLUMN capi_settlement.status IS 'parked, expired or cancelled; retry = owed again by capi_retry';
COMMENT ON COLUMN capi_settlement.reason_code IS 'why, as a code of capi_reasons()';
COMMENT ON COLUMN capi_settlement.detail IS 'what the reason leaves open';

CREATE SEQUENCE capi_request_id;
COMMENT ON SEQUENCE capi_request_id IS 'ids of requests';

-- Where datasets take turns in the log each event of a request is a range of its own: 21 bytes in an
-- int8multirange, and two in this, which else looks like one.
CREATE TYPE capi_event_ids;
CREATE FUNCTION capi_event_ids_in(cstring)
RETURNS capi_event_ids
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_ids_in(cstring) IS 'input of type capi_event_ids';
CREATE FUNCTION capi_event_ids_out(capi_event_ids)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_ids_out(capi_event_ids) IS 'output of type capi_event_ids';
CREATE TYPE capi_event_ids (INPUT = capi_event_ids_in, OUTPUT = capi_event_ids_out, STORAGE = external);
COMMENT ON TYPE capi_event_ids IS 'a set of event ids; cast it to int8multirange to ask it anything';
CREATE FUNCTION capi_event_ids_to_multirange(capi_event_ids)
RETURNS int8multirange
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_ids_to_multirange(capi_event_ids) IS 'cast of event ids to an int8multirange';
CREATE CAST (capi_event_ids AS int8multirange) WITH FUNCTION capi_event_ids_to_multirange(capi_event_ids);
COMMENT ON CAST (capi_event_ids AS int8multirange) IS 'the ids of a request, to be asked anything';
CREATE CAST (int8multirange AS capi_event_ids) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (int8multirange AS capi_event_ids) IS 'ids from 1 on, in ranges that have two ends';

-- Written once before a request is sent and once after its answer: this is how a thousand delivered
-- events cost two row versions. What is unfinished when a shipper starts is in doubt.
CREATE TABLE capi_request_log (
    id              bigint         NOT NULL PRIMARY KEY,
    started_at      timestamptz    NOT NULL,
    finished_at     timestamptz,
    next_attempt_at timestamptz,
    dataset         integer        NOT NULL,
    event_count     integer        NOT NULL,
    http_status     integer,
    events_received integer,
    error_code      integer,
    error_subcode   integer,
    outcome         text,
    reason_code     text,
    detail          text,
    fbtrace_id      text,
    events          capi_event_ids NOT NULL
) USING heap;
CREATE INDEX capi_request_log_events ON capi_request_log USING gist ((events::int8multirange));
CREATE INDEX capi_request_log_unfinished ON capi_request_log (id) WHERE finished_at IS NULL;
CREATE INDEX capi_request_log_error ON capi_request_log (dataset, id) WHERE reason_code IS NOT NULL;
CREATE INDEX capi_request_log_in_doubt ON capi_request_log (started_at) WHERE outcome = 'in_doubt';
COMMENT ON TABLE capi_request_log IS 'every HTTP request, committed before it is sent';
COMMENT ON COLUMN capi_request_log.id IS 'order of sending';
COMMENT ON COLUMN capi_request_log.started_at IS 'when the request was about to be sent';
COMMENT ON COLUMN capi_request_log.finished_at IS 'when its answer was judged; NULL while it is in flight';
COMMENT ON COLUMN capi_request_log.next_attempt_at IS 'when its events may go again, if they are still owed';
COMMENT ON COLUMN capi_request_log.dataset IS 'capi_dataset.number';
COMMENT ON COLUMN capi_request_log.event_count IS 'number of events in the request';
COMMENT ON COLUMN capi_request_log.http_status IS 'HTTP status of the answer';
COMMENT ON COLUMN capi_request_log.events_received IS 'number of events that Meta says it received';
COMMENT ON COLUMN capi_request_log.error_code IS 'error code given by Meta';
COMMENT ON COLUMN capi_request_log.error_subcode IS 'error subcode given by Meta';
COMMENT ON COLUMN capi_request_log.outcome IS 'delivered, dry_run, retry, slow_down, held, refused or in_doubt';
COMMENT ON COLUMN capi_request_log.reason_code IS 'why it was not delivered, as a code of capi_reasons()';
COMMENT ON COLUMN capi_request_log.detail IS 'what the reason leaves open, cleaned of anything personal';
COMMENT ON COLUMN capi_request_log.fbtrace_id IS 'trace id given by Meta, for its support';
COMMENT ON COLUMN capi_request_log.events IS 'ids of the events in the request';

-- How far the log is dealt with. Written seldom: what is missing is found again in capi_request_log.
CREATE TABLE capi_cursor (
    only_row   boolean        NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    position   bigint         NOT NULL,
    open       int8multirange NOT NULL,
    request    bigint         NOT NULL,
    updated_at timestamptz    NOT NULL
) USING heap;
COMMENT ON TABLE capi_cursor IS 'how far the shipper has dealt with capi_event_log';
COMMENT ON COLUMN capi_cursor.only_row IS 'there is one row at most';
COMMENT ON COLUMN capi_cursor.position IS 'every event up to this id is final, unless it is in open';
COMMENT ON COLUMN capi_cursor.open IS 'ids up to position that are owed or were not visible yet';
COMMENT ON COLUMN capi_cursor.request IS 'later requests may have dealt with ids that position and open do not know of';
COMMENT ON COLUMN capi_cursor.updated_at IS 'when the row was written';

-- Totals, written with the cursor. What happened after counted_at is found again in the tables.
CREATE TABLE capi_counter (
    dataset         integer     NOT NULL PRIMARY KEY,
    enqueued        bigint      NOT NULL,
    delivered       bigint      NOT NULL,
    dry_run         bigint      NOT NULL,
    parked          bigint      NOT NULL,
    expired         bigint      NOT NULL,
    requests        bigint      NOT NULL,
    retries         bigint      NOT NULL,
    bytes           bigint      NOT NULL,
    request_micros  bigint      NOT NULL,
    last_success_at timestamptz,
    counted_at      timestamptz NOT NULL
) USING heap;
COMMENT ON TABLE capi_counter IS 'totals of each dataset since it was registered, as of the cursor';
COMMENT ON COLUMN capi_counter.dataset IS 'capi_dataset.number; 0 = the dataset could not be told';
COMMENT ON COLUMN capi_counter.enqueued IS 'events enqueued';
COMMENT ON COLUMN capi_counter.delivered IS 'events that Meta has confirmed';
COMMENT ON COLUMN capi_counter.dry_run IS 'events that were settled without being sent';
COMMENT ON COLUMN capi_counter.parked IS 'events parked, when they were enqueued or later';
COMMENT ON COLUMN capi_counter.expired IS 'events expired';
COMMENT ON COLUMN capi_counter.requests IS 'requests that have ended';
COMMENT ON COLUMN capi_counter.retries IS 'of them: those whose events go again';
COMMENT ON COLUMN capi_counter.bytes IS 'bytes of request bodies; those of the last moments before a stop are missing';
COMMENT ON COLUMN capi_counter.request_micros IS 'time from sending to answer, summed over the requests';
COMMENT ON COLUMN capi_counter.last_success_at IS 'when Meta last confirmed a request';
COMMENT ON COLUMN capi_counter.counted_at IS 'the moment that the totals speak of';

-- Leads that capi_forget() has erased, so that they do not come back. What has not become visible
-- when a lead is erased, the shipper erases as soon as it is: unseen_from says from which id on.
CREATE TABLE capi_tombstone (
    lead         bytea       NOT NULL PRIMARY KEY,
    forgotten_at timestamptz NOT NULL,
    unseen_from  bigint,
    events       int8multirange
) USING heap;
COMMENT ON TABLE capi_tombstone IS 'leads that were forgotten and must not come back';
COMMENT ON COLUMN capi_tombstone.lead IS 'sha256(int8send(lead_id)): tells whether a lead was forgotten, not which ones were';
COMMENT ON COLUMN capi_tombstone.forgotten_at IS 'when capi_forget was last called for the lead';
COMMENT ON COLUMN capi_tombstone.unseen_from IS 'from this event id on there may be events that the erasing transaction did not see; NULL once the shipper has looked';
COMMENT ON COLUMN capi_tombstone.events IS 'ids of the erased events, until the shipper has dropped them';

-- Insert-only tables are analysed and vacuumed late by default; these settings keep visibility and
-- statistics near the truth. The cursor and the datasets are a few rows that change in place.
ALTER TABLE capi_event_log SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE capi_request_log SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE capi_cursor SET (fillfactor = 10);
ALTER TABLE capi_dataset SET (fillfactor = 50);
ALTER TABLE capi_counter SET (fillfactor = 20);

----------------------------------------------------------------------------------------------------
-- Enqueueing: the trigger, and the function for manual sends
----------------------------------------------------------------------------------------------------

-- No SET clause: this is called once per row of the CRM's statement. It looks nothing up by name
-- through search_path, so there is nothing to pin.
CREATE FUNCTION capi_lead_stage_trigger()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_lead_stage_trigger() IS
'AFTER INSERT OR UPDATE row trigger that enqueues lead-stage changes; arguments: lead_id column, stage column [, dataset [, event_time column [, lead_created_at column]]]';

-- What capi_watch attaches for expressions and options. It evaluates nothing that the table's owner has
-- not approved, so PUBLIC may call it: who creates a partition of a watched table must be able to.
CREATE FUNCTION capi_watch_trigger()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_watch_trigger() IS
'row trigger of watches with expressions or options; written by capi_watch only';

CREATE FUNCTION capi_send_lead_event(
    lead_id bigint,
    event_name text,
    event_time timestamptz DEFAULT now(),
    dataset name DEFAULT NULL,
    user_data jsonb DEFAULT NULL,
    custom_data jsonb DEFAULT NULL,
    lead_created_at timestamptz DEFAULT NULL,
    opt_out boolean DEFAULT NULL,
    data_processing_options jsonb DEFAULT NULL,
    data_processing_options_country integer DEFAULT NULL,
    data_processing_options_state integer DEFAULT NULL)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_send_lead_event(bigint, text, timestamptz, name, jsonb, jsonb, timestamptz, boolean, jsonb, integer, integer) IS
'validates and enqueues one lead-stage event and returns its id; needs USAGE on the dataset';

-- STABLE: the country tables of a library and the current year take part. They read nothing, and
-- PUBLIC may call them.
CREATE FUNCTION capi_normalize(field text, value text, default_country text DEFAULT NULL)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_normalize(text, text, text) IS
'value of a key of user_data in the form that is hashed or sent; NULL if an event would drop it';

CREATE FUNCTION capi_hash(field text, value text, default_country text DEFAULT NULL)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_hash(text, text, text) IS
'value of a key of user_data as Meta gets it: hashed, unless the key is one that is never hashed; NULL if an event would drop it';

----------------------------------------------------------------------------------------------------
-- Watches
----------------------------------------------------------------------------------------------------

-- Expressions run with the rights of the table's owner, but a trigger can be created by others and does
-- not remember by whom. Who approves of an expression approves of it on any table; the approval goes
-- with the last watch that uses it.
CREATE TABLE capi_watch_approval (
    owner       name        NOT NULL,
    digest      text        NOT NULL COLLATE "C",
    approved_at timestamptz NOT NULL,
    PRIMARY KEY (owner, digest)
) USING heap;
COMMENT ON TABLE capi_watch_approval IS 'arguments of watches that owners of tables have given to capi_watch';
COMMENT ON COLUMN capi_watch_approval.owner IS 'role whose rights the expressions use';
COMMENT ON COLUMN capi_watch_approval.digest IS 'SHA-256 of the arguments of the trigger';
COMMENT ON COLUMN capi_watch_approval.approved_at IS 'when capi_watch was called';

-- Never pruned: what is forgotten here would be sent again. A stage has several rows only if transactions
-- reached it at the same time; none waits for the other, and the shipper sends one of their events.
CREATE TABLE capi_reached_stage (
    lead_id    bigint      NOT NULL,
    event      bigint      NOT NULL,
    reached_at timestamptz NOT NULL,
    dataset_id text        NOT NULL COLLATE "C",
    event_name text        NOT NULL COLLATE "C",
    PRIMARY KEY (lead_id, dataset_id, event_name, event)
) USING heap;
COMMENT ON TABLE capi_reached_stage IS 'stages that leads have reached, of watches with repeat => first';
COMMENT ON COLUMN capi_reached_stage.lead_id IS 'lead id, as in capi_event_log';
COMMENT ON COLUMN capi_reached_stage.event IS 'capi_event_log.id of the event that reached it';
COMMENT ON COLUMN capi_reached_stage.reached_at IS 'when that was enqueued';
COMMENT ON COLUMN capi_reached_stage.dataset_id IS 'option dataset_id of the dataset: it outlives the server and the cluster';
COMMENT ON COLUMN capi_reached_stage.event_name IS 'stage, as it is sent';

CREATE FUNCTION capi_watch(
    target regclass,
    lead_id text,
    stage text,
    dataset name DEFAULT NULL,
    event_time text DEFAULT NULL,
    stage_map jsonb DEFAULT NULL,
    unmapped text DEFAULT 'send',
    lead_created_at text DEFAULT NULL,
    user_data jsonb DEFAULT NULL,
    custom_data jsonb DEFAULT NULL,
    condition text DEFAULT NULL,
    repeat text DEFAULT 'every',
    recheck boolean DEFAULT false,
    opt_out text DEFAULT NULL,
    data_processing_options text DEFAULT NULL,
    data_processing_options_country text DEFAULT NULL,
    data_processing_options_state text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_watch(regclass, text, text, name, text, jsonb, text, text, jsonb, jsonb, text, text, boolean, text, text, text, text) IS
'puts the trigger of a dataset on a CRM table; needs ownership of the table and USAGE on the dataset';

CREATE FUNCTION capi_unwatch(target regclass, dataset name DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_unwatch(regclass, name) IS
'takes the triggers of a dataset, or all of crm_capi, off a CRM table; needs ownership of the table';

-- The arguments of a trigger, split at the zero bytes that end them.
CREATE FUNCTION capi_trigger_arguments(trigger oid)
RETURNS text[]
LANGUAGE C STRICT STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_trigger_arguments(oid) IS 'arguments of a trigger as an array';

CREATE FUNCTION capi_watch_options(trigger oid)
RETURNS jsonb
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_watch_options(oid) IS
'options of a watch that its owner has approved; NULL for others';

CREATE FUNCTION capi_watch_problem(trigger oid)
RETURNS text
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_watch_problem(oid) IS
'what keeps a watch from working, found by preparing it anew; NULL if nothing does';

CREATE FUNCTION capi_zoneless_times(trigger oid)
RETURNS text
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_zoneless_times(oid) IS
'what a watch reads times from that have no time zone, and so takes as UTC; NULL if there is nothing of the kind';

CREATE VIEW capi_watches AS
SELECT t.tgrelid::regclass AS target,
       t.tgname AS trigger,
       nullif(a.arguments[3], '') AS dataset,
       a.arguments[1] AS lead_id,
       a.arguments[2] AS stage,
       nullif(a.arguments[4], '') AS event_time,
       nullif(a.arguments[5], '') AS lead_created_at,
       o.options -> 'stage_map' AS stage_map,
       coalesce(o.options ->> 'unmapped', 'send') AS unmapped,
       o.options -> 'user_data' AS user_data,
       o.options -> 'custom_data' AS custom_data,
       o.options -> 'consent' AS consent,
       o.options ->> 'condition' AS condition,
       coalesce(o.options ->> 'repeat', 'every') AS repeat,
       coalesce(o.options ->> 'recheck', 'false')::boolean AS recheck,
       t.tgenabled IN ('O', 'A') OR t.tgenabled = 'R' AND EXISTS (
           SELECT FROM pg_catalog.pg_subscription_rel r WHERE r.srrelid = t.tgrelid) AS enabled,
       @extschema@.capi_watch_problem(t.oid) AS problem
FROM pg_catalog.pg_trigger t
     JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
     JOIN pg_catalog.pg_depend d
       ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
     JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid AND x.extname = 'crm_capi',
     LATERAL (SELECT @extschema@.capi_trigger_arguments(t.oid)) a(arguments),
     LATERAL (SELECT @extschema@.capi_watch_options(t.oid)) o(options)
WHERE p.proname IN ('capi_lead_stage_trigger', 'capi_watch_trigger') AND t.tgparentid = 0;
COMMENT ON VIEW capi_watches IS 'tables whose lead-stage changes are enqueued, one row per trigger';
COMMENT ON COLUMN capi_watches.target IS 'watched table';
COMMENT ON COLUMN capi_watches.trigger IS 'name of the trigger, for ALTER TABLE ... DISABLE TRIGGER';
COMMENT ON COLUMN capi_watches.dataset IS 'dataset (foreign server) that the events go to; NULL if it was left out and there is only one';
COMMENT ON COLUMN capi_watches.lead_id IS 'column or expression over NEW with the lead id that Meta gave';
COMMENT ON COLUMN capi_watches.stage IS 'column or expression over NEW with the stage';
COMMENT ON COLUMN capi_watches.event_time IS 'column or expression with the time of the stage; NULL: the time of the change';
COMMENT ON COLUMN capi_watches.lead_created_at IS 'column or expression with the time at which the lead was created; NULL: not checked';
COMMENT ON COLUMN capi_watches.stage_map IS 'names under which stages are sent; NULL: under their own';
COMMENT ON COLUMN capi_watches.unmapped IS 'what becomes of a stage that is not in stage_map: send, skip or park';
COMMENT ON COLUMN capi_watches.user_data IS 'keys of user_data with the columns or expressions that fill them';
COMMENT ON COLUMN capi_watches.custom_data IS 'keys of custom_data with the columns or expressions that fill them';
COMMENT ON COLUMN capi_watches.consent IS 'opt_out and data_processing_options with the columns or expressions that fill them, in place of the options of the dataset';
COMMENT ON COLUMN capi_watches.condition IS 'expression over NEW; a row for which it is not true is left out';
COMMENT ON COLUMN capi_watches.repeat IS 'every: each time a lead reaches a stage; first: once for each stage of a lead';
COMMENT ON COLUMN capi_watches.recheck IS 'whether the condition is looked at once more just before an event is sent';
COMMENT ON COLUMN capi_watches.enabled IS 'whether the trigger fires; ENABLE REPLICA counts for tables that a subscription fills';
COMMENT ON COLUMN capi_watches.problem IS 'what keeps the watch from working, found by preparing it anew; NULL if nothing does';

----------------------------------------------------------------------------------------------------
-- Reading the queue
----------------------------------------------------------------------------------------------------

CREATE FUNCTION capi_reasons(OUT reason_code text, OUT reason text, OUT hint text)
RETURNS SETOF record
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 40
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_reasons() IS 'every reason code with its meaning and what to do about it';

-- No SET clause: views call it once per row.
CREATE FUNCTION capi_reason(reason_code text, detail text DEFAULT NULL)
RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_reason(text, text) IS 'meaning of a reason code, with its detail';

CREATE FUNCTION capi_payload(event_id bigint)
RETURNS jsonb
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_payload(bigint) IS 'an event exactly as it is, or would be, sent';
REVOKE ALL ON FUNCTION capi_payload(bigint) FROM PUBLIC;

CREATE FUNCTION capi_shipper_pid()
RETURNS integer
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_shipper_pid() IS
'process id of the shipper of this database; NULL if none is running';

CREATE FUNCTION capi_service(OUT state text, OUT waiting_since timestamptz, OUT settled boolean)
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_service() IS
'whether this database is served: running, resting, waiting, late or stopped; since when it waits for a worker; and whether its tables say all that the last shipper knew';

CREATE FUNCTION capi_slots(
    OUT slots integer, OUT running integer, OUT databases integer, OUT waiting integer,
    OUT waiting_since timestamptz)
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_slots() IS
'of the whole server: shippers there may be and there are, databases that take part, how many of them wait for a shipper, and since when the first does';

CREATE FUNCTION capi_stall(OUT since timestamptz, OUT waits_for text)
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_stall() IS
'since when the shipper of this database has not got on, and what it waits for; NULL if it gets on';

CREATE VIEW capi_requests AS
SELECT r.id,
       d.name AS dataset,
       r.started_at,
       r.finished_at,
       r.events::int8multirange AS events,
       r.event_count,
       coalesce(r.outcome, 'sending') AS outcome,
       r.http_status,
       r.events_received,
       r.error_code,
       r.error_subcode,
       @extschema@.capi_reason(r.reason_code, r.detail) AS reason,
       r.fbtrace_id
FROM @extschema@.capi_request_log r
     LEFT JOIN @extschema@.capi_dataset d ON d.number = r.dataset;
COMMENT ON VIEW capi_requests IS 'HTTP requests, one row per attempt';
COMMENT ON COLUMN capi_requests.id IS 'number of the request; capi_requests is ordered by it as requests were sent';
COMMENT ON COLUMN capi_requests.dataset IS 'dataset that the request went to';
COMMENT ON COLUMN capi_requests.started_at IS 'when the request was about to be sent';
COMMENT ON COLUMN capi_requests.finished_at IS 'when its answer was judged; NULL while it is under way';
COMMENT ON COLUMN capi_requests.events IS 'ids of the events in it; an event''s requests: WHERE events @> id';
COMMENT ON COLUMN capi_requests.event_count IS 'number of events in it';
COMMENT ON COLUMN capi_requests.outcome IS 'sending, delivered, dry_run, retry, slow_down, held, refused or in_doubt';
COMMENT ON COLUMN capi_requests.http_status IS 'HTTP status of the answer; NULL if none came';
COMMENT ON COLUMN capi_requests.events_received IS 'number of events that Meta says it received';
COMMENT ON COLUMN capi_requests.error_code IS 'error code given by Meta';
COMMENT ON COLUMN capi_requests.error_subcode IS 'error subcode given by Meta';
COMMENT ON COLUMN capi_requests.reason IS 'why it was not delivered, in words';
COMMENT ON COLUMN capi_requests.fbtrace_id IS 'trace id given by Meta, for its support';

-- What requests and settlements say of an event, in one place for the views that tell it. The first events of a query
-- are looked up one by one; for a query that asks for many, requests are read once, and settlements by blocks of ids
-- (src/pg/queue/event_lookup.hpp). No SET clause: they are called once per row. They ask for the right to read the views.
CREATE FUNCTION capi_event_status(event bigint, dataset integer)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_status(bigint, integer) IS
'state of an event, from its requests, its settlement and the health of its dataset';

CREATE FUNCTION capi_event_attempts(event bigint)
RETURNS integer
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_attempts(bigint) IS
'requests in which an event went, those to a held dataset not counted';

CREATE FUNCTION capi_event_reason_code(event bigint, dataset integer)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_reason_code(bigint, integer) IS
'why an event is not delivered, from its settlement, its dataset or its latest request; NULL if nothing says so';

CREATE FUNCTION capi_event_reason(event bigint, dataset integer)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_reason(bigint, integer) IS
'the same in words, with its detail';

CREATE FUNCTION capi_event_next_attempt_at(event bigint, dataset integer)
RETURNS timestamptz
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_next_attempt_at(bigint, integer) IS
'earliest moment of the next request with an event, if one is waited for';

CREATE FUNCTION capi_event_settled_at(event bigint)
RETURNS timestamptz
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_event_settled_at(bigint) IS
'when an event became final; NULL if it is owed';

CREATE FUNCTION capi_is_delivered(event bigint)
RETURNS boolean
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_is_delivered(bigint) IS
'whether Meta has an event, or a dry run has had it';

CREATE FUNCTION capi_latest_request(event bigint)
RETURNS bigint
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_latest_request(bigint) IS
'capi_request_log.id of the latest request with an event; NULL if it was in none';

-- What is settled is a part of the log, and a join would read all of it: its rows are looked up instead. Several processes
-- would look the same ones up, hence RESTRICTED.
CREATE FUNCTION capi_logged_name(event bigint)
RETURNS text
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_logged_name(bigint) IS 'stage of an event, from the log';

CREATE FUNCTION capi_logged_time(event bigint)
RETURNS timestamptz
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_logged_time(bigint) IS 'event time of an event, from the log';

CREATE FUNCTION capi_logged_enqueued_at(event bigint)
RETURNS timestamptz
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_logged_enqueued_at(bigint) IS 'when an event was queued, from the log';

-- Whatever is not asked for is not joined: each join is by a key, so the planner leaves it out. The second half of the
-- union is empty, as the planner finds out. It is there because ids are unique: of whatever is worked out from one, the
-- planner would expect a group for each event, and count them in one process without parallel ones. Of what comes out of
-- a union it expects a few groups.
CREATE VIEW capi_events AS
SELECT e.id,
       d.name AS dataset,
       @extschema@.capi_given_lead_id(e.lead_id) AS lead_id,
       e.event_name,
       e.event_time,
       e.enqueued_at,
       @extschema@.capi_event_status(e.id, e.dataset) AS status,
       @extschema@.capi_event_attempts(e.id) AS attempts,
       @extschema@.capi_event_reason_code(e.id, e.dataset) AS reason_code,
       @extschema@.capi_event_reason(e.id, e.dataset) AS reason,
       @extschema@.capi_event_next_attempt_at(e.id, e.dataset) AS next_attempt_at,
       CASE WHEN e.event_time < '294000-01-01 00:00:00+00' THEN e.event_time + interval '168 hours' END AS deadline,
       @extschema@.capi_event_settled_at(e.id) AS settled_at,
       r.http_status,
       r.fbtrace_id
FROM (SELECT l.id, l.dataset, l.lead_id, l.event_name, l.event_time, l.enqueued_at
      FROM @extschema@.capi_event_log l
      UNION ALL
      SELECT l.id, l.dataset, l.lead_id, l.event_name, l.event_time, l.enqueued_at
      FROM @extschema@.capi_event_log l WHERE false) e
     LEFT JOIN @extschema@.capi_dataset d ON d.number = e.dataset
     LEFT JOIN @extschema@.capi_request_log r ON r.id = @extschema@.capi_latest_request(e.id);
COMMENT ON VIEW capi_events IS 'events with their state: pending, sending, retry, held, in_doubt (owed) or delivered, dry_run, parked, expired, cancelled (final)';
COMMENT ON COLUMN capi_events.id IS 'number of the event; within a lead the order of sending';
COMMENT ON COLUMN capi_events.dataset IS 'dataset that the event is for; NULL if it could not be told';
COMMENT ON COLUMN capi_events.lead_id IS 'lead id given by Meta; NULL if there is none or it could not be read';
COMMENT ON COLUMN capi_events.event_name IS 'stage that the lead reached, as it is sent';
COMMENT ON COLUMN capi_events.event_time IS 'when the stage was reached; never altered';
COMMENT ON COLUMN capi_events.enqueued_at IS 'when the event was queued';
COMMENT ON COLUMN capi_events.status IS 'owed: pending, sending, retry, held, in_doubt; final: delivered, dry_run, parked, expired, cancelled';
COMMENT ON COLUMN capi_events.attempts IS 'requests in which the event went, those to a held dataset not counted';
COMMENT ON COLUMN capi_events.reason_code IS 'why it is not delivered; capi_reasons() explains each code';
COMMENT ON COLUMN capi_events.reason IS 'the same in words, with what the code leaves open';
COMMENT ON COLUMN capi_events.next_attempt_at IS 'earliest moment of the next request, if one is waited for';
COMMENT ON COLUMN capi_events.deadline IS 'when Meta will not take the event any more: seven days after event_time';
COMMENT ON COLUMN capi_events.settled_at IS 'when a final event became final';
COMMENT ON COLUMN capi_events.http_status IS 'HTTP status of the last request with the event';
COMMENT ON COLUMN capi_events.fbtrace_id IS 'trace id that Meta gave that request, for its support';

-- Owed events, found from the cursor on: the cost follows what is owed, not the history. It asks for the right to
-- read one of the views.
CREATE FUNCTION capi_owed_events(OUT event bigint, OUT dataset integer, OUT retried boolean)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_owed_events() IS 'ids of the events that are still owed to Meta, with the numbers of their datasets';

CREATE VIEW capi_owed AS
SELECT e.id, e.dataset, e.enqueued_at, e.event_time, e.lead_id, e.event_name, o.retried
FROM @extschema@.capi_owed_events() o JOIN @extschema@.capi_event_log e ON e.id = o.event;
COMMENT ON VIEW capi_owed IS 'events that are still owed to Meta';
COMMENT ON COLUMN capi_owed.id IS 'number of the event, as in capi_events';
COMMENT ON COLUMN capi_owed.dataset IS 'capi_dataset.number';
COMMENT ON COLUMN capi_owed.enqueued_at IS 'when the event was queued';
COMMENT ON COLUMN capi_owed.event_time IS 'when the stage was reached';
COMMENT ON COLUMN capi_owed.lead_id IS 'lead id given by Meta; negative if Meta gave none: then it keeps the events of one lead in order';
COMMENT ON COLUMN capi_owed.event_name IS 'stage that the lead reached';
COMMENT ON COLUMN capi_owed.retried IS 'whether capi_retry has owed it again';

-- The same columns for what is not plainly delivered, found from the settlements and from the cursor:
-- who looks for parked events does not read a history of millions for it. The two halves of the union are
-- plain, without a join and a condition, so that the planner reads the newest of both in their order; OFFSET 0 makes a
-- function, too, something that it can look events of a lead up in, and as a bigint it keeps no parallel plan away. What is settled has its state from there, what is owed from its requests; a settlement that came too late counts for nothing.
CREATE VIEW capi_undelivered AS
SELECT u.id,
       d.name AS dataset,
       @extschema@.capi_given_lead_id(e.lead_id) AS lead_id,
       @extschema@.capi_logged_name(u.id) AS event_name,
       @extschema@.capi_logged_time(u.id) AS event_time,
       @extschema@.capi_logged_enqueued_at(u.id) AS enqueued_at,
       coalesce(u.settled, @extschema@.capi_event_status(u.id, u.dataset)) AS status,
       @extschema@.capi_event_attempts(u.id) AS attempts,
       CASE WHEN u.settled IS NULL THEN @extschema@.capi_event_reason_code(u.id, u.dataset)
            ELSE u.reason_code
       END AS reason_code,
       CASE WHEN u.settled IS NULL THEN @extschema@.capi_event_reason(u.id, u.dataset)
            ELSE @extschema@.capi_reason(u.reason_code, u.detail)
       END AS reason,
       CASE WHEN u.settled IS NULL THEN @extschema@.capi_event_next_attempt_at(u.id, u.dataset)
       END AS next_attempt_at,
       CASE WHEN due.event_time < '294000-01-01 00:00:00+00' THEN due.event_time + interval '168 hours' END AS deadline,
       u.settled_at,
       r.http_status,
       r.fbtrace_id
FROM (SELECT s.event AS id, s.dataset, s.status AS settled, s.reason_code, s.detail, s.settled_at
      FROM @extschema@.capi_settlement s
      UNION ALL
      SELECT o.event, o.dataset, NULL, NULL, NULL, NULL
      FROM (SELECT w.event, w.dataset FROM @extschema@.capi_owed_events() w OFFSET bigint '0') o) u
     LEFT JOIN @extschema@.capi_event_log e ON e.id = u.id
     LEFT JOIN @extschema@.capi_dataset d ON d.number = u.dataset
     LEFT JOIN @extschema@.capi_request_log r ON r.id = @extschema@.capi_latest_request(u.id)
     CROSS JOIN LATERAL (SELECT @extschema@.capi_logged_time(u.id) AS event_time) due
WHERE u.settled IS NULL
      OR u.settled <> 'retry' AND NOT @extschema@.capi_is_delivered(u.id);
COMMENT ON VIEW capi_undelivered IS 'events that are owed, or ended otherwise than delivered; columns as in capi_events';
COMMENT ON COLUMN capi_undelivered.id IS 'number of the event; within a lead the order of sending';
COMMENT ON COLUMN capi_undelivered.dataset IS 'dataset that the event is for; NULL if it could not be told';
COMMENT ON COLUMN capi_undelivered.lead_id IS 'lead id given by Meta; NULL if there is none or it could not be read';
COMMENT ON COLUMN capi_undelivered.event_name IS 'stage that the lead reached, as it is sent';
COMMENT ON COLUMN capi_undelivered.event_time IS 'when the stage was reached; never altered';
COMMENT ON COLUMN capi_undelivered.enqueued_at IS 'when the event was queued';
COMMENT ON COLUMN capi_undelivered.status IS 'owed: pending, sending, retry, held, in_doubt; final: parked, expired, cancelled';
COMMENT ON COLUMN capi_undelivered.attempts IS 'requests in which the event went, those to a held dataset not counted';
COMMENT ON COLUMN capi_undelivered.reason_code IS 'why it is not delivered; capi_reasons() explains each code';
COMMENT ON COLUMN capi_undelivered.reason IS 'the same in words, with what the code leaves open';
COMMENT ON COLUMN capi_undelivered.next_attempt_at IS 'earliest moment of the next request, if one is waited for';
COMMENT ON COLUMN capi_undelivered.deadline IS 'when Meta will not take the event any more: seven days after event_time';
COMMENT ON COLUMN capi_undelivered.settled_at IS 'when a final event became final';
COMMENT ON COLUMN capi_undelivered.http_status IS 'HTTP status of the last request with the event';
COMMENT ON COLUMN capi_undelivered.fbtrace_id IS 'trace id that Meta gave that request, for its support';

-- What the shipper knows: owed events from shared memory, where one is running, else counted in the tables; totals
-- from there or, on 18, from the server's statistics. The functions ask for the right to read a view that calls them.
-- Counting is behind the function so that the plan of a view stays as cheap as what is mostly done.
CREATE FUNCTION capi_figures(
    OUT dataset integer, OUT owed bigint, OUT in_flight bigint, OUT in_doubt bigint,
    OUT oldest_owed_at timestamptz, OUT earliest_event_time timestamptz)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 5
SET search_path = pg_catalog, pg_temp
SET jit = off
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_figures() IS 'owed events of each dataset, as the running shipper has them, or else as the tables say';

CREATE FUNCTION capi_totals(
    number integer, OUT enqueued bigint, OUT delivered bigint, OUT dry_run bigint, OUT parked bigint,
    OUT expired bigint, OUT requests bigint, OUT retries bigint, OUT bytes bigint, OUT request_micros bigint,
    OUT last_success_at timestamptz)
RETURNS record
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_totals(integer) IS 'totals of a dataset, as a shipper has published them; NULL if none has';

CREATE FUNCTION capi_read_up_to()
RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_read_up_to() IS 'up to which event capi_figures() speaks of the log; NULL if no shipper is running';

CREATE VIEW capi_counters AS
SELECT d.name AS dataset,
       sum(coalesce(p.enqueued, t.enqueued))::bigint AS enqueued,
       sum(coalesce(p.delivered, t.delivered))::bigint AS delivered,
       sum(coalesce(p.dry_run, t.dry_run))::bigint AS dry_run,
       sum(coalesce(p.parked, t.parked))::bigint AS parked,
       sum(coalesce(p.expired, t.expired))::bigint AS expired,
       sum(coalesce(p.requests, t.requests))::bigint AS requests,
       sum(coalesce(p.retries, t.retries))::bigint AS retries,
       sum(coalesce(p.bytes, t.bytes))::bigint AS bytes,
       (sum(coalesce(p.request_micros, t.request_micros)) / 1000000.0)::double precision AS request_seconds,
       max(coalesce(p.last_success_at, t.last_success_at)) AS last_success_at
FROM @extschema@.capi_dataset d
     CROSS JOIN LATERAL @extschema@.capi_totals(d.number) p
     LEFT JOIN @extschema@.capi_counter t ON t.dataset = d.number AND p.enqueued IS NULL
WHERE coalesce(p.enqueued, t.enqueued) IS NOT NULL
GROUP BY d.name;
COMMENT ON VIEW capi_counters IS 'totals of each dataset since it was registered; they only grow';
COMMENT ON COLUMN capi_counters.dataset IS 'dataset';
COMMENT ON COLUMN capi_counters.enqueued IS 'events queued';
COMMENT ON COLUMN capi_counters.delivered IS 'events that Meta has confirmed';
COMMENT ON COLUMN capi_counters.dry_run IS 'events built and settled, and not sent';
COMMENT ON COLUMN capi_counters.parked IS 'events parked, when they were queued or later; whatever was decided about them afterwards';
COMMENT ON COLUMN capi_counters.expired IS 'events that were not delivered within seven days';
COMMENT ON COLUMN capi_counters.requests IS 'requests that have ended';
COMMENT ON COLUMN capi_counters.retries IS 'of them: those whose events go again';
COMMENT ON COLUMN capi_counters.bytes IS 'bytes of request bodies; those of the last moments before a stop are missing';
COMMENT ON COLUMN capi_counters.request_seconds IS 'time from sending to answer, summed over the requests';
COMMENT ON COLUMN capi_counters.last_success_at IS 'when Meta last confirmed a request';

-- Answered from shared memory and from small tables, however much is owed and however long the
-- history is. Without a shipper, or with very many datasets, what is owed is counted in the log.
CREATE FUNCTION capi_hold(dataset name, OUT reason_code text, OUT detail text)
RETURNS record
LANGUAGE C STRICT STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_hold(name) IS
'why nothing is sent to a dataset from this host and database: reason code and detail; NULL if it may be';

CREATE VIEW capi_status AS
WITH figures AS MATERIALIZED (
    SELECT f.dataset, f.owed, f.in_flight, f.in_doubt, f.oldest_owed_at, f.earliest_event_time
    FROM @extschema@.capi_figures() f
), known AS MATERIALIZED (
    SELECT @extschema@.capi_read_up_to() AS read_up_to
), owed AS (
    SELECT d.name,
           sum(w.owed)::bigint AS owed,
           sum(w.in_flight)::bigint AS in_flight,
           sum(w.in_doubt)::bigint AS in_doubt,
           min(w.oldest_owed_at) AS oldest_owed_at,
           min(CASE WHEN w.earliest_event_time < '294000-01-01 00:00:00+00'
                    THEN w.earliest_event_time + interval '168 hours' END) AS next_deadline
    FROM (SELECT figures.dataset, figures.owed, figures.in_flight, figures.in_doubt,
                 figures.oldest_owed_at, figures.earliest_event_time
          FROM figures
          UNION ALL
          -- Enqueued since the shipper looked. Of a range with two ends the planner expects little and
          -- takes the index; of one with a single end a third of the log, which it would read whole.
          SELECT e.dataset, 1, 0, 0, e.enqueued_at, e.event_time
          FROM @extschema@.capi_event_log e
          WHERE e.id BETWEEN (SELECT known.read_up_to + 1 FROM known) AND 9223372036854775807
                AND NOT e.parked) w
         JOIN @extschema@.capi_dataset d ON d.number = w.dataset
    GROUP BY d.name
), stall AS MATERIALIZED (
    SELECT t.since, t.waits_for, v.state IN ('late', 'stopped') AS is_stopped, v.waiting_since
    FROM @extschema@.capi_stall() t, @extschema@.capi_service() v
), settled AS (
    SELECT d.name,
           count(*) FILTER (WHERE u.status = 'parked') AS parked,
           count(*) FILTER (WHERE u.status = 'expired') AS expired
    FROM @extschema@.capi_settlement u JOIN @extschema@.capi_dataset d ON d.number = u.dataset
    GROUP BY d.name
), dataset AS (
    -- servers of our wrapper, and servers that are gone while something is owed to them
    SELECT f.srvname AS name
    FROM pg_catalog.pg_foreign_server f
         JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = f.srvfdw
    WHERE w.fdwname = 'crm_capi'
    UNION
    SELECT owed.name FROM owed WHERE owed.owed > 0
)
SELECT s.name AS dataset,
       CASE WHEN stall.is_stopped THEN 'stopped'
            WHEN stall.since IS NOT NULL THEN 'stalled'
            WHEN h.reason_code IS NOT NULL THEN 'held'
            ELSE coalesce(d.health, 'ok')
       END AS health,
       CASE WHEN stall.is_stopped AND stall.waiting_since IS NOT NULL
            THEN 'more databases have something to send than there are shippers: this one waits'
            WHEN stall.is_stopped THEN 'no shipper is running in this database'
            WHEN stall.since IS NOT NULL THEN @extschema@.capi_reason('stalled', stall.waits_for)
            WHEN h.reason_code IS NOT NULL
            THEN @extschema@.capi_reason(h.reason_code, h.detail)
            ELSE @extschema@.capi_reason(d.reason_code, d.detail)
       END AS reason,
       coalesce(owed.owed, 0) AS owed,
       coalesce(owed.in_flight, 0) AS in_flight,
       coalesce(c.delivered, 0) AS delivered,
       coalesce(t.parked, 0) AS parked,
       coalesce(t.expired, 0) AS expired,
       coalesce(owed.in_doubt, 0) AS in_doubt,
       owed.oldest_owed_at,
       owed.next_deadline,
       c.last_success_at,
       e.last_error_at,
       e.last_error
FROM dataset s
     CROSS JOIN LATERAL @extschema@.capi_hold(s.name) h
     CROSS JOIN stall
     LEFT JOIN owed ON owed.name = s.name
     LEFT JOIN @extschema@.capi_counters c ON c.dataset = s.name
     LEFT JOIN settled t ON t.name = s.name
     LEFT JOIN LATERAL (
         SELECT k.health, k.reason_code, k.detail
         FROM @extschema@.capi_dataset k
         WHERE k.name = s.name ORDER BY k.health_since DESC, k.number LIMIT 1) d ON true
     LEFT JOIN LATERAL (
         SELECT q.finished_at AS last_error_at,
                @extschema@.capi_reason(q.reason_code, q.detail) AS last_error
         FROM @extschema@.capi_dataset k,
              LATERAL (SELECT r.id, r.finished_at, r.reason_code, r.detail
                       FROM @extschema@.capi_request_log r
                       WHERE r.dataset = k.number AND r.reason_code IS NOT NULL
                       ORDER BY r.id DESC LIMIT 1) q
         WHERE k.name = s.name
         ORDER BY q.id DESC LIMIT 1) e ON true;
COMMENT ON VIEW capi_status IS 'datasets with their health and counts; health is ok, slowed, retrying, held, paused, stalled or stopped';
COMMENT ON COLUMN capi_status.dataset IS 'dataset (foreign server)';
COMMENT ON COLUMN capi_status.health IS 'ok, slowed, retrying, held, paused, stalled or stopped; the runbook says what each needs';
COMMENT ON COLUMN capi_status.reason IS 'why it is not ok, in words';
COMMENT ON COLUMN capi_status.owed IS 'events that are not final: they wait, or are under way';
COMMENT ON COLUMN capi_status.in_flight IS 'of them: events in requests that are under way';
COMMENT ON COLUMN capi_status.delivered IS 'events that Meta has confirmed since the dataset was registered';
COMMENT ON COLUMN capi_status.parked IS 'events that cannot be sent and that nobody has decided about';
COMMENT ON COLUMN capi_status.expired IS 'events that were not delivered within seven days';
COMMENT ON COLUMN capi_status.in_doubt IS 'owed events that may have arrived: they go again with the same event_id';
COMMENT ON COLUMN capi_status.oldest_owed_at IS 'when the oldest owed event was queued';
COMMENT ON COLUMN capi_status.next_deadline IS 'when the first owed event will expire';
COMMENT ON COLUMN capi_status.last_success_at IS 'when Meta last confirmed a request';
COMMENT ON COLUMN capi_status.last_error_at IS 'when a request last failed';
COMMENT ON COLUMN capi_status.last_error IS 'why it failed, in words';

----------------------------------------------------------------------------------------------------
-- Deciding
----------------------------------------------------------------------------------------------------

CREATE FUNCTION capi_pause(dataset name)
RETURNS void
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_pause(name) IS 'stops sending to a dataset; its events stay owed';
REVOKE ALL ON FUNCTION capi_pause(name) FROM PUBLIC;

CREATE FUNCTION capi_resume(dataset name)
RETURNS void
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_resume(name) IS
'continues sending to a dataset at once, also to one that is held because the database is a copy';
REVOKE ALL ON FUNCTION capi_resume(name) FROM PUBLIC;

CREATE FUNCTION capi_resume()
RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_resume_all';
COMMENT ON FUNCTION capi_resume() IS
'the same for every dataset of this database; returns how many there are';
REVOKE ALL ON FUNCTION capi_resume() FROM PUBLIC;

CREATE FUNCTION capi_retry(event_ids bigint[])
RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '64MB' -- ids by the hundred thousand are sorted in memory
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_retry(bigint[]) IS
'owes parked, expired or cancelled events again, if they can still be sent; what was parked when it was queued is judged again by its row and the watch as they are now; returns how many are owed';
REVOKE ALL ON FUNCTION capi_retry(bigint[]) FROM PUBLIC;

CREATE FUNCTION capi_cancel(event_ids bigint[])
RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '64MB' -- ids by the hundred thousand are sorted in memory
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_cancel(bigint[]) IS
'cancels owed events that are not being sent at the moment, and gives up parked ones; returns how many';
REVOKE ALL ON FUNCTION capi_cancel(bigint[]) FROM PUBLIC;

CREATE FUNCTION capi_cancel(dataset name)
RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '64MB' -- ids by the hundred thousand are sorted in memory
AS 'MODULE_PATHNAME', 'capi_cancel_dataset';
COMMENT ON FUNCTION capi_cancel(name) IS
'cancels every owed event of a dataset that is not being sent at the moment; returns how many';
REVOKE ALL ON FUNCTION capi_cancel(name) FROM PUBLIC;

----------------------------------------------------------------------------------------------------
-- History
----------------------------------------------------------------------------------------------------

CREATE FUNCTION capi_backfill(
    target regclass,
    since interval DEFAULT '7 days',
    dry_run boolean DEFAULT true,
    resend boolean DEFAULT false)
RETURNS TABLE (
    dataset name,
    lead_id bigint,
    event_name text,
    event_time timestamptz,
    action text,
    reason_code text,
    event_id bigint,
    known_name text,
    known_time timestamptz)
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_backfill(regclass, interval, boolean, boolean) IS
'enqueues what the watches of a table would have sent and the queue does not know, or tells what that is; with resend also stages that it knows at another time or under another name; needs ownership of the table and USAGE on the dataset';

----------------------------------------------------------------------------------------------------
-- Forgetting
----------------------------------------------------------------------------------------------------

CREATE FUNCTION capi_forget(lead_id bigint)
RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_forget(bigint) IS
'erases a lead from queue and history for good and returns how many events that were; what is being sent cannot be taken back';
REVOKE ALL ON FUNCTION capi_forget(bigint) FROM PUBLIC;

CREATE FUNCTION capi_forget(lead_key text)
RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_forget_key';
COMMENT ON FUNCTION capi_forget(text) IS
'the same for a lead as the lead_id of a watch names it: the id that Meta gave, or the own key of the CRM';
REVOKE ALL ON FUNCTION capi_forget(text) FROM PUBLIC;

----------------------------------------------------------------------------------------------------
-- Trying and checking
----------------------------------------------------------------------------------------------------

CREATE FUNCTION capi_send_test_event(
    lead_id bigint,
    test_event_code text,
    dataset name DEFAULT NULL,
    event_name text DEFAULT 'initial_lead')
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_send_test_event(bigint, text, name, text) IS
'sends one event to the test page of Events Manager, now, and returns the answer; needs USAGE on the dataset';

CREATE FUNCTION capi_check(send boolean DEFAULT false)
RETURNS TABLE (subject text, check_name text, status text, detail text, hint text)
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
SET jit = off -- what it would compile runs once
SET work_mem = '32MB' -- the latest events are sorted in memory, several times
SET lock_timeout = '1s' -- rather no answer than none for as long as a migration takes
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_check(boolean) IS
'the doctor: server, datasets, endpoints, funnel and watches, one row per check; with send, Meta is also asked whether it takes the token';
REVOKE ALL ON FUNCTION capi_check(boolean) FROM PUBLIC;

-- One pass over the log; it asks for the right to read the view.
CREATE FUNCTION capi_stage_counts(
    OUT dataset name, OUT event_name text, OUT day date, OUT leads bigint, OUT events bigint, OUT delivered bigint,
    OUT leads_delivered bigint, OUT first_at timestamptz, OUT last_at timestamptz)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_stage_counts() IS 'leads and events of each dataset, stage and day, for capi_stage_coverage';

CREATE VIEW capi_stage_coverage AS
SELECT c.dataset, c.event_name, c.day, c.leads, c.events, c.delivered, c.leads_delivered, c.first_at, c.last_at
FROM @extschema@.capi_stage_counts() c;
COMMENT ON VIEW capi_stage_coverage IS
'the funnel, as far as history is kept: leads and events per dataset, stage and day (UTC) of the event time';
COMMENT ON COLUMN capi_stage_coverage.dataset IS 'dataset; NULL for events whose dataset could not be told';
COMMENT ON COLUMN capi_stage_coverage.event_name IS 'stage, as it is sent';
COMMENT ON COLUMN capi_stage_coverage.day IS 'day (UTC) of the event time';
COMMENT ON COLUMN capi_stage_coverage.leads IS 'leads that reached the stage on that day';
COMMENT ON COLUMN capi_stage_coverage.events IS 'events of the stage on that day';
COMMENT ON COLUMN capi_stage_coverage.delivered IS 'events that Meta has confirmed';
COMMENT ON COLUMN capi_stage_coverage.leads_delivered IS 'leads with a confirmed event';
COMMENT ON COLUMN capi_stage_coverage.first_at IS 'earliest event time';
COMMENT ON COLUMN capi_stage_coverage.last_at IS 'latest event time';

----------------------------------------------------------------------------------------------------
-- Dumps
----------------------------------------------------------------------------------------------------

-- A dump carries the queue; the identity in capi_dataset, beside the option "origin" of the server,
-- keeps a restored copy from sending.
--
-- Whoever owns the database dumps and restores it, too, and may not read or write the queue. But pg_dump
-- reads and locks what an extension has marked whoever it runs as, and an error there ends the dump;
-- views it does not read at all. So each table has a door: a table with its columns in which nothing
-- ever lies. The doors are marked. What stands beside them in pg_extension is pasted behind their
-- names, and brings rows from a function that looks at the rights of its caller on the table itself:
-- who has none gets none. What is restored goes to the door, where a trigger puts it into the table,
-- likewise. Conditions are text, and the schema may be renamed: hence functions in pg_catalog, which
-- know their door by the type of their rows. A table is read in stripes, so that the server keeps one
-- of them at a time and never a whole queue.
--
-- Sequences are not marked: nobody needs their values. The first number that a process takes is held
-- against the tables (src/pg/catalog/numbers.cpp).
CREATE FUNCTION capi_restore_row()
RETURNS trigger
LANGUAGE C
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_restore_row() IS
'puts what is restored through a door into its table, for roles that may insert there; an approval also for a role that could approve itself';
REVOKE ALL ON FUNCTION capi_restore_row() FROM PUBLIC;

CREATE FUNCTION capi_restore_rows()
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_restore_rows() IS
'puts rows into their tables that pg_restore --disable-triggers has left in the doors for dumps; returns how many';
REVOKE ALL ON FUNCTION capi_restore_rows() FROM PUBLIC;

CREATE TABLE capi_dumped_dataset (LIKE capi_dataset INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_dataset IS 'door for dumps of capi_dataset: always empty';
GRANT SELECT ON capi_dumped_dataset TO PUBLIC;
GRANT INSERT ON capi_dumped_dataset TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_dataset(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_dataset
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_dataset(integer, integer) IS 'datasets, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_dataset FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_dataset ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_dataset',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_dataset(s, 1000) AS d');

CREATE TABLE capi_dumped_event_log (LIKE capi_event_log INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_event_log IS 'door for dumps of capi_event_log: always empty';
GRANT SELECT ON capi_dumped_event_log TO PUBLIC;
GRANT INSERT ON capi_dumped_event_log TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_event_log(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_event_log
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_event_log(integer, integer) IS 'events, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_event_log FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_event_log ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_event_log',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_event_log(s, 1000) AS d');

CREATE TABLE capi_dumped_settlement (LIKE capi_settlement INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_settlement IS 'door for dumps of capi_settlement: always empty';
GRANT SELECT ON capi_dumped_settlement TO PUBLIC;
GRANT INSERT ON capi_dumped_settlement TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_settlement(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_settlement
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_settlement(integer, integer) IS 'settlements, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_settlement FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_settlement ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_settlement',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_settlement(s, 1000) AS d');

CREATE TABLE capi_dumped_request_log (LIKE capi_request_log INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_request_log IS 'door for dumps of capi_request_log: always empty';
GRANT SELECT ON capi_dumped_request_log TO PUBLIC;
GRANT INSERT ON capi_dumped_request_log TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_request_log(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_request_log
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_request_log(integer, integer) IS 'requests, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_request_log FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_request_log ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_request_log',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_request_log(s, 1000) AS d');

CREATE TABLE capi_dumped_cursor (LIKE capi_cursor INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_cursor IS 'door for dumps of capi_cursor: always empty';
GRANT SELECT ON capi_dumped_cursor TO PUBLIC;
GRANT INSERT ON capi_dumped_cursor TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_cursor(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_cursor
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_cursor(integer, integer) IS 'the cursor, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_cursor FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_cursor ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_cursor',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_cursor(s, 1000) AS d');

CREATE TABLE capi_dumped_counter (LIKE capi_counter INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_counter IS 'door for dumps of capi_counter: always empty';
GRANT SELECT ON capi_dumped_counter TO PUBLIC;
GRANT INSERT ON capi_dumped_counter TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_counter(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_counter
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_counter(integer, integer) IS 'totals, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_counter FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_counter ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_counter',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_counter(s, 1000) AS d');

CREATE TABLE capi_dumped_tombstone (LIKE capi_tombstone INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_tombstone IS 'door for dumps of capi_tombstone: always empty';
GRANT SELECT ON capi_dumped_tombstone TO PUBLIC;
GRANT INSERT ON capi_dumped_tombstone TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_tombstone(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_tombstone
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_tombstone(integer, integer) IS 'tombstones, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_tombstone FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_tombstone ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_tombstone',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_tombstone(s, 1000) AS d');

CREATE TABLE capi_dumped_watch_approval (LIKE capi_watch_approval INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_watch_approval IS 'door for dumps of capi_watch_approval: always empty';
GRANT SELECT ON capi_dumped_watch_approval TO PUBLIC;
GRANT INSERT ON capi_dumped_watch_approval TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_watch_approval(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_watch_approval
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_watch_approval(integer, integer) IS 'approvals of watches, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_watch_approval FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_watch_approval ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_watch_approval',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_watch_approval(s, 1000) AS d');

CREATE TABLE capi_dumped_reached_stage (LIKE capi_reached_stage INCLUDING COMMENTS) USING heap;
COMMENT ON TABLE capi_dumped_reached_stage IS 'door for dumps of capi_reached_stage: always empty';
GRANT SELECT ON capi_dumped_reached_stage TO PUBLIC;
GRANT INSERT ON capi_dumped_reached_stage TO pg_database_owner;
CREATE FUNCTION pg_catalog.capi_dumped_reached_stage(stripe integer, stripes integer)
RETURNS SETOF @extschema@.capi_dumped_reached_stage
LANGUAGE C STRICT STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'capi_dumped_rows';
COMMENT ON FUNCTION pg_catalog.capi_dumped_reached_stage(integer, integer) IS 'reached stages, as a dump by the current user carries them';
CREATE TRIGGER capi_restore BEFORE INSERT ON capi_dumped_reached_stage FOR EACH ROW EXECUTE FUNCTION @extschema@.capi_restore_row();
ALTER TABLE capi_dumped_reached_stage ENABLE ALWAYS TRIGGER capi_restore;
SELECT pg_catalog.pg_extension_config_dump('capi_dumped_reached_stage',
    'UNION ALL SELECT d.* FROM pg_catalog.generate_series(0, 999) AS s, LATERAL pg_catalog.capi_dumped_reached_stage(s, 1000) AS d');

-- pg_dump writes the comment of an extension, and only the owner of the extension may set one: that
-- statement alone would let every restore by another role end with an error.
COMMENT ON EXTENSION crm_capi IS NULL;

----------------------------------------------------------------------------------------------------
-- Starting the shipper
----------------------------------------------------------------------------------------------------

-- The launcher is connected to no database, so it has to be told that this one now has the extension.
CREATE FUNCTION capi_wake()
RETURNS void
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION capi_wake() IS
'wakes launcher and shipper when the transaction commits; they also wake by themselves';

SELECT @extschema@.capi_wake();
