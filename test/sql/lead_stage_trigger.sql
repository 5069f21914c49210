-- capi_lead_stage_trigger(): which changes of a CRM table become events, and with which values. No value
-- of a row makes the CRM's statement fail. The dataset is paused: nothing is sent.
\i test/sql/include/preamble.sql

CREATE SERVER trigger_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');

--
-- INSERT and UPDATE
--
CREATE TABLE leads (id int PRIMARY KEY, fb_lead_id bigint, status text, note text);
CREATE TRIGGER capi AFTER INSERT OR UPDATE ON leads
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('fb_lead_id', 'status');

-- the first stage; a row without lead id is not from Meta and no event
INSERT INTO leads VALUES (1, 123456789012345, 'initial_lead'), (2, NULL, 'initial_lead');
SELECT * FROM pg_temp.news();
-- a real change
UPDATE leads SET status = 'qualified';
SELECT * FROM pg_temp.news();
-- no change: the same stage, or another column
UPDATE leads SET status = 'qualified';
UPDATE leads SET status = status, note = 'called';
SELECT * FROM pg_temp.news();
-- a lead id that arrives later brings the current stage, once
UPDATE leads SET fb_lead_id = 222222222222222 WHERE id = 2;
UPDATE leads SET fb_lead_id = 222222222222222 WHERE id = 2;
SELECT * FROM pg_temp.news();
-- both at once are one event
UPDATE leads SET fb_lead_id = 333333333333333, status = 'converted' WHERE id = 2;
SELECT * FROM pg_temp.news();
-- a lead id that goes away
UPDATE leads SET fb_lead_id = NULL, status = 'lost' WHERE id = 2;
SELECT * FROM pg_temp.news();
-- a stage that goes away is parked, and what comes back is a change
UPDATE leads SET status = NULL WHERE id = 1;
UPDATE leads SET status = 'qualified' WHERE id = 1;
INSERT INTO leads VALUES (3, 444444444444444, NULL);
SELECT * FROM pg_temp.news();
-- upper and lower case, blanks at the end: different stages for Meta
UPDATE leads SET status = 'Qualified' WHERE id = 1;
UPDATE leads SET status = 'Qualified ' WHERE id = 1;
SELECT lead_id, quote_literal(event_name) AS event_name, parked FROM pg_temp.news();
-- deletes are no stage
DELETE FROM leads WHERE id = 1;
SELECT * FROM pg_temp.news();

-- Three changes in one transaction are three events; what is rolled back never happened
BEGIN;
INSERT INTO leads VALUES (10, 123456789012345, 'initial_lead');
UPDATE leads SET status = 'qualified' WHERE id = 10;
SAVEPOINT one;
UPDATE leads SET status = 'undone' WHERE id = 10;
ROLLBACK TO one;
UPDATE leads SET status = 'converted' WHERE id = 10;
COMMIT;
SELECT * FROM pg_temp.news();
BEGIN;
UPDATE leads SET status = 'undone' WHERE id = 10;
ROLLBACK;
SELECT * FROM pg_temp.news();
-- changes of one transaction have times of their own, in their order
SELECT count(*) AS events, count(DISTINCT event_time) AS times,
       bool_and(ordered) AS ordered
FROM (SELECT event_time, event_time > lag(event_time, 1, '-infinity') OVER (ORDER BY id) AS ordered
      FROM capi_event_log ORDER BY id DESC LIMIT 3) AS e;

-- Ways to write a row
COPY leads (id, fb_lead_id, status) FROM stdin;
20	200000000000001	copied
21	200000000000002	copied
22	\N	copied
\.
INSERT INTO leads VALUES (20, 200000000000001, 'upserted') ON CONFLICT (id) DO UPDATE SET status = excluded.status;
INSERT INTO leads VALUES (20, 200000000000001, 'upserted') ON CONFLICT (id) DO UPDATE SET status = excluded.status;
INSERT INTO leads VALUES (21, 200000000000002, 'ignored') ON CONFLICT DO NOTHING;
WITH moved AS (UPDATE leads SET status = 'from a CTE' WHERE id = 21 RETURNING fb_lead_id)
INSERT INTO leads SELECT 23, fb_lead_id, 'into another row' FROM moved;
SELECT * FROM pg_temp.news();
-- MERGE, or what it does, before 15
SELECT current_setting('server_version_num')::int >= 150000 AS has_merge \gset
\if :has_merge
MERGE INTO leads l USING (VALUES (20), (24)) AS v(id) ON l.id = v.id
    WHEN MATCHED THEN UPDATE SET status = 'merged'
    WHEN NOT MATCHED THEN INSERT (id, fb_lead_id, status) VALUES (v.id, 200000000000003, 'merged');
