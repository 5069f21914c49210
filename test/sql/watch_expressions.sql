-- capi_watch() with expressions, stage_map, unmapped, condition and repeat. The datasets are paused: nothing is sent.
\i test/sql/include/preamble.sql

CREATE SERVER expression_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');

--
-- A stage and a lead id that are in other tables
--
CREATE TABLE crm_stage (id int PRIMARY KEY, name text);
INSERT INTO crm_stage VALUES (1, 'initial_lead'), (2, 'qualified'), (3, 'converted'), (4, 'qualified');
CREATE TABLE contact (id int PRIMARY KEY, meta_lead text);
INSERT INTO contact VALUES (1, 'l:123456789012345'), (2, NULL);
CREATE TABLE crm_lead (id int PRIMARY KEY, contact_id int, stage_id int, note text);
SELECT capi_watch('crm_lead', lead_id => '(SELECT meta_lead FROM contact WHERE id = NEW.contact_id)',
                  stage => '(SELECT name FROM crm_stage WHERE id = NEW.stage_id)');
-- it is written down with the schema of each table
\d crm_lead
\x on
SELECT * FROM capi_watches;
\x off
INSERT INTO crm_lead VALUES (1, 1, 1), (2, 2, 1);
UPDATE crm_lead SET stage_id = 2;
SELECT * FROM pg_temp.news();
-- nothing that is read has changed; or it has, and yields the same
UPDATE crm_lead SET note = 'called';
UPDATE crm_lead SET stage_id = 4;
SELECT * FROM pg_temp.news();
-- what the statement itself has written is seen
WITH new_contact AS (INSERT INTO contact VALUES (3, '333333333333333') RETURNING id)
INSERT INTO crm_lead SELECT 3, id, 3 FROM new_contact;
SELECT * FROM pg_temp.news();
-- a stage that is not there
UPDATE crm_lead SET stage_id = 99 WHERE id = 1;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm_lead');

--
-- stage_map, by text and by a foreign key's value; unmapped
--
SELECT capi_watch('crm_lead', '(SELECT meta_lead FROM contact WHERE id = NEW.contact_id)', 'stage_id',
                  stage_map => '{"1": "initial_lead", "2": "qualified", "3": "converted", "4": "qualified"}');
UPDATE crm_lead SET stage_id = 1 WHERE id = 1;
UPDATE crm_lead SET stage_id = 2 WHERE id = 1;
-- two stages that are sent under one name are one
UPDATE crm_lead SET stage_id = 4 WHERE id = 1;
UPDATE crm_lead SET stage_id = 5 WHERE id = 1;
UPDATE crm_lead SET stage_id = NULL WHERE id = 1;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm_lead');
SELECT capi_watch('crm_lead', '(SELECT meta_lead FROM contact WHERE id = NEW.contact_id)', 'stage_id',
                  stage_map => '{"1": "initial_lead", "2": "qualified"}', unmapped => 'skip');
UPDATE crm_lead SET stage_id = 1 WHERE id = 1;
UPDATE crm_lead SET stage_id = 5 WHERE id = 1;
UPDATE crm_lead SET stage_id = 6 WHERE id = 1;
UPDATE crm_lead SET stage_id = NULL WHERE id = 1;
UPDATE crm_lead SET stage_id = 1 WHERE id = 1;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm_lead');
SELECT capi_watch('crm_lead', '(SELECT meta_lead FROM contact WHERE id = NEW.contact_id)', 'stage_id',
                  stage_map => '{"1": "initial_lead", "2": "qualified"}', unmapped => 'park');
UPDATE crm_lead SET stage_id = 5 WHERE id = 1;
UPDATE crm_lead SET stage_id = 6 WHERE id = 1;
UPDATE crm_lead SET stage_id = 2 WHERE id = 1;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('crm_lead');
DROP TABLE crm_lead;

--
-- condition
--
CREATE TABLE leads (id int PRIMARY KEY, lead bigint, stage text, consent boolean, score numeric, data jsonb,
                    changed timestamp, secret text);
SELECT capi_watch('leads', 'lead', 'stage', condition => 'NEW.consent AND NEW.stage IS DISTINCT FROM ''draft''');
INSERT INTO leads VALUES (1, 123456789012345, 'new', true), (2, 123456789012346, 'new', false),
    (3, 123456789012347, 'new', NULL), (4, 123456789012348, 'draft', true);
