-- capi_watch(), capi_unwatch() and capi_watches. The datasets are paused: nothing is sent.
\i test/sql/include/preamble.sql

CREATE TABLE leads (id int PRIMARY KEY, fb_lead_id bigint, status text, changed_at timestamptz,
                    created timestamp, day date, seconds bigint, "Odd ""col" text);

-- There must be a dataset
SELECT capi_watch('leads', 'fb_lead_id', 'status');

CREATE SERVER watch_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');

--
-- The four lines of the README
--
SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status');
\d leads
SELECT * FROM capi_watches;
INSERT INTO leads VALUES (1, 123456789012345, 'initial_lead');
UPDATE leads SET status = 'qualified';
SELECT dataset, lead_id, event_name FROM capi_events WHERE id > :before ORDER BY id;

-- One watch per table and dataset
SELECT capi_watch('leads', 'fb_lead_id', 'status');
\echo :SQLSTATE

-- With two datasets one has to be named
CREATE SERVER "Watch ""2""" FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'SAP', mode 'paused');
CREATE TABLE others (lead text, stage text);
SELECT capi_watch('others', 'lead', 'stage');
\echo :SQLSTATE
SELECT capi_watch('leads', 'fb_lead_id', 'Odd "col', dataset => 'Watch "2"', event_time => 'changed_at',
                  lead_created_at => 'created');
SELECT * FROM capi_watches ORDER BY target::text COLLATE "C", trigger COLLATE "C";
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'leads'::regclass ORDER BY tgname COLLATE "C";
SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
INSERT INTO leads (id, fb_lead_id, status, changed_at, "Odd ""col") VALUES (2, 222222222222222, 'first', now(), 'second');
UPDATE leads SET status = 'only first' WHERE id = 2;
SELECT dataset, lead_id, event_name FROM capi_events WHERE id > :before ORDER BY id;

-- A trigger that is switched off shows
ALTER TABLE leads DISABLE TRIGGER capi_watch_watch_dataset;
SELECT target, dataset, enabled FROM capi_watches ORDER BY dataset COLLATE "C";

-- All of them go at once; what is enqueued stays
SELECT capi_unwatch('leads');
SELECT * FROM capi_watches;
UPDATE leads SET status = 'unseen', "Odd ""col" = 'unseen';
SELECT count(*) FROM capi_events WHERE id > :before;
SELECT capi_unwatch('leads');
\echo :SQLSTATE

-- Column names that only differ in case, and a table off the search path
CREATE SCHEMA "Crm";
CREATE TABLE "Crm"."Leads" ("Lead" bigint, lead text, "Stage" text);
SELECT capi_watch('"Crm"."Leads"', 'Lead', 'Stage', 'watch_dataset');
SELECT target, lead_id, stage FROM capi_watches;
INSERT INTO "Crm"."Leads" VALUES (333333333333333, 'no', 'quoted');
SELECT lead_id, event_name FROM capi_events ORDER BY id DESC LIMIT 1;
SELECT capi_unwatch('"Crm"."Leads"');
DROP SCHEMA "Crm" CASCADE;

-- A hand-made trigger is listed and taken off as well
CREATE TRIGGER by_hand AFTER UPDATE ON others FOR EACH ROW
    EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage');
SELECT * FROM capi_watches;
SELECT capi_unwatch('others');
SELECT * FROM capi_watches;

-- Partitioned tables are one watch, which covers partitions that come later
CREATE TABLE parts (lead bigint, stage text, region text) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
SELECT capi_watch('parts', 'lead', 'stage', 'watch_dataset');
CREATE TABLE parts_us PARTITION OF parts FOR VALUES IN ('us');
SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
INSERT INTO parts VALUES (444444444444444, 'in eu', 'eu'), (444444444444445, 'in us', 'us');
SELECT lead_id, event_name FROM capi_events WHERE id > :before ORDER BY id;
SELECT target, dataset FROM capi_watches;
SELECT capi_unwatch('parts_eu');
SELECT capi_unwatch('parts');
SELECT * FROM capi_watches;
DROP TABLE parts;

-- Watching is part of the transaction
BEGIN;
SELECT capi_watch('others', 'lead', 'stage', 'watch_dataset');
ROLLBACK;
SELECT * FROM capi_watches;