\else
UPDATE leads SET status = 'merged' WHERE id = 20;
INSERT INTO leads VALUES (24, 200000000000003, 'merged');
\endif
SELECT * FROM pg_temp.news();

-- What a BEFORE trigger makes of the row counts
CREATE FUNCTION set_stage() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.status := upper(NEW.status); RETURN NEW; END $$;
CREATE TRIGGER before_us BEFORE INSERT OR UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION set_stage();
INSERT INTO leads VALUES (30, 123456789012345, 'made upper');
UPDATE leads SET status = 'made upper' WHERE id = 30;
SELECT * FROM pg_temp.news();
DROP TRIGGER before_us ON leads;
DROP FUNCTION set_stage();

-- A deferred trigger sees each change of its transaction too
CREATE TABLE deferred_leads (fb_lead_id bigint, status text);
CREATE CONSTRAINT TRIGGER capi AFTER INSERT OR UPDATE ON deferred_leads DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('fb_lead_id', 'status');
BEGIN;
INSERT INTO deferred_leads VALUES (123456789012345, 'first');
UPDATE deferred_leads SET status = 'second';
SELECT * FROM pg_temp.news();
COMMIT;
SELECT * FROM pg_temp.news();
DROP TABLE deferred_leads;

-- Replication does not repeat what the origin has enqueued, unless told to
SET session_replication_role = replica;
INSERT INTO leads VALUES (40, 123456789012345, 'replicated');
RESET session_replication_role;
SELECT * FROM pg_temp.news();
ALTER TABLE leads ENABLE ALWAYS TRIGGER capi;
SET session_replication_role = replica;
UPDATE leads SET status = 'replicated always' WHERE id = 40;
RESET session_replication_role;
SELECT * FROM pg_temp.news();
ALTER TABLE leads DISABLE TRIGGER capi;
UPDATE leads SET status = 'disabled' WHERE id = 40;
SELECT * FROM pg_temp.news();
DROP TABLE leads;

