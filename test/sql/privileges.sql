-- Who may see and do what: nothing by default but what USAGE on a dataset gives; the rest by GRANT.
\i test/sql/include/preamble.sql

CREATE SERVER privileges_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused', endpoint 'https://127.0.0.1:9');
CREATE USER MAPPING FOR PUBLIC SERVER privileges_dataset OPTIONS (access_token 'SECRET-TOKEN', app_secret 'SECRET-APP');
CREATE TABLE leads (lead bigint, stage text);
SELECT capi_watch('leads', 'lead', 'stage', 'privileges_dataset');
INSERT INTO leads VALUES (123456789012345, 'qualified');
SELECT max(id) AS id FROM capi_event_log \gset

-- Nothing is granted to PUBLIC on what the queue consists of, but to look at the doors of dumps, in which nothing ever lies
SELECT c.relname, a.privilege_type
FROM pg_depend d JOIN pg_class c ON c.oid = d.objid,
     aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a
WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND a.grantee = 0
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crm_capi')
ORDER BY c.relname COLLATE "C";
-- and what they bring, they bring to whoever may read the table behind them
SELECT count(*) > 0 AS brought FROM capi_dumped_event_log(0, 1);
SELECT count(*) FROM capi_dumped_event_log;
SELECT capi_dumped_event_log(1, 1);
SELECT * FROM capi_dumped_event_log(-1, 1);
-- Who may call which function is decided one by one: what PUBLIC may call checks the rights of its
-- caller (on the server, on the table), or tells nothing about events. A new function fails here until
-- it stands in this list.
SELECT p.oid::regprocedure AS function,
       CASE WHEN has_function_privilege('public', p.oid, 'EXECUTE') THEN 'everybody' ELSE 'by grant' END AS may_call
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crm_capi')
ORDER BY 2, p.oid::regprocedure::text COLLATE "C";
-- and what runs with the rights of its owner is not for PUBLIC
SELECT p.oid::regprocedure AS definer
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND p.prosecdef
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crm_capi')
      AND has_function_privilege('public', p.oid, 'EXECUTE');

-- A role without any right
CREATE ROLE regress_capi_nobody;
SET ROLE regress_capi_nobody;
SELECT count(*) FROM capi_events;
SELECT count(*) FROM capi_requests;
SELECT count(*) FROM capi_status;
SELECT count(*) FROM capi_watches;
SELECT count(*) FROM capi_stage_coverage;
SELECT count(*) FROM capi_check();
SELECT count(*) FROM capi_event_log;
SELECT count(*) FROM capi_figures();
SELECT count(*) FROM capi_dumped_event_log(0, 1);
SELECT count(*) FROM capi_dumped_watch_approval(0, 1);
INSERT INTO capi_dumped_event_log SELECT FROM capi_dumped_event_log;
SELECT capi_read_up_to();
SELECT capi_totals(1);
INSERT INTO capi_event_log SELECT FROM capi_event_log;
DELETE FROM capi_settlement;
SELECT nextval('capi_event_id');
SELECT capi_payload(:id);
SELECT capi_pause('privileges_dataset');
SELECT capi_resume('privileges_dataset');
SELECT capi_send_lead_event(123456789012345, 'qualified', dataset => 'privileges_dataset');
SELECT capi_watch('leads', 'lead', 'stage', 'privileges_dataset');
SELECT capi_unwatch('leads');
-- secrets are PostgreSQL's to keep, and it keeps them
SELECT umoptions IS NULL AS hidden FROM pg_user_mappings WHERE srvname = 'privileges_dataset';
-- what tells nothing about anybody is for all
SELECT capi_reason('paused');
RESET ROLE;

-- USAGE on the dataset is the right to send, and no right to read
CREATE ROLE regress_capi_application;
GRANT USAGE ON FOREIGN SERVER privileges_dataset TO regress_capi_application;
SET ROLE regress_capi_application;
SELECT capi_send_lead_event(123456789012345, 'sent', dataset => 'privileges_dataset') > :id AS queued;
SELECT count(*) FROM capi_events;
SELECT count(*) FROM capi_figures();
SELECT umoptions IS NULL AS hidden FROM pg_user_mappings WHERE srvname = 'privileges_dataset';
RESET ROLE;

