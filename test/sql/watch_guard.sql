-- What a watch asks of others' code, on behalf of a statement that has asked for none of it: types that raise errors,
-- values of any size, expressions that write or lock. The dataset is paused: nothing is sent.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '(null)'

CREATE SERVER guard_dataset FOREIGN DATA WRAPPER crm_capi
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

--
-- Our own tables
--
SELECT capi_watch('capi_settlement', 'event', 'status');
SELECT capi_watch('capi_event_log', 'lead_id', 'event_name');
SELECT DISTINCT count(*) FROM capi_watches;

--
-- A type whose output function raises an error
--
SET client_min_messages = warning;
CREATE TYPE shy;
CREATE FUNCTION shy_in(cstring) RETURNS shy LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION shy_out(shy) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
CREATE TYPE shy (INPUT = shy_in, OUTPUT = shy_out, LIKE = integer);
RESET client_min_messages;
CREATE TYPE pair AS (step integer, data json);
CREATE TABLE odd (id integer PRIMARY KEY, lead text, shy_lead shy, shy_stage shy, pair_stage pair, note text);
SELECT capi_watch('odd', 'lead', 'shy_stage');
INSERT INTO odd VALUES (1, '123456789012345', '1', '1');
UPDATE odd SET shy_stage = '2';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('odd');
SELECT capi_watch('odd', 'shy_lead', 'note');
UPDATE odd SET note = 'new';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('odd');
-- one whose equality does
SELECT capi_watch('odd', 'lead', 'pair_stage');
UPDATE odd SET pair_stage = ROW(1, '{}');
UPDATE odd SET pair_stage = ROW(1, '{"a":1}');
UPDATE odd SET note = 'unchanged';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('odd');
-- one that is converted for custom_data
SELECT capi_watch('odd', 'lead', 'note', custom_data => '{"shy": "shy_stage"}');
UPDATE odd SET note = 'with custom_data';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('odd');

--
-- Values that are larger than any lead id or stage
--
CREATE TABLE large (id integer PRIMARY KEY, lead text, lead_bytes bytea, stage text, stage_bytes bytea, note text);
ALTER TABLE large ALTER COLUMN stage SET STORAGE EXTERNAL;
SELECT capi_watch('large', 'lead_bytes', 'note');
INSERT INTO large VALUES (1, '123456789012345', decode(repeat('31', 2000000), 'hex'), repeat('s', 2000000),
                          decode(repeat('31', 2000000), 'hex'), 'new');
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('large');
SELECT capi_watch('large', 'lead', 'stage');
UPDATE large SET note = 'the stage lies where it was';
SELECT * FROM pg_temp.news();
UPDATE large SET stage = stage || '.';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('large');
SELECT capi_watch('large', 'lead', 'stage_bytes', user_data => '{"em": "encode(NEW.stage_bytes, ''hex'')"}');
UPDATE large SET stage_bytes = stage_bytes || '\x31';
UPDATE large SET stage_bytes = '\x31';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('large');

-- times at the end of the calendar
CREATE TABLE late (id integer PRIMARY KEY, lead text, stage text, at timestamptz);
SELECT capi_watch('late', 'lead', 'stage', event_time => 'at');
INSERT INTO late VALUES (1, '123456789012345', 'new', '294276-12-31 23:59:59+00'), (2, '123456789012345', 'new', 'infinity');
SELECT status, reason_code, deadline FROM capi_events WHERE id > (SELECT id FROM looked) ORDER BY id;
SELECT status, reason_code, deadline FROM capi_undelivered WHERE id > (SELECT id FROM looked) ORDER BY id;
SELECT dataset FROM capi_status WHERE dataset = 'guard_dataset';
UPDATE looked SET id = (SELECT max(id) FROM capi_event_log);
SELECT capi_unwatch('late');

