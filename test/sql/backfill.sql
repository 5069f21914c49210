-- capi_backfill(): what the watch would have sent and the queue does not know, exactly once.
\i test/sql/include/preamble.sql
\pset null '(null)'

CREATE SERVER backfill_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER backfill_dataset OPTIONS (access_token 'token');
CREATE TABLE leads (id integer PRIMARY KEY, fb bigint, stage text, changed timestamp, consent boolean DEFAULT true);
-- Whole hours, counted back from that in which the test began, so that they can be shown
CREATE TABLE began AS SELECT date_trunc('hour', now()) AS at;
CREATE FUNCTION ago(hours integer) RETURNS timestamp LANGUAGE sql AS
    $$ SELECT at AT TIME ZONE 'UTC' - hours * interval '1 hour' FROM began $$;
CREATE FUNCTION hours_ago(t timestamptz) RETURNS integer LANGUAGE sql AS
    $$ SELECT (extract(epoch FROM at - t) / 3600)::integer FROM began $$;
CREATE FUNCTION backfill(target regclass, since interval DEFAULT '7 days', dry_run boolean DEFAULT true)
RETURNS TABLE (lead_id bigint, event_name text, hours_ago integer, action text, reason_code text, has_id boolean) LANGUAGE sql AS $$
    SELECT b.lead_id, b.event_name, hours_ago(b.event_time), b.action, b.reason_code, b.event_id IS NOT NULL
    FROM capi_backfill($1, $2, $3) b ORDER BY b.lead_id, b.event_time
$$;
CREATE VIEW queue AS
    SELECT e.lead_id, e.event_name, hours_ago(e.event_time) AS hours_ago FROM capi_event_log e
    WHERE e.lead_id BETWEEN 323456789012300 AND 323456789012399 AND NOT e.parked ORDER BY e.lead_id, e.event_time;

-- Before the watch
INSERT INTO leads (id, fb, stage, changed) VALUES (1, 323456789012301, 'new', ago(2)), (2, 323456789012302, 'won', ago(167)),
    (3, 323456789012303, 'new', ago(169)), (4, NULL, 'new', ago(1)), (5, 12345, 'new', ago(1)),
    (6, 323456789012306, NULL, ago(1)), (7, 323456789012307, 'new', NULL), (8, 323456789012308, 'new', ago(-5));
INSERT INTO leads VALUES (9, 323456789012309, 'new', ago(3), false);
SELECT capi_backfill('leads');
SELECT capi_watch('leads', 'fb', 'stage', 'backfill_dataset');
SELECT capi_backfill('leads');
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'fb', 'stage', 'backfill_dataset', event_time => 'changed', condition => 'NEW.consent');

-- A dry run tells, and does nothing
SELECT * FROM backfill('leads');
SELECT * FROM queue;
-- further back: what Meta would refuse is named
SELECT * FROM backfill('leads', '30 days') WHERE lead_id IN (323456789012302, 323456789012303);
SELECT * FROM backfill('leads', '3 hours');

-- In earnest, and once more: nothing is doubled
SELECT * FROM backfill('leads', dry_run => false) WHERE action <> 'skipped';
SELECT * FROM queue;
SELECT * FROM backfill('leads', dry_run => false) WHERE action <> 'skipped';
SELECT * FROM queue;
SELECT count(DISTINCT b.event_id) AS ids, count(*) FILTER (WHERE e.id = b.event_id AND e.lead_id = b.lead_id AND e.event_name = b.event_name AND e.event_time = b.event_time) AS agree
FROM capi_backfill('leads') b JOIN capi_event_log e ON e.id = b.event_id;

-- A gap: the trigger was off for one change, and saw the next; times agree to the microsecond
ALTER TABLE leads DISABLE TRIGGER USER;
SELECT capi_backfill('leads');
UPDATE leads SET stage = 'unseen', changed = ago(1) + interval '1 microsecond' WHERE id = 1;
ALTER TABLE leads ENABLE TRIGGER USER;
UPDATE leads SET stage = 'seen', changed = ago(1) WHERE id = 2;
SELECT * FROM backfill('leads') WHERE action <> 'skipped';
SELECT * FROM backfill('leads', dry_run => false) WHERE action = 'enqueued';
SELECT * FROM queue;

-- Cancelled is known; parked when it was enqueued is a gap once the watch is put right
SELECT capi_cancel(array_agg(id)) FROM capi_event_log WHERE lead_id = 323456789012302 AND event_name = 'seen';
ALTER TABLE leads RENAME COLUMN consent TO agreed;
UPDATE leads SET stage = 'parked', changed = ago(0) WHERE id = 9;
SELECT capi_backfill('leads');
ALTER TABLE leads RENAME COLUMN agreed TO consent;
UPDATE leads SET consent = true WHERE id = 9;
SELECT * FROM backfill('leads', dry_run => false) WHERE action <> 'skipped';