UPDATE leads SET stage = 'qualified';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('leads');
-- over the row before the change, which is NULL for a new one
SELECT capi_watch('leads', 'lead', 'stage', condition => 'OLD.score IS NULL OR NEW.score > OLD.score');
INSERT INTO leads VALUES (5, 123456789012349, 'new', true, 5);
UPDATE leads SET stage = 'better', score = 6 WHERE id = 5;
UPDATE leads SET stage = 'worse', score = 4 WHERE id = 5;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'lead', 'stage', condition => 'OLD IS NULL');
INSERT INTO leads VALUES (6, 123456789012350, 'as inserted');
UPDATE leads SET stage = 'updated' WHERE id = 6;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('leads');

--
-- repeat => first: each stage of a lead once, whatever happened in between
--
SELECT capi_watch('leads', 'lead', 'stage', repeat => 'first');
INSERT INTO leads VALUES (10, 100000000000010, 'new');
UPDATE leads SET stage = 'qualified' WHERE id = 10;
UPDATE leads SET stage = 'new' WHERE id = 10;
UPDATE leads SET stage = 'qualified' WHERE id = 10;
INSERT INTO leads VALUES (11, 100000000000010, 'qualified'), (12, 100000000000012, 'qualified');
SELECT * FROM pg_temp.news();
-- what is rolled back was not sent
BEGIN;
UPDATE leads SET stage = 'converted' WHERE id = 10;
ROLLBACK;
BEGIN;
SAVEPOINT one;
UPDATE leads SET stage = 'converted' WHERE id = 10;
ROLLBACK TO one;
UPDATE leads SET stage = 'lost' WHERE id = 10;
UPDATE leads SET stage = 'converted' WHERE id = 10;
UPDATE leads SET stage = 'lost' WHERE id = 10;
COMMIT;
SELECT * FROM pg_temp.news();
-- what is parked was not sent either
UPDATE leads SET lead = 7, stage = 'new' WHERE id = 12;
UPDATE leads SET stage = 'qualified' WHERE id = 12;
UPDATE leads SET stage = 'new' WHERE id = 12;
SELECT * FROM pg_temp.news();
SELECT lead_id, dataset_id, event_name FROM capi_reached_stage ORDER BY 1, 2, 3;
SELECT capi_unwatch('leads');
TRUNCATE leads;

--
-- Expressions that raise an error park the event; what they were about is not told
--
SELECT capi_watch('leads', 'lead', $$CASE WHEN NEW.stage = 'bad' THEN (1 / (NEW.id - NEW.id))::text ELSE upper(NEW.stage) END$$);
INSERT INTO leads VALUES (1, 123456789012345, 'new'), (2, 123456789012346, 'bad'), (3, 123456789012347, 'new');
UPDATE leads SET stage = 'bad';
UPDATE leads SET stage = 'good';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'NEW.secret::bigint', 'stage');
INSERT INTO leads (id, stage, secret) VALUES (4, 'new', 'jane.doe@example.com'), (5, 'new', '123456789012345'), (6, 'new', NULL);
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('leads');
TRUNCATE leads;

--
-- Times by expression: a timestamp is UTC whatever the session says, and a zone can be given
--
SELECT capi_watch('leads', 'lead', 'stage', event_time => $$NEW.changed AT TIME ZONE 'Europe/Berlin'$$);
SET timezone = 'Asia/Tokyo';
INSERT INTO leads (id, lead, stage, changed) VALUES (1, 123456789012345, 'new', date_trunc('hour', now()) AT TIME ZONE 'Europe/Berlin');
RESET timezone;
SELECT event_time = date_trunc('hour', now()) AS same FROM capi_event_log ORDER BY id DESC LIMIT 1;
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'lead', 'stage', event_time => 'NEW.changed::timestamptz');
SET timezone = 'Asia/Tokyo';
UPDATE leads SET stage = 'next', changed = date_trunc('hour', now()) AT TIME ZONE 'UTC';
RESET timezone;
SELECT event_time = date_trunc('hour', now()) AS same FROM capi_event_log ORDER BY id DESC LIMIT 1;
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('leads');

