-- What capi_check tells of where events come from: copied records, rounded lead ids, a table that was swapped by
-- rename, a trigger that fires for replication only. The CRM's tables are neither read nor waited for.
\i test/sql/include/preamble.sql
\pset null '(null)'

CREATE SERVER sources FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', endpoint 'https://127.0.0.1:9', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER sources OPTIONS (access_token 'token');
CREATE FUNCTION pg_temp.told(checked text) RETURNS TABLE (subject text, status text, detail text, hint text) LANGUAGE sql AS
$$ SELECT c.subject, c.status, c.detail, c.hint FROM capi_check() c
   WHERE c.check_name = checked AND c.subject IN ('sources', 'public.leads', 'public.leads_new', 'public.leads_old', 'public."Leads 2"') ORDER BY c.subject COLLATE "C" $$;

-- Copies: one lead id in three rows; the same stages one after another are none
CREATE TABLE leads (id integer PRIMARY KEY, fb bigint, stage text);
SELECT capi_watch('leads', 'fb', 'stage', 'sources');
INSERT INTO leads SELECT i, 1234567890123450 + i, 'new' FROM generate_series(1, 30) i;
UPDATE leads SET stage = 'qualified';
UPDATE leads SET stage = 'new' WHERE id = 1;
SELECT * FROM pg_temp.told('lead_copies');
INSERT INTO leads SELECT 100 + i, 1234567890123451, 'new' FROM generate_series(1, 3) i;
SELECT * FROM pg_temp.told('lead_copies');

-- Rounded: zeros behind the 15th digit; one id in ten has them by chance
SELECT * FROM pg_temp.told('rounded_lead_ids');
INSERT INTO leads SELECT 200 + i, 55000000000000000 + i * 100, 'new' FROM generate_series(1, 40) i;
SELECT * FROM pg_temp.told('rounded_lead_ids');

-- A trigger that replication alone fires
SELECT enabled FROM capi_watches WHERE target = 'leads'::regclass;
SELECT * FROM pg_temp.told('watch');
ALTER TABLE leads ENABLE REPLICA TRIGGER capi_watch_sources;
SELECT enabled FROM capi_watches WHERE target = 'leads'::regclass;
SELECT * FROM pg_temp.told('watch');
ALTER TABLE leads ENABLE ALWAYS TRIGGER capi_watch_sources;
SELECT enabled FROM capi_watches WHERE target = 'leads'::regclass;
ALTER TABLE leads DISABLE TRIGGER capi_watch_sources;
SELECT * FROM pg_temp.told('watch');
ALTER TABLE leads ENABLE TRIGGER capi_watch_sources;

-- A table that was swapped by rename: the watch stays with the old one
CREATE TABLE leads_new (LIKE leads INCLUDING ALL);
ALTER TABLE leads RENAME TO leads_old;
SELECT * FROM pg_temp.told('watch'); -- renamed and nothing else
ALTER TABLE leads_new RENAME TO leads;
SELECT * FROM pg_temp.told('watch');
SELECT capi_unwatch('leads_old');
SELECT capi_watch('leads', 'fb', 'stage', 'sources');
SELECT * FROM pg_temp.told('watch');
-- names that want quotes; and another table that is watched as well is none
ALTER TABLE leads RENAME TO "Leads 2";
CREATE TABLE leads (LIKE "Leads 2" INCLUDING ALL);
SELECT capi_watch('leads', 'fb', 'stage', 'sources');
SELECT * FROM pg_temp.told('watch');
DROP TABLE leads, leads_old, "Leads 2";
-- A trigger that was made by hand is known for its table, too; one that has a comment keeps it
CREATE TABLE leads (id integer PRIMARY KEY, fb bigint, stage text);
CREATE TRIGGER by_hand AFTER INSERT OR UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('fb', 'stage', 'sources');
CREATE TABLE leads_new (LIKE leads INCLUDING ALL);
ALTER TABLE leads RENAME TO leads_old;
CREATE OR REPLACE TRIGGER by_hand AFTER INSERT OR UPDATE ON leads_old FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('fb', 'stage', 'sources');
SELECT * FROM pg_temp.told('watch');
ALTER TABLE leads_new RENAME TO leads;
SELECT * FROM pg_temp.told('watch');
-- and nobody else's trigger gets one
CREATE TRIGGER other BEFORE UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT tgname, obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE tgname IN ('by_hand', 'other') ORDER BY tgname;
DROP TABLE leads, leads_old;
SELECT capi_cancel('sources') > 0 AS cancelled;
DROP SERVER sources CASCADE;