-- SELECT on the views is enough to read them, whatever they are made of
CREATE ROLE regress_capi_monitor;
GRANT SELECT ON capi_events, capi_requests, capi_status, capi_watches TO regress_capi_monitor;
SET ROLE regress_capi_monitor;
SELECT dataset, lead_id, event_name FROM capi_events WHERE id >= :id ORDER BY id;
SELECT count(*) FROM capi_requests WHERE dataset = 'privileges_dataset';
SELECT dataset, owed, parked FROM capi_status WHERE dataset = 'privileges_dataset';
SELECT target, lead_id, stage, dataset FROM capi_watches;
-- and no more than that
SELECT count(*) FROM capi_event_log;
SELECT capi_payload(:id);
-- what they call can be called as long as they can be read
SELECT count(*) >= 0 AS readable FROM capi_figures();
RESET ROLE;
REVOKE SELECT ON capi_status FROM regress_capi_monitor;
SET ROLE regress_capi_monitor;
SELECT count(*) FROM capi_figures();
RESET ROLE;
GRANT EXECUTE ON FUNCTION capi_payload(bigint) TO regress_capi_monitor;
SET ROLE regress_capi_monitor;
SELECT capi_payload(:id) -> 'user_data' AS user_data;
RESET ROLE;

-- An operator reads and decides: the grants of docs/privileges-and-secrets.md are enough, and no more
CREATE ROLE regress_capi_operator;
GRANT SELECT ON capi_status, capi_counters, capi_events, capi_undelivered, capi_requests, capi_watches,
    capi_stage_coverage TO regress_capi_operator;
GRANT EXECUTE ON FUNCTION capi_check(boolean), capi_pause(name), capi_resume(name), capi_retry(bigint[]),
    capi_cancel(bigint[]) TO regress_capi_operator;
SET ROLE regress_capi_operator;
SELECT capi_pause('privileges_dataset');
SELECT capi_resume('privileges_dataset');
SELECT count(*) >= 1 AS readable FROM capi_events WHERE id = :id;
SELECT count(*) = 1 AS readable FROM capi_undelivered WHERE id = :id;
SELECT count(*) = 1 AS readable FROM capi_status WHERE dataset = 'privileges_dataset';
SELECT count(*) >= 0 AS readable FROM capi_counters;
SELECT count(*) >= 0 AS readable FROM capi_requests;
SELECT stage FROM capi_watches;
SELECT event_name, events FROM capi_stage_coverage WHERE dataset = 'privileges_dataset' ORDER BY event_name;
SELECT status, detail FROM capi_check() WHERE subject = 'privileges_dataset' AND check_name = 'mode';
SELECT count(*) > 5 AS checked FROM capi_check(send => true) WHERE subject = 'privileges_dataset';
SELECT capi_cancel(ARRAY[:id]), capi_retry(ARRAY[:id]);
SELECT count(*) FROM capi_settlement;
SELECT count(*) FROM capi_event_log;
SELECT capi_payload(:id);
SELECT capi_forget(123456789012345);
SELECT capi_send_lead_event(123456789012345, 'qualified', dataset => 'privileges_dataset');
SELECT capi_send_test_event(123456789012345, 'TEST1', 'privileges_dataset');
SELECT umoptions IS NULL AS hidden FROM pg_user_mappings WHERE srvname = 'privileges_dataset';
RESET ROLE;

-- No view, and no function, shows a secret
SELECT count(*) AS shown FROM (
    SELECT e::text FROM capi_events e UNION ALL SELECT r::text FROM capi_requests r
    UNION ALL SELECT s::text FROM capi_status s UNION ALL SELECT c::text FROM capi_counters c UNION ALL
    SELECT u::text FROM capi_undelivered u UNION ALL SELECT w::text FROM capi_watches w
    UNION ALL SELECT g::text FROM capi_stage_coverage g UNION ALL SELECT k::text FROM capi_check(send => true) k
    UNION ALL SELECT d::text FROM capi_dataset d UNION ALL SELECT capi_payload(:id)::text) AS all_rows(row)
WHERE row LIKE '%SECRET%';

DROP TABLE leads;
DROP USER MAPPING FOR PUBLIC SERVER privileges_dataset;
DROP SERVER privileges_dataset;
DROP OWNED BY regress_capi_monitor, regress_capi_operator;
DROP ROLE regress_capi_nobody, regress_capi_application, regress_capi_monitor, regress_capi_operator;