-- ISO 8601 in a column of texts: the cast is the watch's, and so is the zone
CREATE TABLE imported (lead bigint, stage text, at text);
SELECT pg_temp.attempt($$SELECT capi_watch('imported', 'lead', 'stage', event_time => 'at')$$);
SELECT pg_temp.attempt($$SELECT capi_watch('imported', 'lead', 'stage', event_time => 'NEW.at || ''Z''')$$);
SELECT capi_watch('imported', 'lead', 'stage', event_time => 'NEW.at::timestamptz');
SET timezone = 'Asia/Tokyo';
INSERT INTO imported SELECT 123456789012345, zone, to_char(date_trunc('hour', now()) AT TIME ZONE zone, 'YYYY-MM-DD"T"HH24:MI:SS') || shown
FROM (VALUES (1, 'UTC', 'Z'), (2, 'Etc/GMT-2', '+02:00'), (3, 'Etc/GMT+5', '-0500')) AS v(n, zone, shown) ORDER BY n;
RESET timezone;
SELECT event_name, event_time = date_trunc('hour', now()) AS same FROM capi_event_log ORDER BY id DESC LIMIT 3;
INSERT INTO imported VALUES (123456789012345, 'no time', 'yesterday evening');
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('imported');
SELECT capi_watch('imported', 'lead', 'stage', event_time => $$NEW.at::timestamp AT TIME ZONE 'Europe/Berlin'$$);
SET timezone = 'Asia/Tokyo';
INSERT INTO imported VALUES (123456789012345, 'local', to_char(date_trunc('hour', now()) AT TIME ZONE 'Europe/Berlin', 'YYYY-MM-DD"T"HH24:MI:SS'));
RESET timezone;
SELECT event_name, event_time = date_trunc('hour', now()) AS same FROM capi_event_log ORDER BY id DESC LIMIT 1;
SELECT capi_unwatch('imported');
DROP TABLE imported;
SELECT * FROM pg_temp.news();

--
-- What breaks later parks events, shows in capi_watches, and never fails the CRM's statement
--
CREATE TABLE crm_lead (lead bigint, stage_id int, kind text);
SELECT capi_watch('crm_lead', 'lead', '(SELECT name FROM crm_stage WHERE id = NEW.stage_id)', condition => $$NEW.kind = 'meta'$$);
INSERT INTO crm_lead VALUES (123456789012345, 1, 'meta');
ALTER TABLE crm_stage RENAME TO stages;
UPDATE crm_lead SET stage_id = 2;
SELECT problem FROM capi_watches;
ALTER TABLE stages RENAME TO crm_stage;
SELECT problem FROM capi_watches;
UPDATE crm_lead SET stage_id = 3;
SELECT * FROM pg_temp.news();
ALTER TABLE crm_stage RENAME name TO title;
UPDATE crm_lead SET stage_id = 1;
SELECT problem FROM capi_watches;
ALTER TABLE crm_stage RENAME title TO name;
ALTER TABLE crm_lead RENAME kind TO sort;
UPDATE crm_lead SET stage_id = 2;
SELECT problem FROM capi_watches;
ALTER TABLE crm_lead RENAME sort TO kind;
ALTER TABLE crm_lead ALTER stage_id TYPE text;
UPDATE crm_lead SET stage_id = '1';
SELECT problem FROM capi_watches;
ALTER TABLE crm_lead ALTER stage_id TYPE int USING stage_id::int;
DROP TABLE crm_stage;
UPDATE crm_lead SET stage_id = 3;
UPDATE crm_lead SET kind = 'meta again';
SELECT * FROM pg_temp.news();
CREATE TABLE crm_stage (id int PRIMARY KEY, name varchar(20));
INSERT INTO crm_stage VALUES (1, 'initial_lead'), (2, 'qualified'), (3, 'converted'), (4, 'qualified');
UPDATE crm_lead SET stage_id = 2, kind = 'meta';
SELECT * FROM pg_temp.news();
-- within one transaction, too
BEGIN;
ALTER TABLE crm_lead DROP COLUMN kind;
UPDATE crm_lead SET stage_id = 1;
ALTER TABLE crm_lead ADD COLUMN kind text DEFAULT 'meta';
UPDATE crm_lead SET stage_id = 2;
COMMIT;
SELECT * FROM pg_temp.news();
DROP TABLE crm_lead;