-- A forgotten lead stays forgotten
SELECT capi_forget(323456789012301);
SELECT * FROM backfill('leads', dry_run => false) WHERE lead_id = 323456789012301;
SELECT count(*) FROM queue WHERE lead_id = 323456789012301;

-- Two rows of one lead, stage and time are one event
INSERT INTO leads VALUES (20, 323456789012320, 'new', ago(1));
ALTER TABLE leads DISABLE TRIGGER USER;
INSERT INTO leads VALUES (21, 323456789012321, 'new', ago(1)), (22, 323456789012321, 'new', ago(1)), (23, 323456789012320, 'new', ago(1));
ALTER TABLE leads ENABLE TRIGGER USER;
SELECT lead_id, action FROM backfill('leads', dry_run => false) WHERE lead_id IN (323456789012320, 323456789012321);
SELECT capi_unwatch('leads');

-- Each stage once, under other names, and some not at all
TRUNCATE leads;
SELECT capi_watch('leads', 'fb', 'stage', 'backfill_dataset', event_time => 'changed', stage_map => '{"a": "A", "b": "B"}', unmapped => 'skip', repeat => 'first');
INSERT INTO leads VALUES (30, 323456789012330, 'a', ago(5)), (31, 323456789012331, 'x', ago(5));
ALTER TABLE leads DISABLE TRIGGER USER;
UPDATE leads SET changed = ago(4);
INSERT INTO leads VALUES (32, 323456789012332, 'b', ago(3)), (33, 323456789012332, 'b', ago(2));
ALTER TABLE leads ENABLE TRIGGER USER;
SELECT * FROM backfill('leads');
SELECT * FROM backfill('leads', dry_run => false);
SELECT * FROM backfill('leads', dry_run => false);
UPDATE leads SET stage = 'a' WHERE id = 32;
UPDATE leads SET stage = 'b' WHERE id = 32;
SELECT * FROM queue WHERE lead_id >= 323456789012330;
DROP TABLE leads;

-- An application that stamps the time of leads that stay where they are, and a stage with a new name: neither is a
-- change that the watch has missed
CREATE TABLE leads (id integer PRIMARY KEY, fb bigint, stage text, changed timestamp);
SELECT capi_watch('leads', 'fb', 'stage', 'backfill_dataset', event_time => 'changed');
INSERT INTO leads SELECT i, 323456789012350 + i, 'new', ago(9) FROM generate_series(1, 6) i;
UPDATE leads SET stage = 'old name', changed = ago(8) WHERE id BETWEEN 3 AND 4;
UPDATE leads SET stage = 'met', changed = ago(7) WHERE id = 5;
SELECT capi_cancel(array_agg(e.id)) FROM capi_event_log e WHERE e.lead_id = 323456789012356;
ALTER TABLE leads DISABLE TRIGGER USER;
UPDATE leads SET changed = ago(2) WHERE id IN (2, 4, 6);
UPDATE leads SET stage = 'new name' WHERE id IN (3, 4);
UPDATE leads SET stage = 'new', changed = ago(2) WHERE id = 5; -- back to where it was: a change
INSERT INTO leads VALUES (7, 323456789012357, 'new', ago(2));
ALTER TABLE leads ENABLE TRIGGER USER;
CREATE FUNCTION stamped(dry_run boolean, resend boolean) RETURNS TABLE (lead bigint, event_name text, hours_ago integer, action text, has_id boolean, known_name text, known_hours_ago integer) LANGUAGE sql AS $$
    SELECT b.lead_id % 10, b.event_name, hours_ago(b.event_time), b.action, b.event_id IS NOT NULL, b.known_name, hours_ago(b.known_time)
    FROM capi_backfill('leads', dry_run => $1, resend => $2) b ORDER BY b.lead_id
$$;
SELECT * FROM stamped(true, false);
SELECT lead, action FROM stamped(true, true);
SELECT lead, action FROM stamped(false, false);
SELECT lead, action FROM stamped(false, false);
SELECT lead, action, known_name, known_hours_ago FROM stamped(false, true);
SELECT lead, action FROM stamped(false, true);
SELECT capi_backfill('leads', resend => NULL);
DROP FUNCTION stamped(boolean, boolean);
DROP TABLE leads;

