-- The views: capi_events, capi_requests, capi_status, and the table of reasons, as far as they can be seen
-- without sending anything. Nothing can leave: what is not paused has no token and no endpoint.
\i test/sql/include/preamble.sql
\pset null '(null)'

CREATE FUNCTION pg_temp.wait_for_health(dataset name, health text, reason_code text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.wait_for(format('SELECT FROM capi_dataset WHERE name = %L AND health = %L AND reason_code = %L',
                                   dataset, health, reason_code))
$$;

-- A dataset shows before it has events
CREATE SERVER views_paused FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER views_paused OPTIONS (access_token 'token');
CREATE SERVER views_no_token FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'SAP', endpoint 'https://127.0.0.1:9');
SELECT dataset, owed, in_flight, delivered, parked, expired, in_doubt, oldest_owed_at, next_deadline,
       last_success_at, last_error_at, last_error
FROM capi_status WHERE dataset LIKE 'views%' ORDER BY dataset COLLATE "C";

-- Pending until the shipper has looked
BEGIN;
SELECT capi_send_lead_event(123456789012345, 'in its own transaction', dataset => 'views_paused') AS id \gset
SELECT status, attempts, reason_code, reason, next_attempt_at, settled_at, http_status, fbtrace_id,
       deadline - event_time = interval '168 hours' AS a_week, enqueued_at >= now() AS just_now
FROM capi_events WHERE id = :id;
ROLLBACK;

-- Held: the dataset is paused, or lacks a token
SELECT count(capi_send_lead_event(123456789012345, 'stage ' || n, now() - n * interval '1 hour', 'views_paused')) FROM generate_series(1, 3) AS n;
SELECT count(capi_send_lead_event(123456789012345, 'stage', dataset => 'views_no_token'));
SELECT pg_temp.wait_for_health('views_paused', 'paused', 'paused');
SELECT pg_temp.wait_for_health('views_no_token', 'held', 'token_missing');
SELECT dataset, lead_id, event_name, status, attempts, reason_code, reason, next_attempt_at, settled_at
FROM capi_events WHERE id > :before ORDER BY id;

-- Parked when enqueued
CREATE TABLE leads (lead text, stage text, at timestamptz);
SELECT capi_watch('leads', 'lead', 'stage', 'views_paused', 'at');
INSERT INTO leads VALUES ('1234567', 'qualified', now()), ('private@example.com', 'qualified', now()),
    ('123456789012345', NULL, now()), ('123456789012345', 'old', now() - interval '8 days'), ('123456789012345', 'timeless', NULL);
SELECT lead_id, event_name, status, attempts, reason_code, reason,
       settled_at = enqueued_at AS settled_at_once, deadline IS NULL AS no_deadline
FROM capi_events WHERE id > :before AND status = 'parked' ORDER BY id;

-- What stands in the status of a dataset
SELECT dataset, health, reason, owed, in_flight, delivered, parked, expired, in_doubt,
       oldest_owed_at = (SELECT min(e.enqueued_at) FROM capi_events e WHERE e.dataset = s.dataset AND e.status = 'held') AS oldest_owed_at,
       next_deadline = (SELECT min(e.deadline) FROM capi_events e WHERE e.dataset = s.dataset AND e.status = 'held') AS next_deadline,
       last_success_at, last_error_at, last_error
FROM capi_status s WHERE dataset LIKE 'views%' ORDER BY dataset COLLATE "C";

-- Nothing was sent
SELECT * FROM capi_requests WHERE dataset LIKE 'views%';

-- The deadline is a week of seconds, also where clocks are changed in between
INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
SELECT nextval('capi_event_id'), now(), '2026-03-07 12:00-05', 123456789012345, dataset, true, 'summer time'
FROM capi_event_log WHERE id = (SELECT max(id) FROM capi_event_log) RETURNING id AS summer \gset
INSERT INTO capi_settlement (event, dataset, settled_at, status, reason_code)
    SELECT id, dataset, now(), 'parked', 'stage_missing' FROM capi_event_log WHERE id = :summer;
SET timezone = 'America/New_York';
SELECT extract(epoch FROM deadline - event_time)::int / 3600 AS hours FROM capi_events WHERE id = :summer;
SET timezone = 'UTC';