--
-- What is refused, with SQLSTATE, detail and hint
--
CREATE VIEW leads_view AS SELECT * FROM leads;
CREATE MATERIALIZED VIEW leads_matview AS SELECT * FROM leads;
CREATE SEQUENCE leads_sequence;
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n'
SELECT '* ' || arguments, pg_temp.attempt('SELECT capi_watch(' || arguments || ')')
FROM (VALUES
    (101, '''leads'', NULL, ''status'', ''watch_dataset'''),
    (102, '''leads'', '''', ''status'', ''watch_dataset'''),
    (103, '''leads'', ''fb_lead_id'', NULL, ''watch_dataset'''),
    (104, 'NULL, ''fb_lead_id'', ''status'', ''watch_dataset'''),
    (201, '''no_leads'', ''fb_lead_id'', ''status'', ''watch_dataset'''),
    (202, '''leads_view'', ''fb_lead_id'', ''status'', ''watch_dataset'''),
    (203, '''leads_matview'', ''fb_lead_id'', ''status'', ''watch_dataset'''),
    (204, '''leads_sequence'', ''fb_lead_id'', ''status'', ''watch_dataset'''),
    (205, '''leads_pkey'', ''fb_lead_id'', ''status'', ''watch_dataset'''),
    (301, '''leads'', ''lead'', ''status'', ''watch_dataset'''),
    (302, '''leads'', ''fb_lead_id'', ''STATUS'', ''watch_dataset'''),
    (303, '''leads'', ''ctid'', ''status'', ''watch_dataset'''),
    (304, '''leads'', ''fb_lead_id'', ''upper(status)'', ''watch_dataset'''),
    (305, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', event_time => ''when'''),
    (306, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', event_time => ''status'''),
    (307, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', lead_created_at => ''status'''),
    (308, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', lead_created_at => ''when'''),
    (401, '''leads'', ''fb_lead_id'', ''status'', ''no_dataset'''),
    (501, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', stage_map => ''{}'''),
    (502, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', unmapped => ''skip'''),
    (503, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', unmapped => NULL'),
    (504, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', user_data => ''{}'''),
    (505, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', custom_data => ''{}'''),
    (506, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', condition => ''status'''),
    (507, '''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', repeat => ''once''')) AS v(n, arguments)
ORDER BY n;
SELECT pg_temp.attempt($$SELECT capi_unwatch('leads_view')$$);
SELECT capi_unwatch(NULL) IS NULL AS null_is_nothing;
-- each kind of time column is accepted
SELECT pg_temp.attempt(format('SELECT capi_watch(''leads'', ''fb_lead_id'', ''status'', ''watch_dataset'', event_time => %L);
    SELECT capi_unwatch(''leads'')', name))
FROM unnest(ARRAY['changed_at', 'created', 'day', 'seconds']) AS name;
\pset tuples_only off
\pset format aligned
\pset fieldsep '|'
SELECT * FROM capi_watches;

--
-- Rights: ownership of the table and USAGE on the dataset
--
CREATE ROLE regress_capi_crm;
CREATE ROLE regress_capi_stranger;
ALTER TABLE leads OWNER TO regress_capi_crm;
GRANT USAGE ON FOREIGN SERVER watch_dataset TO regress_capi_stranger;
GRANT ALL ON leads TO regress_capi_stranger;
SET ROLE regress_capi_crm;
SELECT capi_watch('leads', 'fb_lead_id', 'status', 'watch_dataset');
\echo :SQLSTATE
SET ROLE regress_capi_stranger;
SELECT capi_watch('leads', 'fb_lead_id', 'status', 'watch_dataset');
\echo :SQLSTATE
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER watch_dataset TO regress_capi_crm;
SET ROLE regress_capi_crm;
SELECT capi_watch('leads', 'fb_lead_id', 'status', 'watch_dataset');
SET ROLE regress_capi_stranger;
SELECT capi_unwatch('leads');
\echo :SQLSTATE
SET ROLE regress_capi_crm;
SELECT capi_unwatch('leads');
RESET ROLE;

DROP VIEW leads_view;
DROP MATERIALIZED VIEW leads_matview;
DROP TABLE leads, others;
DROP SEQUENCE leads_sequence;
DROP SERVER watch_dataset, "Watch ""2""";
DROP ROLE regress_capi_crm, regress_capi_stranger;
