-- Security of capture: expressions run with the rights of the table's owner, and only those that the owner has
-- given to capi_watch. Nobody reads or writes by a watch what they may not. The dataset is paused: nothing is sent.
\set VERBOSITY default
\set SHOW_CONTEXT never

CREATE SERVER security_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE TEMP TABLE looked AS SELECT coalesce(max(id), 0) AS id FROM capi_event_log;
CREATE FUNCTION pg_temp.news(OUT lead_id bigint, OUT event_name text, OUT parked text, OUT detail text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT e.lead_id, e.event_name, s.reason_code, s.detail
        FROM capi_event_log e LEFT JOIN capi_settlement s ON s.event = e.id
        WHERE e.id > (SELECT l.id FROM looked l) ORDER BY e.id;
    UPDATE looked SET id = (SELECT coalesce(max(e.id), 0) FROM capi_event_log e);
END $$;

CREATE ROLE regress_capi_owner;
CREATE ROLE regress_capi_writer;
CREATE ROLE regress_capi_trigger;
GRANT USAGE ON FOREIGN SERVER security_dataset TO regress_capi_owner, regress_capi_trigger;
CREATE SCHEMA crm AUTHORIZATION regress_capi_owner;
GRANT USAGE ON SCHEMA crm TO PUBLIC;
SET ROLE regress_capi_owner;
CREATE TABLE crm.stages (id int PRIMARY KEY, name text);
INSERT INTO crm.stages VALUES (1, 'new'), (2, 'won');
CREATE TABLE crm.leads (id int PRIMARY KEY, lead bigint, stage_id int, note text);
GRANT SELECT, INSERT, UPDATE ON crm.leads TO regress_capi_writer;
GRANT ALL ON crm.leads TO regress_capi_trigger;

--
-- Expressions run as the owner of the table: the writer needs no right on what they read
--
SELECT public.capi_watch('crm.leads', 'lead', '(SELECT name FROM stages WHERE id = NEW.stage_id) || '' for '' || current_user');
SET ROLE regress_capi_writer;
SELECT count(*) FROM crm.stages;
INSERT INTO crm.leads VALUES (1, 123456789012345, 1);
SELECT current_user;
RESET ROLE;
INSERT INTO crm.leads VALUES (2, 123456789012346, 2);
SELECT * FROM pg_temp.news();
SET ROLE regress_capi_owner;
SELECT public.capi_unwatch('crm.leads');

-- The owner's own rights, and no more: a superuser who watches lends none
RESET ROLE;
CREATE TABLE crm.secrets AS SELECT 1 AS id, 'secret' AS name;
SELECT public.capi_watch('crm.leads', 'lead', '(SELECT name FROM crm.secrets WHERE id = NEW.stage_id)');
GRANT SELECT ON crm.secrets TO regress_capi_owner;
SELECT public.capi_watch('crm.leads', 'lead', '(SELECT name FROM crm.secrets WHERE id = NEW.stage_id)');
SELECT problem FROM capi_watches;
-- a right that is taken away later
REVOKE SELECT ON crm.secrets FROM regress_capi_owner;
UPDATE crm.leads SET stage_id = 2 WHERE id = 1;
SELECT problem FROM capi_watches;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm.leads');
CREATE FUNCTION crm.name_of(int) RETURNS text LANGUAGE sql AS $$ SELECT 'stage ' || $1 $$;
SELECT capi_watch('crm.leads', 'lead', 'name_of(NEW.stage_id)');
UPDATE crm.leads SET stage_id = 1 WHERE id = 1;
REVOKE ALL ON FUNCTION crm.name_of(int) FROM PUBLIC;
UPDATE crm.leads SET stage_id = 2 WHERE id = 1;
SELECT problem FROM capi_watches;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm.leads');

-- Row-level security holds for the owner's look-ups, as everywhere
CREATE TABLE crm.guarded (id int, name text);
INSERT INTO crm.guarded VALUES (1, 'open'), (2, 'closed');
ALTER TABLE crm.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON crm.guarded USING (name = 'open');
GRANT SELECT ON crm.guarded TO regress_capi_owner;
SELECT capi_watch('crm.leads', 'lead', $$coalesce((SELECT name FROM crm.guarded WHERE id = NEW.stage_id), 'hidden')$$);
UPDATE crm.leads SET stage_id = 1 WHERE id = 1;
UPDATE crm.leads SET stage_id = 2 WHERE id = 1;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm.leads');

--
-- Whoever has only the TRIGGER privilege cannot make the owner run anything
--
SET ROLE regress_capi_trigger;
CREATE FUNCTION pg_temp.trap() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'ran as %', current_user; RETURN 'trap'; END $$;
SELECT public.capi_watch('crm.leads', 'lead', 'NEW.note || current_user');
CREATE TRIGGER trap AFTER INSERT OR UPDATE ON crm.leads FOR EACH ROW
    EXECUTE FUNCTION public.capi_watch_trigger('NEW.lead', 'pg_temp.trap()', 'security_dataset', '', '', '{}');
CREATE TRIGGER broken AFTER INSERT OR UPDATE ON crm.leads FOR EACH ROW
    EXECUTE FUNCTION public.capi_watch_trigger('NEW.lead', 'pg_temp.trap()', 'security_dataset', '', '', 'no json');
RESET ROLE;
SET ROLE regress_capi_owner;
UPDATE crm.leads SET stage_id = 1 WHERE id = 1;
RESET ROLE;
SELECT trigger, stage, stage_map, problem FROM capi_watches ORDER BY trigger;
SELECT * FROM pg_temp.news();
DROP TRIGGER trap ON crm.leads;
DROP TRIGGER broken ON crm.leads;
-- nor by putting other arguments into a trigger that the owner has approved
SET ROLE regress_capi_owner;
SELECT public.capi_watch('crm.leads', 'lead', 'upper(NEW.note)');
SET ROLE regress_capi_trigger;
CREATE OR REPLACE TRIGGER capi_watch_security_dataset AFTER INSERT OR UPDATE ON crm.leads FOR EACH ROW
    EXECUTE FUNCTION public.capi_watch_trigger('NEW.lead', 'upper(NEW.note || pg_temp.trap())', 'security_dataset', '', '', '{}');
RESET ROLE;
UPDATE crm.leads SET note = 'changed' WHERE id = 1;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm.leads');
-- plain columns are what a trigger of their own could read as well
SET ROLE regress_capi_trigger;
CREATE TRIGGER plain AFTER INSERT OR UPDATE ON crm.leads FOR EACH ROW
    EXECUTE FUNCTION public.capi_lead_stage_trigger('lead', 'pg_temp.trap()', 'security_dataset');
RESET ROLE;
UPDATE crm.leads SET note = 'changed again' WHERE id = 1;
SELECT * FROM pg_temp.news();
DROP TRIGGER plain ON crm.leads;

-- An approval is the owner's: a new owner has not given it, and nothing runs with the new one's rights
SET ROLE regress_capi_owner;
SELECT public.capi_watch('crm.leads', 'lead', 'upper(NEW.note) || current_user');
RESET ROLE;
ALTER TABLE crm.leads OWNER TO regress_capi_writer;
GRANT USAGE ON FOREIGN SERVER security_dataset TO regress_capi_writer;
UPDATE crm.leads SET note = 'new owner' WHERE id = 1;
SELECT problem FROM capi_watches;
ALTER TABLE crm.leads OWNER TO regress_capi_owner;
GRANT SELECT, INSERT, UPDATE ON crm.leads TO regress_capi_writer;
UPDATE crm.leads SET note = 'old owner' WHERE id = 1;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm.leads');

--
-- Expressions cannot write, change role, or leave anything behind
--
CREATE TABLE crm.log (line text);
GRANT ALL ON crm.log TO PUBLIC;
CREATE SEQUENCE crm.counter;
GRANT ALL ON SEQUENCE crm.counter TO PUBLIC;
CREATE FUNCTION crm.act(command text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; RETURN 'done: ' || command; END $$;
SELECT capi_watch('crm.leads', 'lead', 'crm.act(NEW.note)');
SET ROLE regress_capi_writer;
UPDATE crm.leads SET note = 'INSERT INTO crm.log VALUES (1)' WHERE id = 1;
UPDATE crm.leads SET note = 'DELETE FROM crm.leads' WHERE id = 1;
UPDATE crm.leads SET note = 'CREATE TABLE crm.new ()' WHERE id = 1;
UPDATE crm.leads SET note = 'CREATE TEMP TABLE new ()' WHERE id = 1;
UPDATE crm.leads SET note = 'SELECT nextval(''crm.counter'')' WHERE id = 1;
UPDATE crm.leads SET note = 'SET ROLE regress_capi_trigger' WHERE id = 1;
UPDATE crm.leads SET note = 'RESET ROLE' WHERE id = 1;
UPDATE crm.leads SET note = 'SET SESSION AUTHORIZATION DEFAULT' WHERE id = 1;
UPDATE crm.leads SET note = 'SET TRANSACTION READ WRITE' WHERE id = 1;
UPDATE crm.leads SET note = 'SET LOCAL transaction_read_only = off' WHERE id = 1;
UPDATE crm.leads SET note = 'SET search_path = crm' WHERE id = 1;
UPDATE crm.leads SET note = 'LISTEN something' WHERE id = 1;
UPDATE crm.leads SET note = 'SELECT 1 FROM crm.stages FOR UPDATE' WHERE id = 1;
UPDATE crm.leads SET note = 'COPY crm.log TO PROGRAM ''true''' WHERE id = 1;
UPDATE crm.leads SET note = 'COMMIT' WHERE id = 1;
-- the session is what it was
SELECT current_user, current_setting('search_path') AS search_path, current_setting('transaction_read_only') AS read_only;
RESET ROLE;
SELECT * FROM pg_temp.news();
SELECT count(*) FROM crm.log;
SELECT capi_unwatch('crm.leads');
-- a subselect that writes is none
SELECT capi_watch('crm.leads', 'lead', '(WITH x AS (INSERT INTO crm.log VALUES (1) RETURNING line) SELECT line FROM x)');

--
-- Nothing can take the place of what an expression names
--
CREATE SCHEMA evil AUTHORIZATION regress_capi_writer;
SET ROLE regress_capi_owner;
SELECT public.capi_watch('crm.leads', 'lead', 'lower(NEW.note) || (SELECT name FROM stages WHERE id = NEW.stage_id)');
RESET ROLE;
SELECT stage FROM capi_watches;
SET ROLE regress_capi_writer;
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'evil as %', current_user; RETURN 'evil'; END $$;
CREATE FUNCTION evil.concatenate(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'evil as %', current_user; RETURN 'evil'; END $$;
CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.concatenate);
CREATE FUNCTION evil.equals(int, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'evil as %', current_user; RETURN true; END $$;
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.equals);
CREATE TABLE evil.stages (id int, name text);
CREATE TEMP VIEW stages AS SELECT 1 AS id, evil.lower('') AS name;
SET search_path = evil, pg_temp, pg_catalog, public;
-- 19 knows no other than standard strings
DO $$ BEGIN SET standard_conforming_strings = off; EXCEPTION WHEN OTHERS THEN NULL; END $$;
UPDATE crm.leads SET note = 'HARMLESS', stage_id = 1 WHERE id OPERATOR(pg_catalog.=) 1;
UPDATE crm.leads SET note = 'HARMLESS TOO', stage_id = 2 WHERE id OPERATOR(pg_catalog.=) 1;
RESET standard_conforming_strings;
RESET search_path;
DROP VIEW pg_temp.stages;
RESET ROLE;
SELECT * FROM pg_temp.news();
-- not even when it is watched under such a search_path
SELECT capi_unwatch('crm.leads');
SET search_path = evil, public;
SELECT capi_watch('crm.leads', 'lead', 'lower(NEW.note) || (SELECT name FROM stages WHERE id = NEW.stage_id)');
UPDATE crm.leads SET note = 'STILL HARMLESS' WHERE id = 1;
RESET search_path;
SELECT stage FROM capi_watches;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm.leads');

--
-- Rights to watch: ownership and USAGE; partitions of a watched table are its owner's to create
--
SET ROLE regress_capi_trigger;
SELECT public.capi_watch('crm.leads', 'lead', 'stage_id');
SELECT public.capi_unwatch('crm.leads');
SET ROLE regress_capi_owner;
CREATE TABLE crm.parts (lead bigint, stage text, region text) PARTITION BY LIST (region);
SELECT public.capi_watch('crm.parts', 'lead', 'upper(NEW.stage)');
CREATE TABLE crm.parts_eu PARTITION OF crm.parts FOR VALUES IN ('eu');
INSERT INTO crm.parts VALUES (123456789012345, 'in a partition', 'eu');
RESET ROLE;
SELECT * FROM pg_temp.news();
-- nobody reads or forges what owners have approved
SET ROLE regress_capi_owner;
SELECT count(*) FROM public.capi_watch_approval;
INSERT INTO public.capi_watch_approval VALUES ('postgres', 'x', now());
SELECT count(*) FROM public.capi_reached_stage;
RESET ROLE;
SELECT DISTINCT owner FROM capi_watch_approval WHERE owner LIKE 'regress_capi%';
-- an approval goes with the last watch that uses it, also if that went with its table
CREATE VIEW approvals AS SELECT owner, count(*) FROM capi_watch_approval GROUP BY owner;
GRANT SELECT ON approvals TO regress_capi_owner;
SET ROLE regress_capi_owner;
CREATE TABLE crm.one (lead bigint, stage text);
CREATE TABLE crm.two (lead bigint, stage text);
SELECT * FROM public.approvals;
SELECT public.capi_watch('crm.one', 'lead', 'NEW.stage || 1'), public.capi_watch('crm.two', 'lead', 'NEW.stage || 1');
SELECT * FROM public.approvals;
SELECT public.capi_unwatch('crm.one');
SELECT * FROM public.approvals;
INSERT INTO crm.two VALUES (123456789012345, 'approved');
DROP TABLE crm.two;
SELECT * FROM public.approvals;
BEGIN;
SELECT public.capi_watch('crm.one', 'lead', 'NEW.stage || 2');
SELECT * FROM public.approvals;
ROLLBACK;
SELECT public.capi_unwatch('crm.parts');
SELECT * FROM public.approvals;
RESET ROLE;
SELECT * FROM pg_temp.news();
DROP VIEW approvals;

SET client_min_messages = warning;
DROP SCHEMA crm, evil CASCADE;
RESET client_min_messages;
REVOKE USAGE ON FOREIGN SERVER security_dataset FROM regress_capi_owner, regress_capi_trigger, regress_capi_writer;
DROP OWNED BY regress_capi_trigger;
DROP ROLE regress_capi_owner, regress_capi_writer, regress_capi_trigger;
DROP SERVER security_dataset;
