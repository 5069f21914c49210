-- capi_retry of events that were parked when they were enqueued: judged again by their row and the watch as they are
-- now, with the time at which the change was captured. Nothing leaves: the dataset does a dry run.
\i test/sql/include/preamble.sql
\pset null '(null)'

CREATE SERVER retry_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'dry_run');
CREATE USER MAPPING FOR PUBLIC SERVER retry_dataset OPTIONS (access_token 'token');
CREATE TABLE leads (id integer PRIMARY KEY, fb bigint, stage text, at timestamptz, ok boolean DEFAULT true);
SELECT capi_watch('leads', 'fb', 'stage', 'retry_dataset', stage_map => '{"new": "raw"}', unmapped => 'park');

-- What a call of capi_retry makes of the parked events: the old one, and the event in its place
CREATE FUNCTION pg_temp.retry(OUT owed bigint) LANGUAGE sql AS
$$ SELECT capi_retry(ARRAY(SELECT e.id FROM capi_undelivered e WHERE e.id > (SELECT l.id FROM looked l) AND e.status IN ('parked', 'cancelled'))) $$;
CREATE FUNCTION pg_temp.became() RETURNS TABLE (lead bigint, was text, became text, status text, reason_code text, detail text, same_time boolean)
LANGUAGE sql AS $$
    SELECT e.lead_id - 423456789012000, e.event_name, n.event_name, s.status, s.reason_code, regexp_replace(s.detail, 'event \d+', 'event N'),
           n.event_time = e.enqueued_at
    FROM capi_event_log e JOIN capi_settlement s ON s.event = e.id
         LEFT JOIN capi_event_log n ON s.reason_code = 'judged_again' AND s.detail = 'event ' || n.id
    WHERE e.parked AND e.id > (SELECT l.id FROM looked l) ORDER BY e.id
$$;
CREATE FUNCTION pg_temp.start() RETURNS void LANGUAGE sql AS $$ UPDATE looked SET id = (SELECT coalesce(max(e.id), 0) FROM capi_event_log e) $$;

-- A stage that the map does not name: the event keeps the stage that it had, also when the row has gone on since
INSERT INTO leads VALUES (1, 423456789012001, 'hot'), (2, 423456789012002, 'hot'), (3, 423456789012003, 'cold'), (4, 423456789012004, 'hot');
UPDATE leads SET stage = 'new' WHERE id = 2;
DELETE FROM leads WHERE id = 4;
SELECT pg_temp.retry();
SELECT * FROM pg_temp.became();
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'fb', 'stage', 'retry_dataset', stage_map => '{"new": "raw", "hot": "qualified"}', unmapped => 'park');
SELECT pg_temp.retry();
SELECT * FROM pg_temp.became();
-- once, whoever asks again
SELECT pg_temp.retry();
SELECT pg_temp.wait_for($$SELECT FROM capi_events WHERE lead_id = 423456789012002 AND event_name = 'qualified' AND status = 'dry_run'$$);
SELECT event_name, status FROM capi_events WHERE lead_id BETWEEN 423456789012001 AND 423456789012004 AND id > :before ORDER BY id;

-- A column that is renamed: only the row tells the stage, so only its last change can have it
SELECT pg_temp.start();
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'fb', 'stage', 'retry_dataset');
ALTER TABLE leads RENAME stage TO status;
INSERT INTO leads VALUES (11, 423456789012011, 'one'), (12, 423456789012012, 'one');
UPDATE leads SET status = 'two' WHERE id = 11;
SELECT pg_temp.retry();
SELECT * FROM pg_temp.became();
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'fb', 'status', 'retry_dataset');
UPDATE leads SET status = 'three' WHERE id = 12;
SELECT pg_temp.retry();
SELECT * FROM pg_temp.became();

-- A watch with a time of its own: that one counts, and what a backfill has brought is not doubled
SELECT pg_temp.start();
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'fb', 'status', 'retry_dataset', event_time => 'at', stage_map => '{"a": "A"}', unmapped => 'park', condition => 'NEW.ok');
INSERT INTO leads VALUES (21, 423456789012021, 'b', now() - interval '1 hour'), (22, 423456789012022, 'b', now() - interval '2 hours'),
    (23, 423456789012023, 'b', now()), (24, 423456789012024, 'b', now() - interval '3 hours'), (25, 423456789012025, 'b', now());
