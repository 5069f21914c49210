-- recheck: the condition of a watch counts once more just before the event is sent. Nothing leaves: the
-- dataset is paused while rows change, and then does a dry run.
\i test/sql/include/preamble.sql
\pset null '(null)'

CREATE SERVER recheck_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER recheck_dataset OPTIONS (access_token 'token');
CREATE TABLE consent (person text PRIMARY KEY, given boolean);
CREATE TABLE leads (id integer, part text, fb bigint, stage text, person text, consent boolean DEFAULT true);
CREATE TABLE outcome (lead_id bigint, event_name text, status text, reason_code text, detail text);
-- What became of the events of these tests, once all have ended
CREATE FUNCTION pg_temp.ship() RETURNS SETOF outcome LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '60 s';
BEGIN
    WHILE EXISTS (SELECT FROM capi_events e WHERE e.dataset = 'recheck_dataset' AND settled_at IS NULL)
          AND clock_timestamp() < deadline LOOP
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN QUERY SELECT e.lead_id, e.event_name, e.status, e.reason_code, s.detail
        FROM capi_events e LEFT JOIN capi_settlement s ON s.event = e.id
        WHERE e.dataset = 'recheck_dataset' AND e.id > (SELECT max(id) FROM before) ORDER BY e.lead_id, e.id;
END $$;
CREATE TABLE before AS SELECT coalesce(max(id), 0) AS id FROM capi_event_log;

-- What can be rechecked
SELECT capi_watch('leads', 'fb', 'stage', 'recheck_dataset', recheck => true);
SELECT capi_watch('leads', 'fb', 'stage', 'recheck_dataset', condition => 'NEW.consent', recheck => true);
ALTER TABLE leads ADD PRIMARY KEY (id, part);
SELECT capi_watch('leads', 'fb', 'stage', 'recheck_dataset', condition => 'NEW.consent AND OLD.consent', recheck => true);
SELECT capi_watch('leads', 'fb', 'stage', 'recheck_dataset', condition => 'NEW.consent', recheck => true);
SELECT recheck FROM capi_watches WHERE target = 'leads'::regclass;

-- Held, withdrawn, deleted, changed back, never given
INSERT INTO leads SELECT i, 'it''s "p"', 523456789012300 + i, 'new' FROM generate_series(1, 5) i;
INSERT INTO leads VALUES (6, 'p', 523456789012306, 'new', NULL, false);
UPDATE leads SET consent = false WHERE id IN (2, 4);
DELETE FROM leads WHERE id = 3;
UPDATE leads SET consent = true WHERE id = 4;
UPDATE leads SET consent = NULL WHERE id = 5;
SELECT lead_id - 523456789012300 AS lead, recheck FROM capi_event_log WHERE lead_id BETWEEN 523456789012301 AND 523456789012302 ORDER BY id;
ALTER SERVER recheck_dataset OPTIONS (SET mode 'dry_run');
SELECT * FROM pg_temp.ship();

-- An operator's retry looks again
UPDATE leads SET consent = true WHERE id = 2;
SELECT capi_retry(array_agg(id)) FROM capi_events WHERE reason_code = 'condition_false' AND lead_id IN (523456789012302, 523456789012303);
SELECT * FROM pg_temp.ship() WHERE lead_id IN (523456789012302, 523456789012303);

-- Watched anew without a condition: then none counts
ALTER SERVER recheck_dataset OPTIONS (SET mode 'paused');
UPDATE leads SET stage = 'second';
UPDATE leads SET consent = false;
SELECT capi_unwatch('leads');
SELECT capi_watch('leads', 'fb', 'stage', 'recheck_dataset');
UPDATE before SET id = (SELECT max(id) - 3 FROM capi_event_log);
ALTER SERVER recheck_dataset OPTIONS (SET mode 'dry_run');
SELECT * FROM pg_temp.ship();
SELECT capi_unwatch('leads');

