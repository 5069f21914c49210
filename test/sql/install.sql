-- What CREATE EXTENSION makes, in which schemas it can live, and that DROP EXTENSION leaves nothing behind.
\i test/sql/include/preamble.sql

--
-- The objects. Row types are left out: only from 17 on they count as members of their own.
--
CREATE TEMP VIEW members AS
SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND x.extname = 'crm_capi'
      AND d.classid <> 'pg_type'::regclass;
SELECT pg_describe_object(classid, objid, 0) AS object FROM members
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

-- Each has a comment, and so has each column of our tables and views
SELECT pg_describe_object(classid, objid, 0) AS uncommented FROM members
WHERE obj_description(objid, classid::regclass::name) IS NULL;
SELECT a.attrelid::regclass AS in_relation, a.attname AS uncommented
FROM members m JOIN pg_class c ON c.oid = m.objid JOIN pg_attribute a ON a.attrelid = c.oid
WHERE m.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
      AND col_description(a.attrelid, a.attnum) IS NULL;

-- There is one type, beside the row types of these, and arrays
SELECT t.oid::regtype AS other_type
FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid JOIN pg_type t ON t.oid = d.objid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND x.extname = 'crm_capi'
      AND d.classid = 'pg_type'::regclass AND t.typrelid = 0 AND t.typcategory <> 'A';

-- Each function pins its search_path; the trigger looks nothing up by name, and is called for each row,
-- and so are those that views call for each event; a type looks nothing up either
SELECT p.oid::regprocedure AS not_pinned FROM members m JOIN pg_proc p ON p.oid = m.objid
WHERE m.classid = 'pg_proc'::regclass
      AND NOT coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'
ORDER BY p.oid;

-- The signatures of the contract
\pset format unaligned
SELECT p.proname, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
FROM members m JOIN pg_proc p ON p.oid = m.objid
WHERE m.classid = 'pg_proc'::regclass AND p.proname IN ('capi_send_lead_event', 'capi_watch', 'capi_unwatch',
    'capi_lead_stage_trigger', 'capi_payload', 'capi_pause', 'capi_resume', 'capi_check', 'capi_send_test_event')
ORDER BY p.proname \gx
SELECT table_name, string_agg(column_name || ' ' || data_type, ', ' ORDER BY ordinal_position) AS columns
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name IN ('capi_events', 'capi_requests', 'capi_status', 'capi_watches', 'capi_stage_coverage')
GROUP BY table_name ORDER BY table_name COLLATE "C" \gx
\pset format aligned

-- The settings
SELECT name, setting, unit, context, vartype, min_val, max_val, boot_val FROM pg_settings
WHERE name LIKE 'crm\_capi.%' AND name <> 'crm_capi.poll_interval' ORDER BY name COLLATE "C";

-- One line of CREATE EXTENSION is all there is to do in a database, and the objects stay where they are
CREATE EXTENSION crm_capi;
\echo :SQLSTATE
CREATE SCHEMA elsewhere;
ALTER EXTENSION crm_capi SET SCHEMA elsewhere;
\echo :SQLSTATE
DROP SCHEMA elsewhere;

--
-- Dropping: datasets and watches go with the extension, the CRM's tables stay
--
CREATE SERVER install_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER install_dataset OPTIONS (access_token 'token');
CREATE TABLE leads (lead bigint, stage text);
SELECT capi_watch('leads', 'lead', 'stage', 'install_dataset');
INSERT INTO leads VALUES (123456789012345, 'before');
\set VERBOSITY sqlstate
DROP EXTENSION crm_capi;
\set VERBOSITY default
SET client_min_messages = warning;
DROP EXTENSION crm_capi CASCADE;
RESET client_min_messages;
SELECT count(*) FROM pg_class WHERE relname LIKE 'capi%';
SELECT count(*) FROM pg_proc WHERE proname LIKE 'capi%';
SELECT count(*) FROM pg_type WHERE typname LIKE '%capi%' AND typname NOT LIKE '%regress%';
SELECT count(*) FROM pg_foreign_data_wrapper WHERE fdwname = 'crm_capi';
SELECT count(*) FROM pg_foreign_server WHERE srvname = 'install_dataset';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'leads'::regclass;
-- the CRM does not notice, in a session that has the trigger cached
INSERT INTO leads VALUES (123456789012345, 'without');
UPDATE leads SET stage = 'without us';
SELECT * FROM leads;

--
-- Any schema will do, on the search path or not
--
CREATE SCHEMA "Odd schema %s é";
CREATE EXTENSION crm_capi SCHEMA "Odd schema %s é";
CREATE SERVER install_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER install_dataset OPTIONS (access_token 'token');
SELECT "Odd schema %s é".capi_watch('leads', 'lead', 'stage');
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'leads'::regclass;
INSERT INTO leads VALUES (123456789012345, 'in odd schema'), (1234567, 'parked');
SELECT "Odd schema %s é".capi_send_lead_event(123456789012346, 'by hand');
SELECT id, dataset, lead_id, event_name, status = 'parked' AS parked FROM "Odd schema %s é".capi_events ORDER BY id;
SELECT "Odd schema %s é".capi_payload(3) -> 'user_data' AS user_data;
SELECT target, dataset FROM "Odd schema %s é".capi_watches;
SELECT "Odd schema %s é".capi_pause('install_dataset'), "Odd schema %s é".capi_resume('install_dataset');
-- the shipper finds its way as well: it is what writes down that the dataset is paused
DO $$
BEGIN
    FOR i IN 1..1500 LOOP
        EXIT WHEN EXISTS (SELECT FROM "Odd schema %s é".capi_dataset WHERE health = 'paused');
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SELECT dataset, health, reason, owed, parked FROM "Odd schema %s é".capi_status;
SELECT "Odd schema %s é".capi_unwatch('leads');
SET client_min_messages = warning;
DROP EXTENSION crm_capi CASCADE;
RESET client_min_messages;
DROP SCHEMA "Odd schema %s é";

-- Back again, in the session that has seen it all: nothing is cached from its former lives
CREATE EXTENSION crm_capi;
SELECT count(*) FROM capi_events;
CREATE SERVER install_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
SELECT capi_watch('leads', 'lead', 'stage');
INSERT INTO leads VALUES (123456789012347, 'once more');
SELECT id, dataset, lead_id, event_name, status = 'parked' AS parked FROM capi_events;
SELECT name FROM capi_dataset;

-- Another extension may have the same names elsewhere
CREATE SCHEMA decoy;
CREATE TABLE decoy.capi_event_log (id bigint);
CREATE FUNCTION decoy.capi_lead_stage_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'decoy'; END $$;
SET search_path = decoy, public;
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'lead', 'stage');
INSERT INTO leads VALUES (123456789012348, 'past the decoy');
SELECT lead_id, event_name FROM capi_events ORDER BY id DESC LIMIT 1;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA decoy CASCADE;
RESET client_min_messages;

DROP TABLE leads;
DROP SERVER install_dataset;
