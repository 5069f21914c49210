-- What the views cost with a history: held by plans and by the pages that are looked at, not by time. The history is
-- written into the tables within a transaction that is rolled back, so nobody else sees it.
\i test/sql/include/preamble.sql

CREATE SERVER view_costs FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER view_costs OPTIONS (access_token 'token');
SELECT count(capi_send_lead_event(123456789012345, 'owed', dataset => 'view_costs')) AS owed;
SELECT pg_temp.wait_for($$SELECT FROM capi_status WHERE dataset = 'view_costs' AND owed = 1 AND health = 'paused'$$);

-- Pages that a query looks at, whatever it does inside
CREATE FUNCTION pg_temp.pages(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) ' || query INTO plan;
    RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
END $$;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || query;
END $$;

BEGIN;
SET LOCAL max_parallel_workers_per_gather = 0; -- a parallel plan opens tables in each of its processes
SET LOCAL jit = off;
CREATE TEMP TABLE history ON COMMIT DROP AS
SELECT nextval('capi_event_id') AS id, n, CASE WHEN n % 10 < 7 THEN 'delivered' WHEN n % 10 < 8 THEN 'parked' ELSE 'cancelled' END AS became,
       (SELECT min(dataset) FROM capi_event_log WHERE id > :before) AS dataset
FROM generate_series(1, 20000) n;
INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
SELECT id, now(), now(), 223456789012345 + n / 4, dataset, became = 'parked', 'stage' FROM history ORDER BY id;
INSERT INTO capi_settlement (event, settled_at, dataset, status, reason_code)
SELECT id, now(), dataset, became, CASE became WHEN 'parked' THEN 'stage_missing' ELSE 'cancelled' END
FROM history WHERE became <> 'delivered' ORDER BY id;
INSERT INTO capi_request_log (id, started_at, finished_at, dataset, event_count, outcome, http_status, reason_code, events)
SELECT nextval('capi_request_id'), now(), now(), min(dataset), count(*), outcome, http_status, reason_code,
       range_agg(int8range(id, id, '[]'))
FROM history, LATERAL (VALUES ('retry', 500, 'server_error', became <> 'parked'), ('delivered', 200, NULL, became = 'delivered'))
     r(outcome, http_status, reason_code, has)
WHERE has GROUP BY n / 100, outcome, http_status, reason_code ORDER BY n / 100, outcome DESC;
INSERT INTO capi_cursor (position, open, request, updated_at)
SELECT max(id), (SELECT range_agg(int8range(o.id, o.id, '[]')) FROM capi_event_log o WHERE o.id > :before AND o.event_name = 'owed'),
       (SELECT max(id) FROM capi_request_log), now()
FROM capi_event_log
ON CONFLICT (only_row) DO UPDATE SET position = excluded.position, open = excluded.open, request = excluded.request;
ANALYZE capi_event_log, capi_settlement, capi_request_log;

-- All states, and what else is told of an event, are right
SELECT status, attempts, reason_code, http_status, count(*) FROM capi_events e WHERE e.id > :before GROUP BY 1, 2, 3, 4 ORDER BY 1;
SELECT status, attempts, reason_code, http_status, count(*) FROM capi_undelivered u WHERE u.id > :before GROUP BY 1, 2, 3, 4 ORDER BY 1;
-- the same, looked up one by one
SELECT DISTINCT e.status, e.attempts, e.reason_code, e.http_status FROM history h,
    LATERAL (SELECT * FROM capi_events e WHERE e.id = h.id) e WHERE h.n <= 10 ORDER BY 1;
SELECT DISTINCT u.status, u.attempts, u.reason_code, u.http_status FROM history h,
    LATERAL (SELECT * FROM capi_undelivered u WHERE u.id = h.id) u WHERE h.n <= 10 ORDER BY 1;

-- The newest ten, whatever columns are asked for: some index pages for each, no scan
SELECT pg_temp.pages('SELECT * FROM capi_events ORDER BY id DESC LIMIT 10') < 1500 AS events,
       pg_temp.pages('SELECT * FROM capi_undelivered ORDER BY id DESC LIMIT 10') < 1500 AS undelivered,
       pg_temp.pages('SELECT id, attempts FROM capi_undelivered ORDER BY id DESC LIMIT 10') < 1500 AS attempts,
       pg_temp.pages('SELECT id, status, reason FROM capi_undelivered ORDER BY id DESC LIMIT 10') < 1500 AS reasons;
-- Counts: the tables once or twice, and nothing for each event. 6,000 events are undelivered, 20,000 there are
SELECT bool_and(pg_temp.pages(format('SELECT %s, count(*) FROM capi_undelivered GROUP BY 1', c)) < 3000) AS undelivered,
       bool_and(pg_temp.pages(format('SELECT %s, count(*) FROM capi_events GROUP BY 1', c)) < 3000) AS events
FROM unnest('{status,attempts,reason_code,reason,http_status,dataset,event_name,settled_at,deadline,next_attempt_at}'::text[]) c;
SELECT pg_temp.pages('SELECT * FROM capi_stage_coverage') < 1000 AS coverage, pg_temp.pages('SELECT * FROM capi_status') < 2000 AS status,
       pg_temp.pages('SELECT count(*) FROM capi_owed') < 500 AS owed;