-- A condition that looks elsewhere, and breaks; a table that is renamed, or not watched any more
SELECT capi_watch('leads', 'fb', 'stage', 'recheck_dataset', condition => '(SELECT c.given FROM consent c WHERE c.person = NEW.person)', recheck => true);
ALTER SERVER recheck_dataset OPTIONS (SET mode 'paused');
UPDATE before SET id = (SELECT max(id) FROM capi_event_log);
INSERT INTO consent VALUES ('jo', true), ('al', true);
INSERT INTO leads VALUES (11, '', 523456789012311, 'new', 'jo'), (12, '', 523456789012312, 'new', 'al');
UPDATE consent SET given = false WHERE person = 'al';
ALTER SERVER recheck_dataset OPTIONS (SET mode 'dry_run');
SELECT * FROM pg_temp.ship();
ALTER SERVER recheck_dataset OPTIONS (SET mode 'paused');
UPDATE before SET id = (SELECT max(id) FROM capi_event_log);
UPDATE leads SET stage = 'broken' WHERE id = 11;
ALTER TABLE consent RENAME TO consents;
ALTER SERVER recheck_dataset OPTIONS (SET mode 'dry_run');
SELECT * FROM pg_temp.ship();
ALTER TABLE consents RENAME TO consent;
SELECT capi_retry(array_agg(id)) FROM capi_events WHERE reason_code = 'condition_unknown';
SELECT * FROM pg_temp.ship();
ALTER SERVER recheck_dataset OPTIONS (SET mode 'paused');
UPDATE before SET id = (SELECT max(id) FROM capi_event_log);
UPDATE leads SET stage = 'renamed' WHERE id = 11;
ALTER TABLE leads RENAME TO leads_of_old;
ALTER SERVER recheck_dataset OPTIONS (SET mode 'dry_run');
SELECT * FROM pg_temp.ship();
ALTER TABLE leads_of_old RENAME TO leads;
ALTER SERVER recheck_dataset OPTIONS (SET mode 'paused');
UPDATE before SET id = (SELECT max(id) FROM capi_event_log);
UPDATE leads SET stage = 'unwatched' WHERE id = 11;
SELECT capi_unwatch('leads');
ALTER SERVER recheck_dataset OPTIONS (SET mode 'dry_run');
SELECT * FROM pg_temp.ship();

-- An error in the condition stops nobody else, and its text, which may quote the row, is not kept
SELECT capi_watch('leads', 'fb', 'stage', 'recheck_dataset', condition => 'NEW.person IS NULL OR NEW.person::integer > 0', recheck => true);
ALTER SERVER recheck_dataset OPTIONS (SET mode 'paused');
UPDATE before SET id = (SELECT max(id) FROM capi_event_log);
INSERT INTO leads VALUES (21, '', 523456789012321, 'new', '1'), (22, '', 523456789012322, 'new', '2');
UPDATE leads SET person = 'jo@example.com' WHERE id = 21;
ALTER SERVER recheck_dataset OPTIONS (SET mode 'dry_run');
SELECT * FROM pg_temp.ship();
-- without a primary key nothing can be rechecked
ALTER TABLE leads DROP CONSTRAINT leads_pkey;
UPDATE before SET id = (SELECT max(id) FROM capi_event_log);
UPDATE leads SET stage = 'no key' WHERE id = 22;
SELECT * FROM pg_temp.ship();
DROP TABLE leads;

-- Partitions; a row whose key changes counts as gone. Rows that policies hide from their owner, and keys whose
-- text depends on the session
CREATE ROLE regress_capi_owner;
GRANT USAGE ON FOREIGN SERVER recheck_dataset TO regress_capi_owner;
GRANT CREATE ON SCHEMA public TO regress_capi_owner;
SET ROLE regress_capi_owner;
CREATE DOMAIN day AS timestamptz;
CREATE TABLE parted (region text, at day, fb text, stage text, consent boolean, PRIMARY KEY (region, at)) PARTITION BY LIST (region);
CREATE TABLE parted_eu PARTITION OF parted FOR VALUES IN ('eu');
CREATE TABLE parted_us (at day NOT NULL, gone integer, consent boolean, stage text, fb text, region text NOT NULL);
ALTER TABLE parted_us DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_us FOR VALUES IN ('us');
SELECT capi_watch('parted', 'fb', 'stage', 'recheck_dataset', condition => 'NEW.consent', recheck => true);
ALTER TABLE parted_us ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
ALTER SERVER recheck_dataset OPTIONS (SET mode 'paused');
UPDATE before SET id = (SELECT max(id) FROM capi_event_log);
SET datestyle = 'German';
SET timezone = 'Asia/Tokyo';
INSERT INTO parted SELECT r, '2026-02-01 03:04:05.678901+00'::timestamptz + n * interval '1 day', 523456789012330 + n, r, true FROM (VALUES (1, 'eu'), (2, 'eu'), (3, 'us'), (4, 'us')) v (n, r);
RESET datestyle;
RESET timezone;
UPDATE parted SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END WHERE fb LIKE '%1' OR fb LIKE '%3';
UPDATE parted SET consent = false WHERE fb LIKE '%2' OR fb LIKE '%3';
ALTER SERVER recheck_dataset OPTIONS (SET mode 'dry_run');
SELECT * FROM pg_temp.ship();

DROP TABLE parted;
DROP DOMAIN day;
REVOKE CREATE ON SCHEMA public FROM regress_capi_owner;
DROP SERVER recheck_dataset CASCADE;
DROP ROLE regress_capi_owner;
-- the function that goes with them lies in a schema whose name has a number
SET client_min_messages = warning;
DROP TABLE consent, outcome, before CASCADE;
