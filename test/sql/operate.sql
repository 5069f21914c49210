-- capi_check, capi_send_test_event and capi_stage_coverage: their shapes, rights and errors, as far as they can be
-- seen without an endpoint. Nobody listens at the one that is named here.
\i test/sql/include/preamble.sql
\pset null '(null)'

CREATE SERVER operate_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', endpoint 'https://127.0.0.1:9', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER operate_dataset OPTIONS (access_token 'SECRET-TOKEN', app_secret 'SECRET-APP');

--
-- capi_check
--
-- each check is made once for its subject, also when there is nothing to see
SELECT check_name, status, detail, hint IS NULL AS no_hint FROM capi_check()
WHERE subject = 'operate_dataset' AND check_name NOT IN ('endpoint', 'health', 'api_version', 'origin')
ORDER BY check_name COLLATE "C";
SELECT check_name, status, detail LIKE 'The endpoint cannot be reached: %' AS unreachable, hint FROM capi_check()
WHERE subject = 'operate_dataset' AND check_name = 'endpoint';
SELECT check_name, status FROM capi_check() WHERE subject = 'server' AND check_name IN ('preload', 'launcher', 'datasets')
ORDER BY check_name COLLATE "C";
SELECT count(*) FROM (SELECT FROM capi_check() GROUP BY subject, check_name HAVING count(*) > 1) AS twice;
SELECT bool_and(status IN ('ok', 'warning', 'error')) AS statuses, bool_and(detail ~ '^[A-Za-z].*\.$') AS details,
       bool_and((hint IS NULL) = (status = 'ok')) AS hints, bool_and(coalesce(hint, 'A.') ~ '^[A-Z].*\.$') AS hint_texts,
       bool_or(c::text LIKE '%SECRET%') AS secrets
FROM capi_check(send => true) c;
SELECT count(*) FROM capi_check(NULL) WHERE check_name = 'token_accepted';
-- it runs in the middle of a query as well
SELECT count(*) > 5 AS many FROM (VALUES (1), (2)) v, LATERAL capi_check() c WHERE c.subject = 'operate_dataset';
-- and in a transaction that can write nothing
BEGIN TRANSACTION READ ONLY;
SELECT count(*) > 5 AS many FROM capi_check();
COMMIT;

--
-- capi_send_test_event
--
SELECT capi_send_test_event(NULL, 'TEST1');
SELECT capi_send_test_event(123456789012345, NULL);
SELECT capi_send_test_event(123456789012345, 'TEST1', event_name => NULL);
SELECT capi_send_test_event(1234567, 'TEST1');
SELECT capi_send_test_event(123456789012345, '');
SELECT capi_send_test_event(123456789012345, repeat('x', 101));
SELECT capi_send_test_event(123456789012345, E'TEST\n1');
SELECT capi_send_test_event(123456789012345, 'TEST1', event_name => ' ');
SELECT capi_send_test_event(123456789012345, 'TEST1', event_name => repeat('x', 256));
SELECT capi_send_test_event(123456789012345, 'TEST1', 'no_dataset');
-- a lead that has been forgotten
SELECT capi_forget(123456789012399);
SELECT capi_send_test_event(123456789012399, 'TEST1', 'operate_dataset');
-- a refused connection is an answer, of which every member is there
SELECT key, jsonb_typeof(value) FROM jsonb_each(capi_send_test_event(123456789012345, 'TEST1', 'operate_dataset')) ORDER BY key COLLATE "C";
SELECT t ->> 'verdict' AS verdict, t ->> 'reason_code' AS reason_code, t::text LIKE '%SECRET%' AS secret
FROM capi_send_test_event(123456789012345, 'TEST1', 'operate_dataset') t;
-- a dataset without a token, also one that needs none to run dry
CREATE SERVER operate_no_token FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'SAP', endpoint 'https://127.0.0.1:9', mode 'dry_run');
SELECT capi_send_test_event(123456789012345, 'TEST1', 'operate_no_token');
SELECT status, detail FROM capi_check() WHERE subject = 'operate_no_token' AND check_name = 'token';
SELECT capi_send_test_event(123456789012345, 'TEST1');
DROP SERVER operate_no_token;

--
-- capi_stage_coverage
--
CREATE TABLE leads (lead text, stage text, at timestamptz);
SELECT capi_watch('leads', 'lead', 'stage', 'operate_dataset', 'at');
INSERT INTO leads SELECT '12345678901234' || i, stage, date_trunc('day', now()) - (2 - day) * interval '1 day' + i * interval '1 minute'
FROM generate_series(1, 4) AS i, (VALUES (0, 'raw', 1), (1, 'qualified', 2)) s(day, stage, every) WHERE i % every = 0;
INSERT INTO leads VALUES ('123456789012341', 'raw', date_trunc('day', now()) - interval '2 days' + interval '1 hour'), ('7', 'raw', now() - interval '1 day');
SELECT dataset, event_name, day - (now() AT TIME ZONE 'UTC')::date AS day, leads, events, delivered, leads_delivered, last_at - first_at AS within
FROM capi_stage_coverage WHERE dataset = 'operate_dataset' ORDER BY day, event_name;
-- what has been delivered counts as such, whatever the requests were
INSERT INTO capi_request_log (id, started_at, finished_at, dataset, event_count, outcome, events)
SELECT nextval('capi_request_id'), now(), now(), min(dataset), count(*), 'delivered', range_agg(int8range(id, id, '[]'))
FROM capi_event_log WHERE event_name = 'raw' AND lead_id <> 123456789012342 AND NOT parked;
SELECT dataset, event_name, day - (now() AT TIME ZONE 'UTC')::date AS day, leads, events, delivered, leads_delivered
FROM capi_stage_coverage WHERE dataset = 'operate_dataset' ORDER BY day, event_name;

--
-- Rights
--
CREATE ROLE regress_capi_operate;
SET ROLE regress_capi_operate;
SELECT count(*) FROM capi_check();
SELECT count(*) FROM capi_stage_coverage;
SELECT capi_send_test_event(123456789012345, 'TEST1', 'operate_dataset');
RESET ROLE;
GRANT EXECUTE ON FUNCTION capi_check(boolean) TO regress_capi_operate;
GRANT SELECT ON capi_stage_coverage TO regress_capi_operate;
SET ROLE regress_capi_operate;
SELECT status FROM capi_check() WHERE subject = 'operate_dataset' AND check_name = 'token';
SELECT sum(events) FROM capi_stage_coverage WHERE dataset = 'operate_dataset';
SELECT capi_send_test_event(123456789012345, 'TEST1', 'operate_dataset');
RESET ROLE;
-- USAGE is the right to send, and the mapping stays hidden
GRANT USAGE ON FOREIGN SERVER operate_dataset TO regress_capi_operate;
SET ROLE regress_capi_operate;
SELECT capi_send_test_event(123456789012345, 'TEST1', 'operate_dataset') ->> 'verdict' AS verdict;
SELECT umoptions IS NULL AS hidden FROM pg_user_mappings WHERE srvname = 'operate_dataset';
RESET ROLE;

SELECT capi_unwatch('leads');
DROP TABLE leads;
DELETE FROM capi_request_log r USING capi_dataset d WHERE d.number = r.dataset AND d.name = 'operate_dataset';
DROP OWNED BY regress_capi_operate;
DROP ROLE regress_capi_operate;
DROP USER MAPPING FOR PUBLIC SERVER operate_dataset;
DROP SERVER operate_dataset;
