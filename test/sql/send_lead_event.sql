-- capi_send_lead_event(): what it enqueues, and what it refuses. The dataset is paused: nothing is sent.
\i test/sql/include/preamble.sql

CREATE FUNCTION pg_temp.try(arguments text) RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.attempt('SELECT capi_send_lead_event(' || arguments || ')') $$;

--
-- The dataset
--
\pset format unaligned
\pset tuples_only on
\echo * there is none
SELECT pg_temp.try('123456789012345, ''qualified''');
CREATE SERVER send_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
\echo * there is one
SELECT pg_temp.try('123456789012345, ''qualified''');
\echo * named, unknown
SELECT pg_temp.try('123456789012345, ''qualified'', dataset => ''sales''');
\echo * the server of another wrapper is no dataset
CREATE FOREIGN DATA WRAPPER regress_capi_other;
CREATE SERVER send_other FOREIGN DATA WRAPPER regress_capi_other;
SELECT pg_temp.try('123456789012345, ''qualified'', dataset => ''send_other''');
\echo * and does not make the choice ambiguous
SELECT pg_temp.try('123456789012345, ''qualified''');
DROP FOREIGN DATA WRAPPER regress_capi_other CASCADE;
\echo * there are two
CREATE SERVER send_second FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'SAP', mode 'paused');
SELECT pg_temp.try('123456789012345, ''qualified''');
SELECT pg_temp.try('123456789012345, ''qualified'', dataset => ''send_second''');
DROP SERVER send_second;
\pset tuples_only off
\pset format aligned
SELECT dataset, lead_id, event_name, status = 'parked' AS parked
FROM capi_events WHERE dataset LIKE 'send%' ORDER BY id;

--
-- What is accepted, at the edges of what is valid; the event is queued as it was given
--
SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
SELECT count(capi_send_lead_event(lead_id, 'edge', dataset => 'send_dataset')) AS lead_ids
FROM (VALUES (100000000000000), (123456789012345), (9007199254740993), (99999999999999999)) AS v(lead_id);
SELECT lead_id FROM capi_event_log WHERE id > :before ORDER BY id;

SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
SELECT count(capi_send_lead_event(123456789012345, name)) AS names
FROM (VALUES ('x'), (repeat('x', 255)), (repeat('ü', 255)), (repeat('🙂', 255)),
             (' with blanks '), ('Qualifié "A" \ 100%'), (U&'no\00A0break')) AS v(name);
\pset format unaligned
SELECT length(event_name) AS length, left(event_name, 20) AS begins
FROM capi_event_log WHERE id > :before ORDER BY id;
\pset format aligned

-- Times are compared in whole seconds, and the clock goes on: some are left for slow machines
SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
SELECT pg_temp.try(format('123456789012345, ''timed'', %s', arguments)) AS verdict, arguments
FROM (VALUES
    (1, 'clock_timestamp() - interval ''168 hours'' + interval ''30 s'''),
    (2, 'clock_timestamp() + interval ''59 s'''),
    (3, 'clock_timestamp() - interval ''1 hour'', lead_created_at => clock_timestamp() - interval ''2 hours'''),
    (4, 'date_trunc(''second'', now()), lead_created_at => date_trunc(''second'', now())'),
    (5, 'date_trunc(''second'', now()), lead_created_at => date_trunc(''second'', now()) + interval ''0.9 s''')) AS v(n, arguments)
ORDER BY n;

-- An event time is never altered, microseconds included
SELECT now() - interval '1 hour 0.000001 s' AS moment \gset
SELECT capi_send_lead_event(123456789012345, 'moment', :'moment') AS id \gset
SELECT event_time = :'moment' AS unaltered FROM capi_events WHERE id = :id;

-- Identities and further facts
SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
SELECT count(capi_send_lead_event(123456789012345, 'members', user_data => u, custom_data => c)) AS members
FROM (VALUES
    ('{}'::jsonb, '{}'::jsonb),
    ('{"em": null}', '{"value": null}'),
    ('{"em": "973DFE463EC85785F5F95AF5BA3906EEDB2D931C24E69824A89EA65DBA4E813B"}',
     '{"value": 12.5, "currency": "EUR", "contents": [{"id": "a", "quantity": 2}]}'),
    ('{"ph": ["973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"], "fbc": "fb.1.1554763741205.Abc", "page_id": 42}',
     '{"note": "Qualifié \"A\" \\ \n"}'),
    -- plain values are hashed, what is no value is dropped
    ('{"em": " Test@Example.com ", "fn": "Mary", "ln": "n/a", "ph": "", "lead_id": "l:123456789012345"}', NULL),
    ('{"em": ["b@example.com", "a@example.com", "A@example.com", null, "undefined"]}', NULL)) AS v(u, c);
SELECT user_data, custom_data FROM capi_event_log WHERE id > :before ORDER BY id;