--
-- Lead ids of every type
--
-- Inserts each value into a table whose lead id has the given type.
CREATE FUNCTION pg_temp.insert_ids(type text, VARIADIC ids text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    given text;
BEGIN
    EXECUTE 'CREATE TABLE typed (lead ' || type || ', stage text)';
    CREATE TRIGGER capi AFTER INSERT OR UPDATE ON typed
        FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage');
    FOREACH given IN ARRAY ids LOOP
        EXECUTE format('INSERT INTO typed VALUES (%L, %L)', given, coalesce('<' || given || '>', 'NULL'));
    END LOOP;
    DROP TABLE typed;
END $$;
CREATE DOMAIN meta_lead AS bigint CHECK (VALUE > 0);
CREATE DOMAIN meta_lead_text AS varchar(40);

SELECT pg_temp.insert_ids('bigint', '99999999999999', '100000000000000', '9007199254740993', '99999999999999999',
    '100000000000000000', '9223372036854775807', '1234567', '0', '-123456789012345', NULL);
SELECT * FROM pg_temp.news();
SELECT pg_temp.insert_ids('integer', '1234567', '2147483647');
SELECT pg_temp.insert_ids('smallint', '32767');
SELECT * FROM pg_temp.news();
SELECT pg_temp.insert_ids('numeric', '123456789012345', '123456789012345.00', '123456789012345.5',
    '99999999999999999', '123456789012345678901234567890', 'NaN', NULL);
SELECT pg_temp.insert_ids('numeric(20,4)', '9007199254740993');
SELECT pg_temp.insert_ids('double precision', '123456789012345', '9007199254740993');
SELECT * FROM pg_temp.news();
-- what spreadsheets and Meta's own exports make of it; a blank text is no lead id at all
SELECT pg_temp.insert_ids('text', '123456789012345', '  123456789012345 ', 'l:123456789012345', ' l: 123456789012345',
    '123456789012345.0', '12345678901234', '123456789012345678', '99999999999999999999999', 'L:123456789012345',
    '1.23456789012345e+14', '123 456 789 012 345', '123456789012345x', 'private@example.com', '+49 170 1234567',
    'l:', '', '   ', NULL);
SELECT lead_id, quote_literal(event_name) AS event_name, parked, detail FROM pg_temp.news();
SELECT pg_temp.insert_ids('varchar(30)', 'l:123456789012345');
SELECT pg_temp.insert_ids('char(30)', '123456789012345', '');
SELECT pg_temp.insert_ids('meta_lead', '123456789012345', '7');
SELECT pg_temp.insert_ids('meta_lead_text', 'l:123456789012345', ' ');
SELECT pg_temp.insert_ids('uuid', '00000000-0000-0000-0000-000000000001');
SELECT pg_temp.insert_ids('jsonb', '123456789012345', '"123456789012345"', 'null');
SELECT pg_temp.insert_ids('bytea', '123456789012345');
SELECT * FROM pg_temp.news();

-- A key that changes its form only is the same lead id to its type
CREATE TABLE typed (lead numeric, stage char(20));
CREATE TRIGGER capi AFTER INSERT OR UPDATE ON typed
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage');
INSERT INTO typed VALUES (123456789012345, 'new');
UPDATE typed SET lead = 123456789012345.00, stage = 'new   ';
SELECT lead_id, quote_literal(event_name) AS event_name, parked FROM pg_temp.news();
DROP TABLE typed;

--
-- Stages of other types, and stages that cannot be sent
--
CREATE TYPE stage AS ENUM ('initial_lead', 'qualified');
CREATE DOMAIN short_stage AS varchar(20);
CREATE TABLE typed (lead bigint DEFAULT 123456789012345, e stage, d short_stage, v varchar(20), i integer, b boolean);
CREATE TRIGGER e AFTER INSERT OR UPDATE ON typed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'e');
CREATE TRIGGER f AFTER INSERT OR UPDATE ON typed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'd');
CREATE TRIGGER g AFTER INSERT OR UPDATE ON typed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'v');
CREATE TRIGGER h AFTER INSERT OR UPDATE ON typed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'i');
CREATE TRIGGER i AFTER INSERT OR UPDATE ON typed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'b');
INSERT INTO typed VALUES (DEFAULT, 'initial_lead', 'domain', 'varchar', 3, true);
SELECT * FROM pg_temp.news();
UPDATE typed SET e = 'qualified', i = 3;
SELECT * FROM pg_temp.news();
DROP TABLE typed;

CREATE TABLE typed (lead bigint, stage text, note text);
ALTER TABLE typed ALTER stage SET STORAGE EXTERNAL, ALTER note SET STORAGE EXTERNAL;
ALTER TABLE typed SET (toast_tuple_target = 128);
CREATE TRIGGER capi AFTER INSERT OR UPDATE ON typed
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage');
INSERT INTO typed VALUES (123456789012345, ''), (123456789012345, '   '), (123456789012345, E'two\nlines'),
    (123456789012345, repeat('x', 256)), (123456789012345, repeat('ü', 100000));
SELECT * FROM pg_temp.news();
-- long stages that lie outside of their row
INSERT INTO typed VALUES (123456789012346, repeat('ü', 255), repeat('note ', 1000));
UPDATE typed SET note = repeat('changed ', 1000);
UPDATE typed SET lead = 123456789012347 WHERE lead = 123456789012346;
UPDATE typed SET stage = repeat('ü', 254) || 'x' WHERE lead = 123456789012347;
DROP TABLE typed;
SELECT lead_id, length(event_name), right(event_name, 2) AS ends, parked FROM pg_temp.news();

