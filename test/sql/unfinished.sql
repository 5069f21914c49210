-- What a transaction leaves undone counts, not what it passes through: an event that was parked because the row
-- lacked something is taken back when the same transaction completes the row. The dataset is paused.
\i test/sql/include/preamble.sql

CREATE SERVER unfinished_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused', default_country 'DE');
-- The events enqueued since the last call: lead, stage, the event time as hours before the transaction, and why it is parked
CREATE FUNCTION pg_temp.timed_news(OUT lead bigint, OUT event_name text, OUT hours_ago integer, OUT parked text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT lead_id % 1000, event_name, round(extract(epoch FROM now() - event_time) / 3600)::integer, reason_code
    FROM pg_temp.new_events() ORDER BY id
$$;
CREATE FUNCTION pg_temp.ago(hours integer) RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() - hours * interval '1 hour' $$;

CREATE TABLE leads (id int PRIMARY KEY, lead text, stage text, changed timestamptz, note text);
SELECT capi_watch('leads', 'lead', 'stage', 'unfinished_dataset', event_time => 'changed');

-- Stage and time by a second UPDATE, as Odoo creates a lead; one that stays so is parked
BEGIN;
INSERT INTO leads VALUES (1, '123456789012001'), (2, '123456789012002');
UPDATE leads SET note = 'nothing to the point';
UPDATE leads SET stage = 'new', changed = pg_temp.ago(1) WHERE id = 1;
COMMIT;
SELECT * FROM pg_temp.timed_news();
-- in another transaction it was left undone
UPDATE leads SET stage = 'new', changed = pg_temp.ago(1) WHERE id = 2;
SELECT * FROM pg_temp.timed_news();
SELECT count(*) AS left_over FROM capi_settlement s WHERE NOT EXISTS (SELECT FROM capi_event_log e WHERE e.id = s.event);

-- A lead id that is none at first, with the stage and before it
BEGIN;
INSERT INTO leads VALUES (3, 'pending', 'new', pg_temp.ago(2)), (4, 'pending', 'new', pg_temp.ago(2)), (5, 'pending', 'new', pg_temp.ago(2));
UPDATE leads SET lead = '123456789012003' WHERE id = 3;
UPDATE leads SET lead = '123456789012004', stage = 'qualified', changed = pg_temp.ago(1) WHERE id = 4;
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- The first stage takes the time that the row gets later, and keeps its place
BEGIN;
INSERT INTO leads VALUES (6, '123456789012006', 'new');
UPDATE leads SET stage = 'qualified', changed = pg_temp.ago(3) WHERE id = 6;
COMMIT;
SELECT * FROM pg_temp.timed_news();
-- also through several stages
BEGIN;
INSERT INTO leads VALUES (7, '123456789012007', 'new');
UPDATE leads SET stage = 'met' WHERE id = 7;
UPDATE leads SET note = 'between' WHERE id = 7;
UPDATE leads SET stage = 'offered' WHERE id = 7;
UPDATE leads SET changed = pg_temp.ago(4) WHERE id = 7;
COMMIT;
SELECT * FROM pg_temp.timed_news();
-- a time that never comes is told for each of them
BEGIN;
INSERT INTO leads VALUES (8, '123456789012008', 'new');
UPDATE leads SET stage = 'met' WHERE id = 8;
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- A stage that was good and lost its lead is not given to another one
BEGIN;
INSERT INTO leads VALUES (9, '123456789012009', 'new');
UPDATE leads SET lead = '123456789012010', stage = 'qualified', changed = pg_temp.ago(5) WHERE id = 9;
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- A time that lay in the future, or before the lead
BEGIN;
INSERT INTO leads VALUES (11, '123456789012011', 'new', pg_temp.ago(-100));
UPDATE leads SET changed = pg_temp.ago(6) WHERE id = 11;
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- Savepoints: what completes the row can be rolled back, and then come again
BEGIN;
INSERT INTO leads VALUES (12, '123456789012012');
SAVEPOINT a;
UPDATE leads SET stage = 'undone', changed = pg_temp.ago(1) WHERE id = 12;
ROLLBACK TO a;
UPDATE leads SET stage = 'done', changed = pg_temp.ago(2) WHERE id = 12;
SAVEPOINT b;
INSERT INTO leads VALUES (13, '123456789012013');
RELEASE b;
UPDATE leads SET stage = 'released', changed = pg_temp.ago(3) WHERE id = 13;
INSERT INTO leads VALUES (14, '123456789012014');
SAVEPOINT c;
UPDATE leads SET stage = 'undone', changed = pg_temp.ago(1) WHERE id = 14;
ROLLBACK TO c;
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- Rolled back as a whole
BEGIN;
INSERT INTO leads VALUES (15, '123456789012015');
UPDATE leads SET stage = 'new', changed = pg_temp.ago(1) WHERE id = 15;
ROLLBACK;
SELECT * FROM pg_temp.timed_news();

-- The place of a row can be taken by another one
BEGIN;
TRUNCATE leads;
INSERT INTO leads VALUES (1, '123456789012101');
TRUNCATE leads;
INSERT INTO leads VALUES (2, '123456789012102', 'new', pg_temp.ago(1));
UPDATE leads SET stage = 'qualified', changed = pg_temp.ago(0);
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- Decided about, or forgotten, in between
BEGIN;
INSERT INTO leads VALUES (3, '123456789012103');
SELECT capi_cancel(array_agg(event)) FROM capi_settlement WHERE event > (SELECT id FROM looked);
UPDATE leads SET stage = 'new', changed = pg_temp.ago(1) WHERE id = 3;
INSERT INTO leads VALUES (4, '123456789012104');
SELECT capi_forget(123456789012104);
UPDATE leads SET stage = 'new', changed = pg_temp.ago(1) WHERE id = 4;
COMMIT;
SELECT * FROM pg_temp.timed_news();
DELETE FROM capi_tombstone;
SELECT capi_unwatch('leads');

-- Stages that a map does not name are told even if they were passed through
SELECT capi_watch('leads', 'lead', 'stage', 'unfinished_dataset', stage_map => '{"new": "New"}', unmapped => 'park');
BEGIN;
INSERT INTO leads VALUES (20, '123456789012120', 'custom');
UPDATE leads SET stage = 'new' WHERE id = 20;
COMMIT;
SELECT * FROM pg_temp.news();
DROP TABLE leads;

-- Identities: leads by their own key, whose e-mail comes by a further UPDATE
CREATE TABLE leads (id uuid PRIMARY KEY, stage text, email text, amount text);
SELECT capi_watch('leads', 'id', 'stage', 'unfinished_dataset', user_data => '{"em": "email"}', custom_data => '{"value": "NEW.amount::numeric"}');
BEGIN;
INSERT INTO leads VALUES ('11111111-2222-3333-4444-555555555551', 'new'), ('11111111-2222-3333-4444-555555555552', 'new');
UPDATE leads SET email = 'jo@example.com' WHERE id = '11111111-2222-3333-4444-555555555551';
COMMIT;
SELECT event_name, user_data ->> 'em' = capi_hash('em', 'jo@example.com') AS email, reason_code FROM pg_temp.new_events();
-- and a value that an expression could not read
BEGIN;
INSERT INTO leads VALUES ('11111111-2222-3333-4444-555555555553', 'new', 'al@example.com', 'much');
UPDATE leads SET amount = '5';
COMMIT;
SELECT event_name, custom_data, reason_code FROM pg_temp.new_events();
DROP TABLE leads;

-- A condition that raised an error was not fulfilled: its event stays as it is
CREATE TABLE leads (lead text, stage text, consent text);
SELECT capi_watch('leads', 'lead', 'stage', 'unfinished_dataset', condition => 'NEW.consent::boolean');
BEGIN;
INSERT INTO leads VALUES ('123456789012001', 'new', 'perhaps');
UPDATE leads SET consent = 'no';
COMMIT;
SELECT * FROM pg_temp.news();
DROP TABLE leads;

-- Each stage once: what was parked has not been reached
CREATE TABLE leads (lead text, stage text, changed timestamptz);
SELECT capi_watch('leads', 'lead', 'stage', 'unfinished_dataset', event_time => 'changed', repeat => 'first');
BEGIN;
INSERT INTO leads VALUES ('123456789012201');
UPDATE leads SET stage = 'new';
UPDATE leads SET stage = 'qualified', changed = pg_temp.ago(1);
COMMIT;
BEGIN;
UPDATE leads SET stage = 'new', changed = pg_temp.ago(0);
COMMIT;
SELECT * FROM pg_temp.timed_news();
SELECT count(*) AS reached FROM capi_reached_stage r JOIN capi_event_log e ON e.id = r.event WHERE r.lead_id = 123456789012201;
DROP TABLE leads;

-- Partitions: the row moves while it is completed
CREATE TABLE leads (lead text, stage text, changed timestamptz, region text) PARTITION BY LIST (region);
CREATE TABLE leads_eu PARTITION OF leads FOR VALUES IN ('eu');
CREATE TABLE leads_us PARTITION OF leads FOR VALUES IN ('us');
SELECT capi_watch('leads', 'lead', 'stage', 'unfinished_dataset', event_time => 'changed');
BEGIN;
INSERT INTO leads VALUES ('123456789012301', NULL, NULL, 'eu');
UPDATE leads SET region = 'us', stage = 'new', changed = pg_temp.ago(1);
COMMIT;
SELECT * FROM pg_temp.timed_news();
DROP TABLE leads;

-- In bulk only the first 10,000 are remembered
CREATE TABLE leads (lead text, stage text);
SELECT capi_watch('leads', 'lead', 'stage', 'unfinished_dataset');
BEGIN;
INSERT INTO leads SELECT (123456789000000 + i)::text FROM generate_series(1, 10010) i;
UPDATE leads SET stage = 'new';
COMMIT;
SELECT event_name, parked, count(*) FROM pg_temp.news() GROUP BY 1, 2 ORDER BY 3;
DROP TABLE leads;
DROP SERVER unfinished_dataset;
DELETE FROM capi_reached_stage;
