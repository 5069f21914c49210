-- The type of capi_request_log.events: a set of event ids that looks like an int8multirange and takes a tenth of its room.
\i test/sql/include/preamble.sql

SELECT '{}'::capi_event_ids, '{[1,2)}'::capi_event_ids, '{[5,8),[1,3],(8,9],[2,4)}'::capi_event_ids AS put_together;
SELECT '{[9223372036854775806,9223372036854775806]}'::capi_event_ids AS greatest;

-- Ids begin at 1, and there are no endless ranges
SELECT '{[0,2)}'::capi_event_ids;
SELECT '{[-5,2),[7,8)}'::capi_event_ids;
SELECT '{[1,2),[5,)}'::capi_event_ids;
SELECT '{(,)}'::capi_event_ids;
SELECT '1, 2'::capi_event_ids;

-- All else is asked of the multirange
SELECT '{[1,3),[7,8)}'::capi_event_ids::int8multirange @> 7::bigint AS holds_7,
       '{[1,3),[7,8)}'::capi_event_ids::int8multirange @> 6::bigint AS holds_6,
       '{}'::capi_event_ids::int8multirange AS none;

-- The multirange is the one that the server makes, whatever its number of ranges
SELECT count(*) AS sets, bool_and(ids::capi_event_ids::int8multirange = ids) AS are_equal,
       bool_and(hash_multirange(ids::capi_event_ids::int8multirange) = hash_multirange(ids)) AS hash_alike,
       bool_and(pg_column_size(ids::capi_event_ids::int8multirange) = pg_column_size(ids)) AS are_as_long,
       bool_and((last_id = 0 OR ids::capi_event_ids::int8multirange @> last_id) AND NOT ids::capi_event_ids::int8multirange @> last_id + 1) AS end_there
FROM (SELECT coalesce(range_agg(int8range(i * i, i * i + 1 + i % 3)) FILTER (WHERE i > 0), '{}') AS ids, coalesce(max(i * i + i % 3), 0) AS last_id
      FROM generate_series(0::bigint, 40) n LEFT JOIN LATERAL generate_series(2, n + 1) i ON true GROUP BY n) s;

-- A multirange can be stored as it is; where 400 datasets take turns it takes two bytes for each event, not 21
CREATE TEMP TABLE kept (apart int8multirange, ids capi_event_ids);
INSERT INTO kept SELECT m, m FROM (SELECT range_agg(int8range(i, i, '[]')) AS m FROM generate_series(1000001, 1200000, 400) i) s;
INSERT INTO kept VALUES ('{[0,1)}', '{[0,1)}'::int8multirange);
SELECT ids::int8multirange = apart AS is_same, pg_column_size(ids) AS bytes FROM kept;
SELECT ids::text = apart::text AS looks_the_same FROM kept;

-- A request is found by an id in it, through the view, too
INSERT INTO capi_request_log (id, started_at, finished_at, dataset, event_count, outcome, events)
SELECT i, now(), now(), 1, 10, 'delivered', int8multirange(int8range(10 * i, 10 * i + 10)) FROM generate_series(1, 2000) i;
ANALYZE capi_request_log;
EXPLAIN (COSTS OFF) SELECT r.id FROM capi_requests r WHERE r.events @> 12345::bigint;
SELECT r.id, r.events FROM capi_requests r WHERE r.events @> 12345::bigint;

DELETE FROM capi_request_log WHERE id <= 2000;