--
-- What is refused, with SQLSTATE, detail and hint
--
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n'
SELECT '* ' || arguments, pg_temp.attempt('SELECT capi_watch(''leads'', ' || arguments || ')')
FROM (VALUES
    (1, $$'lead', '1; DROP TABLE leads'$$),
    (2, $$'lead', 'NEW.stage) FROM pg_class --'$$),
    (3, $$'lead', 'NEW.stage FROM pg_class'$$),
    (4, $$'lead', 'NEW.stage, NEW.id'$$),
    (5, $$'lead', 'NEW.stage AS name'$$),
    (6, $$'lead', 'NEW.stage name'$$),
    (7, $$'lead', '*'$$),
    (8, $$'lead', 'DISTINCT NEW.stage'$$),
    (9, $$'lead', 'NEW.stage ORDER BY 1'$$),
    (10, $$'lead', 'NEW.stage WHERE true'$$),
    (11, $$'lead', 'SELECT 1'$$),
    (12, $$'lead', 'max(NEW.stage)'$$),
    (13, $$'lead', 'row_number() OVER ()'$$),
    (14, $$'lead', 'generate_series(1, NEW.id)'$$),
    (15, $$'lead', 'NEW.stages'$$),
    (16, $$'lead', 'upper(stage)'$$),
    (17, $$'lead', 'OLD.stage'$$),
    (18, $$'lead', 'NEW.stage.name'$$),
    (19, $$'lead', 'no_such_function(NEW.stage)'$$),
    (20, $$'lead', '(SELECT name FROM no_such_table)'$$),
    (21, $$'lead', 'NEW.stage + 1'$$),
    (22, $$'lead', '$1'$$),
    (23, $$'lead', '/* open'$$),
    (24, $$'lead', 'NEW.stage', event_time => 'NEW.stage'$$),
    (25, $$'lead', 'NEW.stage', lead_created_at => 'true'$$),
    (26, $$'lead', 'NEW.stage', condition => 'NEW.stage'$$),
    (27, $$'lead', 'NEW.stage', condition => 'NEW.id'$$),
    (28, $$'lead', 'NEW'$$),
    (29, $$'lead', 'NEW.*'$$),
    (30, $$'lead', 'stage', stage_map => '[]'$$),
    (31, $$'lead', 'stage', stage_map => '{}'$$),
    (32, $$'lead', 'stage', stage_map => '{"a": 1}'$$),
    (33, $$'lead', 'stage', stage_map => '{"a": null}'$$),
    (34, $$'lead', 'stage', stage_map => '{"a": " "}'$$),
    (35, $$'lead', 'stage', stage_map => '{"a": {"b": "c"}}'$$),
    (36, $$'lead', 'stage', stage_map => '{"a": "b"}', unmapped => 'drop'$$),
    (37, $$'lead', 'stage', unmapped => 'skip'$$),
    (38, $$'lead', 'stage', repeat => 'twice'$$),
    (39, $$'lead', 'stage', repeat => NULL$$),
    (40, $$'lead', 'stage', recheck => true$$)) AS v(n, arguments)
ORDER BY n;
\pset tuples_only off
\pset format aligned
\pset fieldsep '|'
-- where in the expression
\set VERBOSITY terse
SELECT capi_watch('leads', 'lead', 'NEW.stage || no_such_function(NEW.id)');
\set VERBOSITY default
SELECT capi_watch('leads', 'lead', 'NEW.stage || nothing');
SELECT capi_watch('leads', 'lead', 'NEW.stage || ) 1');
SELECT capi_watch('leads', 'lead', 'NEW.stage || NEW.nothing');
SELECT count(*) FROM capi_watches;

-- Several datasets, each with its watch; one can be taken away
CREATE SERVER other_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'Odoo', mode 'paused');
SELECT capi_watch('leads', 'lead', 'upper(NEW.stage)', 'expression_dataset');
SELECT capi_watch('leads', 'lead', 'stage', 'other_dataset');
SELECT capi_watch('leads', 'lead', 'lower(NEW.stage)', 'other_dataset');
UPDATE leads SET stage = 'Both';
SELECT * FROM pg_temp.news();
SELECT capi_unwatch('leads', 'expression_dataset');
SELECT capi_unwatch('leads', 'expression_dataset');
SELECT dataset, stage FROM capi_watches;
SELECT capi_unwatch('leads', dataset => 'other_dataset');

DROP TABLE leads, contact, crm_stage;
DELETE FROM capi_reached_stage;
DROP SERVER expression_dataset, other_dataset;