-- No join that nobody asks for, and no search through requests for each event
SELECT pg_temp.plan('SELECT status, reason_code, count(*) FROM capi_undelivered GROUP BY 1, 2') ~ 'capi_event_log|SubPlan' AS joins_log
INTERSECT SELECT true;
SELECT line FROM pg_temp.plan('SELECT attempts, count(*) FROM capi_events GROUP BY 1') line WHERE line ~ 'capi_(settlement|request_log|dataset)|SubPlan';
SELECT count(*) FILTER (WHERE line ~ 'Merge Append') AS in_order, count(*) FILTER (WHERE line ~ 'Seq Scan') AS scans
FROM pg_temp.plan('SELECT * FROM capi_undelivered ORDER BY id DESC LIMIT 10') line;
-- Counts of many events are shared out among parallel processes: the planner expects few groups, not one for each event
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SELECT c, count(*) FILTER (WHERE line ~ 'Partial (Hash|Group)Aggregate') AS partial, count(*) FILTER (WHERE line ~ 'Parallel Seq Scan on capi_event_log') AS parallel
FROM unnest('{status,attempts,reason_code,reason,http_status,settled_at,next_attempt_at,dataset,event_name}'::text[]) c,
     pg_temp.plan(format('SELECT %s, count(*) FROM capi_events GROUP BY 1', c)) line GROUP BY c ORDER BY c;
SELECT status, attempts, reason_code, http_status, count(*), min(settled_at) = max(settled_at) AS at_once
FROM capi_events e WHERE e.id > :before GROUP BY 1, 2, 3, 4 ORDER BY 1;
SET LOCAL max_parallel_workers_per_gather = 0;
-- Of what is undelivered the log is not read as a whole
SELECT line FROM pg_temp.plan('SELECT event_name, enqueued_at, deadline, count(*) FROM capi_undelivered GROUP BY 1, 2, 3') line WHERE line ~ 'capi_event_log';
SELECT event_name, enqueued_at = deadline - interval '7 days' AS seven_days, count(*) FROM capi_undelivered u WHERE u.id > :before AND u.event_name = 'stage' GROUP BY 1, 2;
-- What is parked is found by its status
SELECT count(*) FROM pg_temp.plan('SELECT event FROM capi_settlement WHERE status = ''retry''') line WHERE line ~ 'capi_settlement_status';
-- Decisions about many events look at the requests once, and not for each of them; nor do they read the whole log
CREATE FUNCTION pg_temp.requests_fetched() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_blocks_fetched(r)) FROM
        (SELECT 'capi_request_log'::regclass AS r UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = 'capi_request_log'::regclass) r $$;
SELECT pg_temp.requests_fetched() AS fetched \gset
SELECT capi_cancel(ARRAY(SELECT id FROM history WHERE became = 'delivered')) AS cancelled;
SELECT pg_temp.requests_fetched() - :fetched < 5000 AS cancel;
SELECT pg_stat_get_xact_tuples_returned('capi_event_log'::regclass) AS returned \gset
SELECT capi_retry(ARRAY(SELECT id FROM history WHERE became = 'cancelled' ORDER BY id LIMIT 100)) AS owed;
SELECT pg_stat_get_xact_tuples_returned('capi_event_log'::regclass) - :returned AS read_in_order;
SELECT count(*) FROM capi_settlement s JOIN history h ON h.id = s.event WHERE h.became = 'delivered';
ROLLBACK;

-- What a transaction has changed shows at once, and what was rolled back to a savepoint does not
BEGIN;
SELECT status FROM capi_undelivered WHERE id > :before;
SAVEPOINT a;
SELECT capi_cancel(ARRAY(SELECT id FROM capi_undelivered WHERE id > :before));
SELECT status FROM capi_undelivered WHERE id > :before;
ROLLBACK TO a;
SELECT status FROM capi_undelivered WHERE id > :before;
DO $$
DECLARE
    seen text;
    event bigint := (SELECT max(id) FROM capi_event_log WHERE event_name = 'owed');
BEGIN -- PL/pgSQL keeps what it evaluates simple expressions with
    FOR i IN 1 .. 3 LOOP
        seen := coalesce(seen || ' ', '') || capi_event_status(event, NULL);
        IF i = 1 THEN PERFORM capi_cancel(ARRAY[event]); END IF;
        IF i = 2 THEN PERFORM capi_retry(ARRAY[event]); END IF;
    END LOOP;
    RAISE NOTICE '%', seen;
END $$;
ROLLBACK;

-- The functions tell nothing to whom the views do not
CREATE ROLE regress_capi_costs;
SET ROLE regress_capi_costs;
SELECT capi_event_status(1, 1);
SELECT capi_event_attempts(1);
SELECT capi_latest_request(1);
SELECT capi_owed_events();
SELECT capi_stage_counts();
RESET ROLE;
DROP ROLE regress_capi_costs;
SELECT capi_cancel(ARRAY(SELECT id FROM capi_undelivered WHERE id > :before AND status <> 'cancelled')) AS cancelled;
DROP SERVER view_costs CASCADE;