-- A lead that Meta gave no id is known by its identities: the same ones in another order are the same
-- lead, and the payload has no lead_id.
SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
SELECT count(capi_send_lead_event(NULL, 'members', user_data => u)) AS without_lead_id
FROM (VALUES ('{"em": "a@example.com", "fn": ["Mary", "Ann"]}'::jsonb),
             ('{"fn": ["Ann", "MARY", "mary"], "em": "A@example.com"}'),
             ('{"em": "b@example.com"}'),
             ('{"em": "b@example.com", "lead_id": 123456789012345}')) AS v(u);
SELECT l.id - :before AS event, l.lead_id < 0 AS is_lane,
       (SELECT min(o.id) - :before FROM capi_event_log o WHERE o.lead_id = l.lead_id AND o.id > :before) AS first_of_lead,
       e.lead_id, capi_payload(l.id) -> 'user_data' AS user_data
FROM capi_event_log l JOIN capi_events e USING (id) WHERE l.id > :before ORDER BY l.id;

--
-- What is refused, with SQLSTATE, detail and hint
--
SELECT count(*) AS before FROM capi_event_log \gset
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n'
SELECT '* ' || regexp_replace(arguments, '([xü])\1{20,}', '\1...', 'g'), pg_temp.try(arguments)
FROM (VALUES
    -- missing
    (101, 'NULL, ''qualified'''),
    (102, '123456789012345, NULL'),
    (103, '123456789012345, ''qualified'', NULL'),
    -- lead id: 15 to 17 digits
    (201, '0, ''qualified'''),
    (202, '-123456789012345, ''qualified'''),
    (203, '1234567, ''qualified'''),
    (204, '99999999999999, ''qualified'''),
    (205, '100000000000000000, ''qualified'''),
    (206, '9223372036854775807, ''qualified'''),
    -- event name
    (301, '123456789012345, '''''),
    (302, '123456789012345, ''  '''),
    (303, '123456789012345, E'' \t\n'''),
    (304, '123456789012345, U&''\00A0\3000'''),
    (305, '123456789012345, repeat(''x'', 256)'),
    (306, '123456789012345, repeat(''ü'', 256)'),
    (307, '123456789012345, E''two\nlines'''),
    -- event time
    (401, '123456789012345, ''qualified'', clock_timestamp() - interval ''168 hours'''),
    (402, '123456789012345, ''qualified'', clock_timestamp() - interval ''400 days'''),
    (403, '123456789012345, ''qualified'', clock_timestamp() + interval ''70 s'''),
    (404, '123456789012345, ''qualified'', ''infinity'''),
    (405, '123456789012345, ''qualified'', ''-infinity'''),
    (406, '123456789012345, ''qualified'', ''4713-01-01 BC'''),
    (407, '123456789012345, ''qualified'', ''294276-12-31'''),
    (408, '123456789012345, ''qualified'', now() - interval ''2 hours'', lead_created_at => now() - interval ''1 hour'''),
    (409, '123456789012345, ''qualified'', date_trunc(''second'', now()) - interval ''0.1 s'', lead_created_at => date_trunc(''second'', now())'),
    (410, '123456789012345, ''qualified'', lead_created_at => ''infinity'''),
    (411, '123456789012345, ''qualified'', lead_created_at => ''-infinity'''),
    -- user_data
    (501, '123456789012345, ''qualified'', user_data => ''null'''),
    (502, '123456789012345, ''qualified'', user_data => ''"em"'''),
    (503, '123456789012345, ''qualified'', user_data => ''[]'''),
    (504, '123456789012345, ''qualified'', user_data => ''{"email": "x"}'''),
    (505, '123456789012345, ''qualified'', user_data => ''{"lead_id": 123456789012346}'''),
    (506, '123456789012345, ''qualified'', user_data => ''{"em": "private.example.com"}'''),
    (507, '123456789012345, ''qualified'', user_data => ''{"private@example.com": "em"}'''),
    (508, '123456789012345, ''qualified'', user_data => ''{"ph": ["+49 30 1234567", "private"]}'''),
    (509, '123456789012345, ''qualified'', user_data => ''{"zp": 1.5}'''),
    (510, '123456789012345, ''qualified'', user_data => ''{"fbc": {}}'''),
    (511, '123456789012345, ''qualified'', user_data => ''{"client_ip_address": true}'''),
    (512, '123456789012345, ''qualified'', user_data => ''{"client_ip_address": ["192.0.2.1"]}'''),
    (513, '123456789012345, ''qualified'', user_data => ''{"client_ip_address": "192.0.2.256"}'''),
    (514, '123456789012345, ''qualified'', user_data => ''{"fbc": "FB.1.1554763741205.Abc"}'''),
    (515, '123456789012345, ''qualified'', user_data => jsonb_build_object(''fn'', (SELECT jsonb_agg(i) FROM generate_series(1, 33) i))'),
    (516, '123456789012345, ''qualified'', user_data => ''{"ph": "5.25645E+11"}'''),
    (517, '123456789012345, ''qualified'', user_data => ''{"ph": "2530000 / 2530001"}'''),
    (518, '123456789012345, ''qualified'', user_data => ''{"ph": "1-800-FLOWERS"}'''),
    (519, '123456789012345, ''qualified'', user_data => ''{"ph": "110"}'''),
    -- too little identity
    (522, 'NULL, ''qualified'', user_data => ''{"em": "n/a"}'''),
    (523, 'NULL, ''qualified'', user_data => ''{"fn": "Mary", "ge": "f"}'''),
    (524, 'NULL, ''qualified'', user_data => ''{"ct": "Rome", "country": "it", "zp": "00118", "client_user_agent": "x"}'''),
    -- custom_data
    (601, '123456789012345, ''qualified'', custom_data => ''[1]'''),
    (602, '123456789012345, ''qualified'', custom_data => ''{"event_source": "web"}'''),
    (603, '123456789012345, ''qualified'', custom_data => ''{"lead_event_source": "x"}'''),
    (604, '123456789012345, ''qualified'', custom_data => jsonb_build_object(''x'', repeat(''x'', 16384))'),
    (605, '123456789012345, ''qualified'', user_data => jsonb_build_object(''fbc'', repeat(''x'', 16384))')) AS v(n, arguments)