--
-- Errors in an expression that look like the statement's own: only a cancel or time-out of this session is
--
CREATE FUNCTION fail(code text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'failed' USING ERRCODE = code; END $$;
SELECT capi_watch('odd', 'lead', 'fail(NEW.note)');
UPDATE odd SET note = '57014';
UPDATE odd SET note = '57P01';
UPDATE odd SET note = '40001';
UPDATE odd SET note = '40P01';
UPDATE odd SET note = '53200';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('odd');
SELECT capi_watch('odd', 'lead', 'pg_sleep(NEW.note::float)::text');
BEGIN;
SET LOCAL statement_timeout = '100ms';
UPDATE odd SET note = '1000';
ROLLBACK;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('odd');

--
-- Expressions write nothing, and take and leave no locks and messages
--
CREATE FUNCTION act(command text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; RETURN 'done: ' || command; END $$;
SELECT capi_watch('odd', 'lead', 'pg_advisory_lock(1)::text');
SELECT capi_watch('odd', 'lead', 'act(NEW.note)');
SELECT pg_advisory_lock(2);
LISTEN guard;
UPDATE odd SET note = 'SELECT lo_create(0)';
UPDATE odd SET note = 'SELECT lo_from_bytea(0, ''\x31'')';
UPDATE odd SET note = 'SELECT pg_advisory_lock(1)';
UPDATE odd SET note = 'SELECT pg_advisory_xact_lock(1, 1)';
UPDATE odd SET note = 'SELECT pg_try_advisory_lock_shared(1)';
UPDATE odd SET note = 'SELECT pg_advisory_unlock(2)';
UPDATE odd SET note = 'SELECT pg_advisory_unlock_all()';
UPDATE odd SET note = 'SELECT pg_notify(''guard'', ''from an expression'')';
UPDATE odd SET note = 'SELECT set_config(''search_path'', ''odd'', false)';
UPDATE odd SET note = 'SELECT 1';
SELECT * FROM pg_temp.news();
SELECT count(*) FROM pg_largeobject_metadata;
SELECT objid, count(*) FROM pg_locks WHERE locktype = 'advisory' GROUP BY objid;
-- the session itself may
SELECT pg_advisory_unlock(2);
UNLISTEN guard;
SELECT capi_unwatch('odd');

--
-- An expression is compiled once, until something that it is made of changes. One of its parts tells when: it is
-- folded to a constant
--
CREATE FUNCTION tell(what text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'compiled: %', what; RETURN ''; END $$;
CREATE FUNCTION other(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
CREATE DOMAIN short AS text CHECK (length(VALUE) < 30);
CREATE TABLE names (id integer PRIMARY KEY, name text);
INSERT INTO names VALUES (1, 'first');
CREATE VIEW name_view AS SELECT id, name FROM names;
SELECT capi_watch('odd', 'lead', $$(tell('stage') || other(NEW.note))::short$$,
                  custom_data => $${"name": "(SELECT name FROM name_view WHERE id = NEW.id)"}$$);
UPDATE odd SET note = 'a';
UPDATE odd SET note = 'b';
-- what others do is no news
CREATE TEMP TABLE passing (id integer);
DROP TABLE passing;
CREATE FUNCTION unrelated(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$;
CREATE TYPE unrelated AS ENUM ('a');
UPDATE odd SET note = 'c';
-- what the expression calls, is, or looks into is
CREATE OR REPLACE FUNCTION other(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'other ' || $1 $$;
UPDATE odd SET note = 'd';
ALTER DOMAIN short ADD CONSTRAINT no_e CHECK (VALUE <> 'other e');
UPDATE odd SET note = 'e';
ALTER TABLE names ADD extra integer;
UPDATE odd SET note = 'f';
DROP VIEW name_view;
CREATE VIEW name_view AS SELECT id, 17 AS name FROM names;
UPDATE odd SET note = 'g';
SELECT event_name, s.reason_code, s.detail, custom_data FROM capi_event_log e LEFT JOIN capi_settlement s ON s.event = e.id
WHERE e.id > (SELECT id FROM looked) ORDER BY e.id;
UPDATE looked SET id = (SELECT max(id) FROM capi_event_log);
SELECT capi_unwatch('odd');

SET client_min_messages = warning;
DROP TABLE odd, large, late, names CASCADE;
DROP TYPE shy CASCADE;
DROP TYPE pair, unrelated;
DROP DOMAIN short;
DROP FUNCTION fail(text), act(text), tell(text), other(text), unrelated(text);
DROP SERVER guard_dataset;