UPDATE leads SET ok = false WHERE id = 23;
UPDATE leads SET at = now() - interval '8 days' WHERE id = 24;
UPDATE leads SET fb = NULL WHERE id = 25;
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'fb', 'status', 'retry_dataset', event_time => 'at', stage_map => '{"a": "A", "b": "B"}', unmapped => 'park', condition => 'NEW.ok');
SELECT count(*) FROM capi_backfill('leads', since => '90 minutes', dry_run => false) WHERE action = 'enqueued' AND lead_id = 423456789012021;
SELECT pg_temp.retry();
SELECT * FROM pg_temp.became();
SELECT lead_id - 423456789012000 AS lead, event_name, count(*) FROM capi_event_log
WHERE id > (SELECT id FROM looked) AND NOT parked GROUP BY 1, 2 ORDER BY 1;
DROP TABLE leads;

-- Keys that may be a person's are not kept, and without one nothing can be judged again
SELECT pg_temp.start();
CREATE TABLE people (key text PRIMARY KEY, fb text, stage text);
SELECT capi_watch('people', 'fb', 'stage', 'retry_dataset');
INSERT INTO people VALUES ('jo@example.com', 'x', 'new'), ('+4915112345678', 'x', 'new'), ('Smith', 'x', 'new'), ('4915112345678', 'x', 'new'),
    ('00Q5g00000ABCdE', 'x', 'new'), ('1a2b3c4d-0000-4000-8000-00000000abcd', 'x', 'new'), (repeat('a1', 40), 'x', 'new'), ('a 1', 'x', 'new');
SELECT recheck -> 'key' ->> 'key' AS kept FROM capi_event_log WHERE id > (SELECT id FROM looked) ORDER BY id;
UPDATE people SET fb = '423456789012031' WHERE key = 'jo@example.com' OR key LIKE '00Q%';
SELECT pg_temp.retry();
SELECT DISTINCT status, reason_code, detail FROM pg_temp.became() ORDER BY 1;
DROP TABLE people;
-- what is too old for good is not kept either, partitions are looked through, and the rights are those of the table's owner
CREATE ROLE regress_capi_retry;
GRANT USAGE ON FOREIGN SERVER retry_dataset TO regress_capi_retry;
GRANT CREATE ON SCHEMA public TO regress_capi_retry;
SET ROLE regress_capi_retry;
CREATE TABLE parted (region text, id uuid, fb bigint, stage text, at timestamptz, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a1');
CREATE TABLE parted_b (at timestamptz, stage text, gone text, fb bigint, id uuid NOT NULL, region text NOT NULL);
ALTER TABLE parted_b DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b1');
SELECT capi_watch('parted', 'fb', 'stage', 'retry_dataset', event_time => 'at', condition => $$current_user = 'regress_capi_retry'$$);
RESET ROLE;
SELECT pg_temp.start();
INSERT INTO parted VALUES ('b1', '00000000-0000-4000-8000-000000000001', 42, 'new', now()), ('a1', '00000000-0000-4000-8000-000000000002', 42, 'new', now()),
    ('a1', '00000000-0000-4000-8000-000000000003', 423456789012041, 'new', now() - interval '9 days');
UPDATE parted SET fb = 423456789012042 WHERE id = '00000000-0000-4000-8000-000000000001';
SELECT capi_retry(ARRAY(SELECT min(id) FROM capi_event_log WHERE id > (SELECT id FROM looked)));
SELECT status, reason_code, detail IS NOT NULL AS names_event, recheck IS NULL AS forgotten FROM capi_settlement s JOIN capi_event_log e ON e.id = s.event
WHERE e.id > (SELECT id FROM looked) AND e.parked ORDER BY e.id;
DROP TABLE parted;
DROP OWNED BY regress_capi_retry;
DROP ROLE regress_capi_retry;
SELECT capi_cancel(ARRAY(SELECT id FROM capi_undelivered WHERE id > :before AND status = 'parked')) > 0 AS given_up;
DROP SERVER retry_dataset CASCADE;