ORDER BY n;
\pset tuples_only off
\pset format aligned
\pset fieldsep '|'
-- None of them left anything in the log
SELECT count(*) - :before AS added FROM capi_event_log;

--
-- Enqueueing is part of the transaction
--
SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
BEGIN;
SELECT capi_send_lead_event(123456789012345, 'rolled back') > :before AS queued;
ROLLBACK;
BEGIN;
SELECT capi_send_lead_event(123456789012345, 'kept 1') > :before AS queued;
SAVEPOINT one;
SELECT capi_send_lead_event(123456789012345, 'undone with its savepoint') > :before AS queued;
SAVEPOINT two;
SELECT capi_send_lead_event(123456789012345, 'undone with the outer savepoint') > :before AS queued;
RELEASE SAVEPOINT two;
ROLLBACK TO SAVEPOINT one;
SELECT capi_send_lead_event(123456789012345, 'kept 2') > :before AS queued;
SELECT event_name FROM capi_events WHERE id > :before ORDER BY id;
COMMIT;
SELECT event_name FROM capi_events WHERE id > :before ORDER BY id;

-- A dataset whose first event is rolled back is registered again by the next
CREATE SERVER send_new FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '3', lead_event_source 'SAP', mode 'paused');
BEGIN;
SELECT capi_send_lead_event(123456789012345, 'rolled back', dataset => 'send_new') > :before AS queued;
ROLLBACK;
BEGIN;
SAVEPOINT one;
SELECT capi_send_lead_event(123456789012345, 'rolled back', dataset => 'send_new') > :before AS queued;
ROLLBACK TO SAVEPOINT one;
SELECT capi_send_lead_event(123456789012345, 'first', dataset => 'send_new') > :before AS queued;
COMMIT;
SELECT capi_send_lead_event(123456789012345, 'second', dataset => 'send_new') > :before AS queued;
SELECT dataset, event_name FROM capi_events WHERE id > :before AND dataset = 'send_new' ORDER BY id;
SELECT count(*) AS registered FROM capi_dataset WHERE name = 'send_new';

-- Nothing is enqueued where nothing may be written
BEGIN READ ONLY;
SELECT capi_send_lead_event(123456789012345, 'read only', dataset => 'send_new');
\echo :SQLSTATE
ROLLBACK;

-- Default for the event time is now(), the start of the transaction, as the signature says
BEGIN;
SELECT capi_send_lead_event(123456789012345, 'now', dataset => 'send_new') AS id \gset
SELECT event_time = now() AS at_start FROM capi_events WHERE id = :id;
ROLLBACK;

--
-- Rights: USAGE on the dataset, and nothing else
--
CREATE ROLE regress_capi_sender;
SET ROLE regress_capi_sender;
SELECT capi_send_lead_event(123456789012345, 'refused', dataset => 'send_new');
\echo :SQLSTATE
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER send_new TO regress_capi_sender;
SET ROLE regress_capi_sender;
SELECT capi_send_lead_event(123456789012345, 'granted', dataset => 'send_new') > :before AS queued;
SELECT capi_send_lead_event(123456789012345, 'refused', dataset => 'send_dataset');
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER send_new FROM regress_capi_sender;
SET ROLE regress_capi_sender;
SELECT capi_send_lead_event(123456789012345, 'refused', dataset => 'send_new');
RESET ROLE;
SELECT event_name FROM capi_events WHERE dataset = 'send_new' ORDER BY id;

DROP SERVER send_dataset, send_new;
DROP ROLE regress_capi_sender;