--
-- Event times. NULL, infinity and times that Meta would refuse are parked.
--
CREATE FUNCTION pg_temp.insert_times(type text, VARIADIC times text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    given text;
BEGIN
    EXECUTE 'CREATE TABLE timed (lead bigint, stage text, at ' || type || ')';
    CREATE TRIGGER capi AFTER INSERT OR UPDATE ON timed
        FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage', 'trigger_dataset', 'at');
    FOREACH given IN ARRAY times LOOP
        EXECUTE format('INSERT INTO timed VALUES (123456789012345, %L, %s)', coalesce(given, 'NULL'), coalesce(given, 'NULL'));
    END LOOP;
    DROP TABLE timed;
END $$;
SELECT pg_temp.insert_times('timestamptz', 'clock_timestamp()', 'clock_timestamp() - interval ''167 hours''',
    'clock_timestamp() - interval ''168 hours''', 'clock_timestamp() + interval ''59 s''',
    'clock_timestamp() + interval ''70 s''', '''infinity''', '''-infinity''', '''294276-12-31''', NULL);
SELECT * FROM pg_temp.news();
-- a timestamp is UTC, whatever the session's time zone is
SET timezone = 'Asia/Tokyo';
SELECT pg_temp.insert_times('timestamp', 'clock_timestamp() AT TIME ZONE ''UTC''', 'clock_timestamp() AT TIME ZONE ''Asia/Tokyo''',
    '''infinity''', '''294276-12-31''');
SET timezone = 'UTC';
SELECT * FROM pg_temp.news();
SELECT pg_temp.insert_times('date', '(now() AT TIME ZONE ''UTC'')::date', '(now() AT TIME ZONE ''UTC'')::date - 8',
    '(now() AT TIME ZONE ''UTC'')::date + 2', '''infinity''', '''-infinity''', '''5874897-12-31''', '''4713-01-01 BC''');
SELECT * FROM pg_temp.news();
SELECT pg_temp.insert_times('bigint', 'extract(epoch FROM now())', 'extract(epoch FROM now()) * 1000',
    'extract(epoch FROM now() - interval ''8 days'')', '0', '-1', '9223372036854775807');
SELECT pg_temp.insert_times('integer', 'extract(epoch FROM now())');
SELECT pg_temp.insert_times('text', '''2026-01-01''');
SELECT pg_temp.insert_times('time', '''12:00''');
SELECT * FROM pg_temp.news();

-- The moment itself: taken as it is
CREATE TABLE timed (lead bigint, a text DEFAULT 'a', b text DEFAULT 'b', c text DEFAULT 'c', x text DEFAULT 'd', e text DEFAULT 'e', tz timestamptz, ts timestamp, d date, s bigint, ms bigint);
CREATE TRIGGER a AFTER INSERT ON timed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'a', '', 'tz');
CREATE TRIGGER b AFTER INSERT ON timed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'b', '', 'ts');
CREATE TRIGGER c AFTER INSERT ON timed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'c', '', 'd');
CREATE TRIGGER d AFTER INSERT ON timed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'x', '', 's');
CREATE TRIGGER e AFTER INSERT ON timed FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'e', '', 'ms');
SELECT date_trunc('day', now(), 'UTC') - interval '1 day' AS midnight \gset
SET timezone = 'Asia/Tokyo';
INSERT INTO timed (lead, tz, ts, d, s, ms) SELECT 123456789012345, m, m AT TIME ZONE 'UTC', (m AT TIME ZONE 'UTC')::date,
    extract(epoch FROM m), extract(epoch FROM m) * 1000
FROM CAST(:'midnight' AS timestamptz) AS m;
SET timezone = 'UTC';
SELECT event_time = :'midnight' AS same
FROM capi_event_log WHERE id > (SELECT id FROM looked) ORDER BY id;
DROP TABLE timed;
SELECT count(*) FROM pg_temp.news();

-- Not before the creation of the lead; a creation time that says nothing is passed over
CREATE TABLE timed (lead bigint, stage text, at timestamptz, created timestamptz);
CREATE TRIGGER capi AFTER INSERT ON timed
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage', 'trigger_dataset', 'at', 'created');
INSERT INTO timed VALUES (123456789012345, 'after', now() - interval '1 hour', now() - interval '2 hours'),
    (123456789012345, 'same', now(), now()),
    (123456789012345, 'before', now() - interval '2 hours', now() - interval '1 hour'),
    (123456789012345, 'unknown', now() - interval '2 hours', NULL),
    (123456789012345, 'infinity', now() - interval '2 hours', 'infinity');
SELECT * FROM pg_temp.news();
DROP TABLE timed;

--
-- Triggers that are defined in the wrong way are errors
--
CREATE TABLE wrong (lead bigint, stage text);
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n'
SELECT '* ' || definition || '(' || arguments || ')',
       pg_temp.attempt('CREATE TRIGGER capi ' || definition || ' EXECUTE FUNCTION capi_lead_stage_trigger(' || arguments || '); ' || command)