-- A dataset that is renamed keeps its events
ALTER SERVER views_paused RENAME TO views_renamed;
SELECT pg_temp.wait_for($$SELECT FROM capi_status WHERE dataset = 'views_renamed' AND owed = 3 AND parked = 6$$);
SELECT pg_temp.wait_for(format('SELECT FROM capi_events WHERE id = %s AND dataset = %L', :summer, 'views_renamed'));
ALTER SERVER views_renamed RENAME TO views_paused;
SELECT pg_temp.wait_for($$SELECT FROM capi_status WHERE dataset = 'views_paused' AND owed = 3 AND parked = 6$$);

-- A token file that is not there, or holds nothing: the reason names the file, not what it holds
CREATE USER MAPPING FOR CURRENT_USER SERVER views_no_token OPTIONS (access_token_file '/nonexistent/token');
SELECT pg_temp.wait_for($$SELECT FROM capi_status WHERE dataset = 'views_no_token' AND reason =
    'dataset has no access token: file "/nonexistent/token": No such file or directory'$$);
ALTER USER MAPPING FOR CURRENT_USER SERVER views_no_token OPTIONS (SET access_token_file '/dev/null');
SELECT pg_temp.wait_for($$SELECT FROM capi_status WHERE dataset = 'views_no_token' AND reason =
    'dataset has no access token: file "/dev/null" is empty'$$);

-- Paused by its option, by capi_pause, or by both: only when neither is left it goes on
SELECT capi_pause('views_paused');
ALTER SERVER views_paused OPTIONS (ADD endpoint 'https://127.0.0.1:9', SET mode 'live');
SELECT capi_pause('views_no_token');
SELECT dataset, paused FROM capi_status s JOIN capi_dataset d ON d.name = s.dataset
WHERE dataset LIKE 'views%' ORDER BY dataset COLLATE "C";
SELECT DISTINCT dataset, status, reason_code FROM capi_events
WHERE id > :before AND status <> 'parked' ORDER BY dataset;
ALTER SERVER views_paused OPTIONS (SET mode 'paused');
SELECT capi_resume('views_paused'), capi_resume('views_no_token');
SELECT pg_temp.wait_for_health('views_paused', 'paused', 'paused');
SELECT name, paused FROM capi_dataset WHERE name LIKE 'views%' ORDER BY name COLLATE "C";
SELECT capi_pause('no_dataset');
\echo :SQLSTATE
SELECT capi_resume('no_dataset');
\echo :SQLSTATE

-- The queue of a dataset that is gone is not gone
DROP TABLE leads;
DROP USER MAPPING FOR PUBLIC SERVER views_paused;
DROP USER MAPPING FOR CURRENT_USER SERVER views_no_token;
DROP SERVER views_paused, views_no_token;
SELECT dataset, event_name, status = 'parked' AS parked FROM capi_events WHERE id > :before AND event_name LIKE 'stage%' ORDER BY id;
SELECT pg_temp.wait_for_health('views_paused', 'held', 'dataset_missing');
SELECT pg_temp.wait_for_health('views_no_token', 'held', 'dataset_missing');
SELECT dataset, health, reason, owed, parked FROM capi_status WHERE dataset LIKE 'views%' ORDER BY dataset COLLATE "C";
SELECT DISTINCT dataset, status, reason_code FROM capi_events
WHERE id > :before AND status <> 'parked' ORDER BY dataset;

-- An event whose time is up expires, also while its dataset is paused
CREATE SERVER views_expiring FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused', timeout '600s');
SELECT count(capi_send_lead_event(123456789012345, 'too late', now() - interval '167 hours 55 minutes', 'views_expiring')) AS sent;
SELECT pg_temp.wait_for($$SELECT FROM capi_status WHERE dataset = 'views_expiring' AND owed = 0 AND expired = 1$$);
SELECT event_name, status, reason_code, reason, attempts FROM capi_events WHERE dataset = 'views_expiring';
DROP SERVER views_expiring;

--
-- Reasons: one code, one text, one hint; texts as in errors, hints as sentences
--
SELECT count(*) > 20 AS many, count(*) = count(DISTINCT reason_code) AS codes_differ, count(*) = count(DISTINCT reason) AS texts_differ,
       bool_and(reason_code ~ '^[a-z]+(_[a-z]+)*$') AS codes, bool_and(reason ~ '^[a-z].*[^.]$') AS texts,
       bool_and(hint ~ '^[A-Z].*\.$') AS hints
FROM capi_reasons();
SELECT reason_code FROM capi_reasons() ORDER BY reason_code COLLATE "C";
SELECT capi_reason('paused'), capi_reason('paused', 'why'), capi_reason(NULL), capi_reason(NULL, 'why');
-- every reason that the log holds is in the table
SELECT reason_code FROM capi_settlement EXCEPT SELECT reason_code FROM capi_reasons();
