-- Stages of one transaction that repeat under one time are one event each, for the trigger and for capi_backfill: that
-- is what their event_id says, and Meta does not promise to take two events of one event_id for one.
\i test/sql/include/preamble.sql

CREATE SERVER repeated_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE SERVER other_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'Odoo', mode 'paused');
CREATE FUNCTION pg_temp.timed_news(OUT dataset name, OUT lead bigint, OUT event_name text, OUT hours_ago integer)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT dataset, lead_id % 1000, event_name, round(extract(epoch FROM now() - event_time) / 3600)::integer
    FROM pg_temp.new_events() ORDER BY id
$$;
CREATE FUNCTION pg_temp.ago(hours integer) RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() - hours * interval '1 hour' $$;
CREATE TABLE leads (id int PRIMARY KEY, lead bigint, stage text, changed timestamptz);
SELECT capi_watch('leads', 'lead', 'stage', 'repeated_dataset', event_time => 'changed');

-- There and back, twice
BEGIN;
INSERT INTO leads VALUES (1, 123456789012001, 'a', pg_temp.ago(1));
UPDATE leads SET stage = 'b';
UPDATE leads SET stage = 'a';
UPDATE leads SET stage = 'b';
COMMIT;
SELECT * FROM pg_temp.timed_news();
SELECT event_name, action FROM capi_backfill('leads');
-- at other times they are events of their own
BEGIN;
UPDATE leads SET stage = 'a', changed = pg_temp.ago(0);
UPDATE leads SET stage = 'b', changed = changed + interval '1 microsecond';
UPDATE leads SET stage = 'a', changed = changed + interval '1 microsecond';
COMMIT;
SELECT * FROM pg_temp.timed_news();
SELECT count(DISTINCT capi_payload(id) ->> 'event_id') = count(*) AS all_differ FROM capi_event_log WHERE lead_id = 123456789012001 AND id > :before;

-- Rows of one lead, as capi_backfill counts them
INSERT INTO leads VALUES (2, 123456789012002, 'a', pg_temp.ago(2)), (3, 123456789012002, 'a', pg_temp.ago(2)), (4, 123456789012003, 'a', pg_temp.ago(2));
SELECT * FROM pg_temp.timed_news();

-- What a savepoint has undone is not there
BEGIN;
SAVEPOINT a;
UPDATE leads SET stage = 'undone' WHERE id = 4;
ROLLBACK TO a;
UPDATE leads SET stage = 'undone' WHERE id = 4;
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- A time that comes late comes to the stage that is there in the end
BEGIN;
UPDATE leads SET stage = 'x' WHERE id = 4;
UPDATE leads SET stage = 'y' WHERE id = 4;
UPDATE leads SET stage = 'x' WHERE id = 4;
UPDATE leads SET changed = pg_temp.ago(1) WHERE id = 4;
COMMIT;
SELECT * FROM pg_temp.timed_news();

-- Each dataset has its own
SELECT capi_watch('leads', 'lead', 'stage', 'other_dataset', event_time => 'changed');
BEGIN;
UPDATE leads SET stage = 'm' WHERE id = 4;
UPDATE leads SET stage = 'n' WHERE id = 4;
UPDATE leads SET stage = 'm' WHERE id = 4;
COMMIT;
SELECT * FROM pg_temp.timed_news();
SELECT capi_unwatch('leads');

-- The moment of the change is another one each time
SELECT capi_watch('leads', 'lead', 'stage', 'repeated_dataset');
BEGIN;
UPDATE leads SET stage = 'a' WHERE id = 4;
UPDATE leads SET stage = 'b' WHERE id = 4;
UPDATE leads SET stage = 'a' WHERE id = 4;
COMMIT;
SELECT event_name FROM pg_temp.timed_news();
DROP TABLE leads;
DROP SERVER repeated_dataset, other_dataset;