-- Partitions, and row-level security that hides rows from their owner
CREATE TABLE parted (id integer, fb text, stage text, changed timestamptz) PARTITION BY RANGE (id);
SELECT capi_watch('parted', 'fb', 'stage', 'backfill_dataset', event_time => 'changed');
SELECT * FROM backfill('parted');
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20) PARTITION BY LIST (stage);
CREATE TABLE parted_2a PARTITION OF parted_2 DEFAULT;
INSERT INTO parted VALUES (1, 'l:323456789012341', 'trigger', now());
SET session_replication_role = replica;
INSERT INTO parted VALUES (2, 'l:323456789012342', 'no trigger', now()), (12, 'l:323456789012352', 'no trigger', now());
RESET session_replication_role;
CREATE ROLE regress_capi_crm;
GRANT USAGE ON FOREIGN SERVER backfill_dataset TO regress_capi_crm;
GRANT EXECUTE ON FUNCTION backfill(regclass, interval, boolean), hours_ago(timestamptz) TO regress_capi_crm;
GRANT SELECT ON began TO regress_capi_crm;
ALTER TABLE parted OWNER TO regress_capi_crm;
ALTER TABLE parted_1 OWNER TO regress_capi_crm;
ALTER TABLE parted_1 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE regress_capi_crm;
SELECT count(*) FROM parted_1;
SELECT lead_id, event_name, action, has_id FROM backfill('parted', dry_run => false);
SELECT lead_id, event_name, action, has_id FROM backfill('parted_1');
SELECT count(*) FROM capi_event_log;
RESET ROLE;

-- Leads by the CRM's own keys
CREATE TABLE keys (id uuid PRIMARY KEY, stage text, changed timestamptz, email text);
SELECT capi_watch('keys', 'id', 'stage', 'backfill_dataset', event_time => 'changed', user_data => '{"em": "email"}');
INSERT INTO keys VALUES ('11111111-2222-3333-4444-555555555551', 'new', now(), 'jo@example.com');
SET session_replication_role = replica;
INSERT INTO keys VALUES ('11111111-2222-3333-4444-555555555552', 'new', now(), 'al@example.com');
RESET session_replication_role;
SELECT lead_id, event_name, action, event_id IS NOT NULL AS has_event FROM capi_backfill('keys') ORDER BY action;
SELECT action, count(*) FROM capi_backfill('keys', dry_run => false) GROUP BY 1 ORDER BY 1;
SELECT action, count(*) FROM capi_backfill('keys', dry_run => false) GROUP BY 1;
DROP TABLE keys;

-- Who may not
CREATE ROLE regress_capi_nobody;
SET ROLE regress_capi_nobody;
SELECT capi_backfill('parted');
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER backfill_dataset FROM regress_capi_crm;
SET ROLE regress_capi_crm;
SELECT capi_backfill('parted');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER backfill_dataset TO regress_capi_crm;

-- How not
SELECT capi_backfill(NULL);
SELECT capi_backfill('parted', NULL);
SELECT capi_backfill('parted', '0 days');
SELECT capi_backfill('parted', '-1 day');
SELECT capi_backfill('pg_class');
SELECT capi_backfill('queue');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM capi_backfill('parted');
SELECT capi_backfill('parted', dry_run => false);
ROLLBACK;

-- Rolled back, nothing has happened
TRUNCATE parted;
SET session_replication_role = replica;
INSERT INTO parted SELECT n, 323456789012360, 'stage ' || n, now() - n * interval '1 s' FROM generate_series(1, 5) n;
RESET session_replication_role;
BEGIN;
SELECT count(*) FROM capi_backfill('parted', dry_run => false) WHERE action = 'enqueued';
ROLLBACK;
SELECT count(*) FROM queue WHERE lead_id = 323456789012360;

-- More than fits into a batch
BEGIN;
TRUNCATE parted;
DROP TABLE parted_1, parted_2;
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000000);
SET session_replication_role = replica;
INSERT INTO parted SELECT n, 423456789000000 + n, 'many', now() FROM generate_series(20, 45019) n;
RESET session_replication_role;
SELECT action, count(*), count(DISTINCT event_id) FROM capi_backfill('parted') GROUP BY 1;
SELECT action, count(*), count(DISTINCT event_id) FROM capi_backfill('parted', dry_run => false) GROUP BY 1;
SELECT action, count(*), count(DISTINCT event_id) FROM capi_backfill('parted', dry_run => false) GROUP BY 1;
-- in order of event time
SET session_replication_role = replica;
UPDATE parted SET stage = 'ordered', changed = now() - (1 + random() * 1000)::integer * interval '1 s';
RESET session_replication_role;
SELECT count(*) FROM (SELECT event_time, lag(event_time) OVER (ORDER BY event_id) AS before FROM capi_backfill('parted', dry_run => false) LIMIT 20000) s WHERE before > event_time;
ROLLBACK;

DROP TABLE parted, began;
DROP VIEW queue;
DROP FUNCTION backfill(regclass, interval, boolean), hours_ago(timestamptz), ago(integer);
DROP SERVER backfill_dataset CASCADE;
DROP ROLE regress_capi_crm, regress_capi_nobody;
TRUNCATE capi_tombstone;