FROM (VALUES
    (1, 'BEFORE INSERT ON wrong FOR EACH ROW', '''lead'', ''stage''', 'INSERT INTO wrong VALUES (123456789012345, ''x'')'),
    (2, 'AFTER INSERT ON wrong', '''lead'', ''stage''', 'INSERT INTO wrong VALUES (123456789012345, ''x'')'),
    (3, 'AFTER INSERT OR DELETE ON wrong FOR EACH ROW', '''lead'', ''stage''', 'INSERT INTO wrong VALUES (123456789012345, ''x''); DELETE FROM wrong'),
    (4, 'AFTER TRUNCATE ON wrong', '''lead'', ''stage''', 'TRUNCATE wrong'),
    (5, 'AFTER INSERT ON wrong FOR EACH ROW', '', 'INSERT INTO wrong VALUES (123456789012345, ''x'')'),
    (6, 'AFTER INSERT ON wrong FOR EACH ROW', '''lead''', 'INSERT INTO wrong VALUES (123456789012345, ''x'')'),
    (7, 'AFTER INSERT ON wrong FOR EACH ROW', '''lead'', ''stage'', '''', '''', '''', ''''', 'INSERT INTO wrong VALUES (123456789012345, ''x'')'),
    (8, 'AFTER INSERT ON wrong FOR EACH ROW', '''lead'', ''stage'', '''', '''', ''''', 'INSERT INTO wrong VALUES (123456789012345, ''x'')')) AS v(n, definition, arguments, command)
ORDER BY n;
CREATE VIEW wrong_view AS SELECT * FROM wrong;
SELECT pg_temp.attempt(
    'CREATE TRIGGER capi INSTEAD OF INSERT ON wrong_view FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger(''lead'', ''stage'');
     INSERT INTO wrong_view VALUES (123456789012345, ''x'')');
SELECT pg_temp.attempt('SELECT capi_lead_stage_trigger()');
\pset tuples_only off
\pset format aligned
\pset fieldsep '|'
DROP TABLE wrong CASCADE;
SELECT * FROM pg_temp.news();

-- What was right once and is not any more is parked: the CRM goes on
CREATE TABLE changing (dropped int, lead bigint, stage text, at timestamptz DEFAULT now());
ALTER TABLE changing DROP COLUMN dropped;
CREATE TRIGGER capi AFTER INSERT OR UPDATE ON changing
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage', 'trigger_dataset', 'at');
INSERT INTO changing VALUES (123456789012345, 'beside a dropped column');
ALTER TABLE changing ADD COLUMN added int DEFAULT 7;
ALTER TABLE changing ALTER lead TYPE text;
UPDATE changing SET stage = 'after another type';
SELECT * FROM pg_temp.news();
ALTER TABLE changing RENAME stage TO "Stage 2";
INSERT INTO changing VALUES ('123456789012346', 'stage renamed');
UPDATE changing SET "Stage 2" = 'stage renamed, changed' WHERE lead = '123456789012345';
SELECT * FROM pg_temp.news();
ALTER TABLE changing RENAME "Stage 2" TO stage;
UPDATE changing SET stage = 'stage back';
SELECT * FROM pg_temp.news();
ALTER TABLE changing RENAME at TO changed_at;
UPDATE changing SET stage = 'time renamed' WHERE lead = '123456789012345';
ALTER TABLE changing RENAME changed_at TO at;
ALTER TABLE changing RENAME lead TO "Lead";
UPDATE changing SET stage = 'lead renamed' WHERE "Lead" = '123456789012345';
ALTER TABLE changing DROP COLUMN "Lead";
UPDATE changing SET stage = 'lead dropped';
SELECT * FROM pg_temp.news();
DROP TABLE changing;

-- The dataset of a watch can come and go
CREATE TABLE orphans (lead bigint, stage text);
CREATE TRIGGER capi AFTER INSERT OR UPDATE ON orphans
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage', 'trigger_later');
INSERT INTO orphans VALUES (123456789012345, 'too soon');
SELECT * FROM pg_temp.news();
CREATE SERVER trigger_later FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'SAP', mode 'paused');
UPDATE orphans SET stage = 'in time';
SELECT * FROM pg_temp.news();
-- with two datasets a trigger that names none knows of none
CREATE TRIGGER nameless AFTER INSERT OR UPDATE ON orphans
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage');
UPDATE orphans SET stage = 'which one';
SELECT * FROM pg_temp.news();
DROP SERVER trigger_later;
UPDATE orphans SET stage = 'too late';
SELECT * FROM pg_temp.news();
DROP TABLE orphans;

--
-- Partitions: also those that come later; a row that moves is changed, not new
--
CREATE TABLE parts (id int, lead bigint, stage text, region text) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
-- DELETE, because a row that moves fires DELETE and INSERT; capi_watch does the same
CREATE TRIGGER capi AFTER INSERT OR UPDATE OR DELETE ON parts
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage');
CREATE TABLE parts_us (stage text, region text, gone int, lead bigint, id int);
ALTER TABLE parts_us DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_us FOR VALUES IN ('us');
INSERT INTO parts VALUES (1, 123456789012345, 'in eu', 'eu'), (2, 123456789012346, 'in us', 'us');
INSERT INTO parts_us (lead, stage, region) VALUES (123456789012347, 'directly', 'us');
UPDATE parts SET stage = 'changed';
SELECT * FROM pg_temp.news();
UPDATE parts SET stage = 'moved and changed', region = 'us' WHERE id = 1;
SELECT * FROM pg_temp.news();
UPDATE parts SET region = 'eu' WHERE id = 1;
SELECT * FROM pg_temp.news();
DROP TABLE parts;

-- Inheritance: triggers are not inherited, each table has its own
CREATE TABLE mother (lead bigint, stage text);
CREATE TABLE child (extra int) INHERITS (mother);
CREATE TRIGGER capi AFTER INSERT OR UPDATE ON child
    FOR EACH ROW EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage');
INSERT INTO child VALUES (123456789012345, 'child');
UPDATE mother SET stage = 'child, through its parent';
SELECT * FROM pg_temp.news();
DROP TABLE mother CASCADE;

--
-- Rights. Whoever may write the CRM's table needs no right on our objects; its owner needs USAGE.
--
CREATE ROLE regress_capi_owner;
CREATE ROLE regress_capi_writer;
CREATE SCHEMA crm AUTHORIZATION regress_capi_owner;
GRANT USAGE ON SCHEMA crm TO regress_capi_writer;
SET ROLE regress_capi_owner;
CREATE TABLE crm.leads (lead bigint, stage text, seller name);
CREATE TRIGGER capi AFTER INSERT OR UPDATE ON crm.leads
    FOR EACH ROW EXECUTE FUNCTION public.capi_lead_stage_trigger('lead', 'stage', 'trigger_dataset');
GRANT SELECT, INSERT, UPDATE ON crm.leads TO regress_capi_writer;
INSERT INTO crm.leads VALUES (123456789012345, 'owner without usage');
RESET ROLE;
SELECT * FROM pg_temp.news();
GRANT USAGE ON FOREIGN SERVER trigger_dataset TO regress_capi_owner;
SET ROLE regress_capi_writer;
INSERT INTO crm.leads VALUES (123456789012346, 'writer', 'regress_capi_writer');
RESET ROLE;
SELECT * FROM pg_temp.news();
-- row-level security of the CRM is none of our business: what was written is enqueued
ALTER TABLE crm.leads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON crm.leads USING (seller = current_user) WITH CHECK (true);
SET ROLE regress_capi_writer;
UPDATE crm.leads SET stage = 'own row only';
INSERT INTO crm.leads VALUES (123456789012347, 'unseen by its writer', 'regress_capi_owner');
-- nothing is looked up through search_path
CREATE TEMP TABLE capi_event_log (id bigint);
SET search_path = pg_temp, public;
UPDATE crm.leads SET stage = 'odd search_path';
RESET search_path;
DROP TABLE pg_temp.capi_event_log;
RESET ROLE;
SELECT * FROM pg_temp.news();
DROP SCHEMA crm CASCADE;

REVOKE USAGE ON FOREIGN SERVER trigger_dataset FROM regress_capi_owner;
DROP ROLE regress_capi_owner, regress_capi_writer;
DROP DOMAIN meta_lead, meta_lead_text, short_stage;
DROP TYPE stage;
DROP SERVER trigger_dataset;
