-- capi_forget(): a lead is gone from queue and history, and does not come back.
\i test/sql/include/preamble.sql
\pset null '(null)'

CREATE SERVER forget_dry FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'dry_run');
CREATE USER MAPPING FOR PUBLIC SERVER forget_dry OPTIONS (access_token 'token');
CREATE SERVER forget_paused FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'SAP', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER forget_paused OPTIONS (access_token 'token');
CREATE TABLE forget_leads (id integer PRIMARY KEY, fb bigint, stage text);
SELECT capi_watch('forget_leads', 'fb', 'stage', 'forget_dry');
CREATE VIEW forget_fate AS
    SELECT lead_id, dataset, event_name, status, reason_code FROM capi_events ORDER BY id;

-- History of two leads: sent, parked, cancelled, owed
INSERT INTO forget_leads VALUES (1, 223456789012345, 'new'), (2, 223456789012346, 'new');
UPDATE forget_leads SET stage = NULL WHERE id = 1;
SELECT count(capi_send_lead_event(lead, 'owed', dataset => 'forget_paused')) FROM unnest('{223456789012345,223456789012346}'::bigint[]) AS lead;
SELECT capi_cancel(array_agg(id)) FROM (SELECT capi_send_lead_event(223456789012345, 'cancelled', dataset => 'forget_paused') AS id OFFSET 0) AS sent;
SELECT pg_temp.wait_for('SELECT FROM capi_events WHERE lead_id = 223456789012346 AND status = ''dry_run''');
SELECT pg_temp.wait_for('SELECT FROM capi_events WHERE dataset = ''forget_paused'' AND status = ''held''');
SELECT * FROM forget_fate WHERE lead_id BETWEEN 223456789012345 AND 223456789012346;

-- Rolled back, nothing has happened
BEGIN;
SELECT capi_forget(223456789012345);
UPDATE forget_leads SET stage = 'not while it is forgotten' WHERE id = 1;
SELECT count(*) FROM capi_event_log WHERE lead_id = 223456789012345;
ROLLBACK;
SELECT count(*) FROM capi_event_log WHERE lead_id = 223456789012345;
UPDATE forget_leads SET stage = 'again' WHERE id = 1;
SELECT count(*) FROM capi_event_log WHERE lead_id = 223456789012345;

-- Gone, and so are the settlements; nobody else is touched
SELECT capi_forget(223456789012345);
SELECT * FROM forget_fate WHERE lead_id BETWEEN 223456789012345 AND 223456789012346;
SELECT count(*) AS orphans FROM capi_settlement s
WHERE s.event > :before AND NOT EXISTS (SELECT FROM capi_event_log e WHERE e.id = s.event);

-- What stays is a digest, and the shipper takes the ids of the events off it
SELECT lead = sha256(int8send(223456789012345)) AS known_by_digest, forgotten_at <= clock_timestamp() AS dated FROM capi_tombstone;
SELECT count(*) AS in_clear FROM capi_tombstone t WHERE t::text LIKE '%223456789012345%';
SELECT pg_temp.wait_for('SELECT FROM capi_tombstone WHERE unseen_from IS NULL AND events IS NULL');

-- New stages of the lead are silent for a trigger, and an error for a call
UPDATE forget_leads SET stage = 'new stage' WHERE id = 1;
INSERT INTO forget_leads VALUES (3, 223456789012345, 'same lead'), (4, 223456789012347, 'other lead');
SELECT capi_send_lead_event(223456789012345, 'by hand', dataset => 'forget_paused');
SELECT lead_id, event_name FROM forget_fate WHERE lead_id BETWEEN 223456789012345 AND 223456789012347;

-- Once more, and somebody who was never here
SELECT capi_forget(223456789012345);
SELECT capi_forget(999999999999999);
SELECT capi_forget(NULL);
SELECT count(*) FROM capi_tombstone;

-- A value that never was a lead id can be erased as well
INSERT INTO forget_leads VALUES (5, 12345, 'own key');
SELECT lead_id, status, reason_code FROM forget_fate WHERE lead_id = 12345;
SELECT capi_forget(12345);

-- A lead that Meta gave no id is known by the CRM's own key, as the watch has it; Meta's ids are understood as well
CREATE TABLE forget_keys (id uuid PRIMARY KEY, stage text, email text);
SELECT capi_watch('forget_keys', 'id', 'stage', 'forget_paused', user_data => '{"em": "email"}', repeat => 'first');
INSERT INTO forget_keys SELECT ('61111111-2222-3333-4444-55555555555' || i)::uuid, 'new', 'jo' || i || '@example.com' FROM generate_series(1, 2) i;
UPDATE forget_keys SET stage = 'second';
SELECT id AS key FROM forget_keys ORDER BY id LIMIT 1 \gset
CREATE VIEW forget_counts AS
    SELECT (SELECT count(*) FROM capi_event_log WHERE lead_id < 0 AND id > :before) AS events,
           (SELECT count(*) FROM capi_reached_stage WHERE lead_id < 0 AND event > :before) AS reached;
SELECT * FROM forget_counts;
SELECT capi_forget(:'key');
SELECT * FROM forget_counts;
UPDATE forget_keys SET stage = 'third';
SELECT * FROM forget_counts;
SELECT capi_forget(lead_key => 'no such key'), capi_forget('l:223456789012346'), capi_forget(' 223456789012347.0 ');
SELECT count(*) FROM capi_event_log WHERE lead_id BETWEEN 223456789012345 AND 223456789012347;
SELECT capi_forget(' ');
SELECT capi_forget(id::text) FROM forget_keys ORDER BY id;
SELECT * FROM forget_counts;
DROP VIEW forget_counts;
DROP TABLE forget_keys;

DROP VIEW forget_fate;
DROP TABLE forget_leads;
DROP SERVER forget_dry CASCADE;
DROP SERVER forget_paused CASCADE;
TRUNCATE capi_tombstone;
