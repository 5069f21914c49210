-- A stage and its time in two UPDATEs of one transaction: the event ends up with the time that was written for it.
-- The dataset is paused: nothing is sent.
\i test/sql/include/preamble.sql

CREATE SERVER late_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE SERVER second_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'Odoo', mode 'paused');
-- The events enqueued since the last call: lead, stage, and the event time as hours before the transaction
CREATE FUNCTION pg_temp.timed_news(OUT dataset name, OUT lead bigint, OUT event_name text, OUT hours_ago integer, OUT parked text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT dataset, lead_id % 1000, event_name, round(extract(epoch FROM now() - event_time) / 3600)::integer, reason_code
    FROM pg_temp.new_events() ORDER BY id
$$;
CREATE FUNCTION pg_temp.ago(hours integer) RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() - hours * interval '1 hour' $$;

-- One dataset reads a column, the other one an expression
CREATE TABLE leads (id int PRIMARY KEY, lead bigint, stage text, changed timestamptz, note text);
SELECT capi_watch('leads', 'lead', 'stage', 'late_dataset', event_time => 'changed');
SELECT capi_watch('leads', 'lead', 'upper(NEW.stage)', 'second_dataset', event_time => 'coalesce(NEW.changed, now() - interval ''1 day'')');
INSERT INTO leads SELECT i, 123456789012000 + i, 'new', pg_temp.ago(72) FROM generate_series(1, 3) i;
SELECT count(*) FROM pg_temp.timed_news();

-- Two UPDATEs, and further ones that leave the time alone or correct it
BEGIN;
UPDATE leads SET stage = 'qualified' WHERE id = 1;
UPDATE leads SET note = 'between' WHERE id = 1;
UPDATE leads SET changed = pg_temp.ago(2) WHERE id = 1;
UPDATE leads SET note = 'after' WHERE id = 1;
UPDATE leads SET changed = pg_temp.ago(1) WHERE id = 1;
COMMIT;
SELECT * FROM pg_temp.timed_news();
-- in another transaction it is too late: the time of a stage is not changed afterwards
UPDATE leads SET stage = 'won' WHERE id = 1;
UPDATE leads SET changed = pg_temp.ago(0) WHERE id = 1;
SELECT * FROM pg_temp.timed_news();
-- a stage that came with its time keeps it, as far as the watch can tell
BEGIN;
UPDATE leads SET stage = 'lost', changed = pg_temp.ago(5) WHERE id = 1;
UPDATE leads SET changed = pg_temp.ago(3) WHERE id = 1;
COMMIT;
SELECT * FROM pg_temp.timed_news();
-- each row and each watch has its own; of two stages the last one gets the time
BEGIN;
UPDATE leads SET stage = 'both' WHERE id > 1;
UPDATE leads SET stage = 'last' WHERE id = 3;
UPDATE leads SET changed = pg_temp.ago(id) WHERE id > 1;
COMMIT;
SELECT * FROM pg_temp.timed_news();
-- a time that is taken away, or cannot be sent
BEGIN;
UPDATE leads SET stage = 'no time' WHERE id = 2;
UPDATE leads SET changed = NULL WHERE id = 2;
UPDATE leads SET stage = 'too old' WHERE id = 3;
UPDATE leads SET changed = pg_temp.ago(1000) WHERE id = 3;
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- INSERT without a time, which is parked at first; and what else the row has by then
BEGIN;
INSERT INTO leads VALUES (4, 123456789012004, 'new'), (5, 123456789012005, 'new');
UPDATE leads SET changed = pg_temp.ago(4) WHERE id = 4;
COMMIT;
SELECT * FROM pg_temp.timed_news();
SELECT count(*) FROM capi_settlement s WHERE NOT EXISTS (SELECT FROM capi_event_log e WHERE e.id = s.event);

-- Savepoints: what is rolled back was never written, whichever of the two it is
BEGIN;
UPDATE leads SET stage = 'kept' WHERE id = 1;
SAVEPOINT a;
UPDATE leads SET changed = pg_temp.ago(7) WHERE id = 1;
ROLLBACK TO a;
COMMIT;
SELECT * FROM pg_temp.timed_news();
BEGIN;
UPDATE leads SET stage = 'again' WHERE id = 1;
SAVEPOINT a;
UPDATE leads SET note = 'undone' WHERE id = 1;
UPDATE leads SET changed = pg_temp.ago(7) WHERE id = 1;
ROLLBACK TO a;
UPDATE leads SET changed = pg_temp.ago(6) WHERE id = 1;
COMMIT;
SELECT * FROM pg_temp.timed_news();
BEGIN;
SAVEPOINT a;
UPDATE leads SET stage = 'undone' WHERE id = 1;
ROLLBACK TO a;
UPDATE leads SET changed = pg_temp.ago(8) WHERE id = 1;
SAVEPOINT b;
UPDATE leads SET stage = 'released' WHERE id = 1;
RELEASE b;
UPDATE leads SET changed = pg_temp.ago(9) WHERE id = 1;
COMMIT;
SELECT * FROM pg_temp.timed_news();
DO $$ BEGIN
    UPDATE leads SET stage = 'in a block' WHERE id = 1;
    BEGIN
        UPDATE leads SET changed = pg_temp.ago(10) WHERE id = 1;
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        UPDATE leads SET changed = pg_temp.ago(11) WHERE id = 1;
    END;
END $$;
SELECT * FROM pg_temp.timed_news();

-- The place of a row can be taken by another one
BEGIN;
TRUNCATE leads;
INSERT INTO leads VALUES (1, 123456789012001, 'first', pg_temp.ago(1));
UPDATE leads SET stage = 'truncated';
TRUNCATE leads;
INSERT INTO leads VALUES (2, 123456789012002, 'other', pg_temp.ago(1));
UPDATE leads SET note = 'same place as the first';
UPDATE leads SET changed = pg_temp.ago(2);
COMMIT;
SELECT * FROM pg_temp.timed_news() WHERE dataset = 'late_dataset';

-- Forgotten, or decided about, in between
BEGIN;
UPDATE leads SET stage = 'forgotten';
SELECT capi_forget(123456789012002) > 0 AS is_erased;
UPDATE leads SET changed = pg_temp.ago(1);
COMMIT;
SELECT * FROM pg_temp.timed_news();
DELETE FROM capi_tombstone;
BEGIN;
UPDATE leads SET stage = 'cancelled';
SELECT capi_cancel(array_agg(id)) FROM capi_event_log WHERE event_name = 'cancelled';
UPDATE leads SET changed = pg_temp.ago(3);
COMMIT;
SELECT * FROM pg_temp.timed_news() WHERE dataset = 'late_dataset';
DROP TABLE leads;

--
-- Several changes of a row under one command: by foreign keys that cascade, and at the end of the transaction
--
CREATE TABLE stage (name text PRIMARY KEY);
CREATE TABLE period (start timestamptz PRIMARY KEY);
INSERT INTO stage VALUES ('new');
INSERT INTO period VALUES (pg_temp.ago(20));
CREATE TABLE leads (lead bigint, stage text REFERENCES stage ON UPDATE CASCADE, changed timestamptz REFERENCES period ON UPDATE CASCADE);
SELECT capi_watch('leads', 'lead', 'stage', 'late_dataset', event_time => 'changed');
INSERT INTO leads SELECT 123456789012001, 'new', start FROM period;
SELECT * FROM pg_temp.timed_news();
WITH named AS (UPDATE stage SET name = 'renamed') UPDATE period SET start = pg_temp.ago(2);
SELECT * FROM pg_temp.timed_news();
DROP TABLE leads, stage, period;
CREATE TABLE leads (lead bigint, stage text, changed timestamptz);
CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT OR UPDATE ON leads DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION capi_lead_stage_trigger('lead', 'stage', 'late_dataset', 'changed');
BEGIN;
INSERT INTO leads VALUES (123456789012001, 'new');
UPDATE leads SET changed = pg_temp.ago(3);
UPDATE leads SET stage = 'deferred';
UPDATE leads SET changed = pg_temp.ago(2);
SELECT * FROM pg_temp.timed_news();
COMMIT;
SELECT * FROM pg_temp.timed_news();
DROP TABLE leads;

--
-- Each stage once: parked, it has not been reached; and it is reached by the event that is there in the end
--
CREATE TABLE leads (lead bigint, stage text, changed timestamptz);
SELECT capi_watch('leads', 'lead', 'stage', 'late_dataset', event_time => 'changed', repeat => 'first');
BEGIN;
INSERT INTO leads VALUES (123456789012001, 'new');
UPDATE leads SET changed = pg_temp.ago(3);
UPDATE leads SET stage = 'qualified';
UPDATE leads SET changed = pg_temp.ago(2);
UPDATE leads SET stage = 'too old';
UPDATE leads SET changed = pg_temp.ago(1000);
COMMIT;
SELECT r.event_name, e.event_name FROM capi_reached_stage r LEFT JOIN capi_event_log e ON e.id = r.event
WHERE r.lead_id = 123456789012001 ORDER BY r.event;
BEGIN;
UPDATE leads SET stage = 'new';
UPDATE leads SET changed = pg_temp.ago(1);
COMMIT;
SELECT * FROM pg_temp.timed_news();
DROP TABLE leads;

--
-- Conditions were asked when the stage changed; identities and further data are those of the row in the end
--
CREATE TABLE leads (lead bigint, stage text, changed timestamptz, email text, amount numeric);
SELECT capi_watch('leads', 'lead', 'stage', 'late_dataset', event_time => 'changed', user_data => '{"em": "email"}', custom_data => '{"value": "amount"}',
    condition => 'NEW.stage IS DISTINCT FROM OLD.stage');
BEGIN;
INSERT INTO leads VALUES (123456789012001, 'new');
UPDATE leads SET changed = pg_temp.ago(1), email = 'jo@example.com', amount = 5;
COMMIT;
SELECT user_data ->> 'em' = capi_hash('em', 'jo@example.com') AS email, custom_data FROM capi_event_log WHERE id > (SELECT id FROM looked) ORDER BY id;
SELECT * FROM pg_temp.timed_news();
DROP TABLE leads;

--
-- Partitions: the row may move meanwhile, to where its columns stand in another order
--
CREATE TABLE leads (id int, lead bigint, stage text, changed timestamptz, region text) PARTITION BY LIST (region);
CREATE TABLE leads_eu PARTITION OF leads FOR VALUES IN ('eu');
CREATE TABLE leads_us (region text, gone int, changed timestamptz, stage text, lead bigint, id int);
ALTER TABLE leads_us DROP COLUMN gone;
ALTER TABLE leads ATTACH PARTITION leads_us FOR VALUES IN ('us');
SELECT capi_watch('leads', 'lead', 'stage', 'late_dataset', event_time => 'changed');
INSERT INTO leads SELECT i, 123456789012000 + i, 'new', pg_temp.ago(72), 'eu' FROM generate_series(1, 3) i;
SELECT count(*) FROM pg_temp.timed_news();
BEGIN;
UPDATE leads SET stage = 'time moves' WHERE id = 1;
UPDATE leads SET changed = pg_temp.ago(1), region = 'us' WHERE id = 1;
UPDATE leads SET stage = 'moves between' WHERE id = 2;
UPDATE leads SET region = 'us' WHERE id = 2;
UPDATE leads SET changed = pg_temp.ago(2) WHERE id = 2;
UPDATE leads SET stage = 'stage moves', region = 'us' WHERE id = 3;
UPDATE leads SET changed = pg_temp.ago(3) WHERE id = 3;
COMMIT;
SELECT * FROM pg_temp.timed_news();
DROP TABLE leads;

--
-- In bulk only the first 10,000 are remembered
--
CREATE TABLE leads (lead bigint, stage text, changed timestamptz);
INSERT INTO leads SELECT 123456789000000 + i, 'new', pg_temp.ago(72) FROM generate_series(1, 10010) i;
SELECT capi_watch('leads', 'lead', 'stage', 'late_dataset', event_time => 'changed');
BEGIN;
UPDATE leads SET stage = 'bulk';
UPDATE leads SET changed = pg_temp.ago(1);
COMMIT;
SELECT hours_ago, count(*), count(DISTINCT e.event_name) FROM pg_temp.timed_news() e GROUP BY 1 ORDER BY 1;
DROP TABLE leads;
DROP SERVER late_dataset, second_dataset;
DELETE FROM capi_reached_stage;
