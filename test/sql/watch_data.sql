-- user_data and custom_data of a watch: columns and expressions, values and lists. Plain identities are hashed when
-- the event is enqueued. The dataset is paused: nothing is sent.
\i test/sql/include/preamble.sql

CREATE SERVER data_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused', default_country 'DE');
CREATE FUNCTION pg_temp.data_news(OUT meta_id bigint, OUT event_name text, OUT parked text, OUT detail text, OUT user_data text, OUT custom_data text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT CASE WHEN lead_id > 0 THEN lead_id END, event_name, reason_code, detail,
           regexp_replace(user_data::text, '([0-9a-f]{6})[0-9a-f]{58}', '\1...', 'g'), custom_data::text
    FROM pg_temp.new_events() ORDER BY id
$$;

CREATE TABLE contact (id int PRIMARY KEY, mail text, phones text[]);
INSERT INTO contact VALUES (1, ' Test@Example.com ', ARRAY['0170 1234567', NULL]), (2, NULL, NULL);
CREATE TABLE leads (id int PRIMARY KEY, lead text, stage text, contact_id int, email text, born date, zip int,
                    amount numeric, won boolean, tags text[], data jsonb);
SELECT capi_watch('leads', 'lead', 'stage',
    user_data => '{"em": ["email", "(SELECT mail FROM contact WHERE id = NEW.contact_id)"],
                   "ph": "(SELECT phones FROM contact WHERE id = NEW.contact_id)",
                   "db": "born", "zp": "zip"}',
    custom_data => '{"value": "amount", "currency": "''EUR''::text", "won": "won", "tags": "tags", "source": "NEW.data -> ''utm''", "twice": "NEW.amount * 2"}');
SELECT user_data, custom_data FROM capi_watches;
INSERT INTO leads VALUES (1, '123456789012345', 'new', 1, 'Second@example.com', '1990-12-31', 10115, 12345678901234567.89, true, ARRAY['a', 'b'], '{"utm": {"campaign": "spring"}}');
INSERT INTO leads (id, lead, stage) VALUES (2, '123456789012346', 'new');
SELECT * FROM pg_temp.data_news();
-- the hashes are those of the normalised values
SELECT user_data -> 'em' @> to_jsonb(ARRAY[capi_hash('em', 'test@example.com'), capi_hash('em', 'second@example.com')]) AS em,
       user_data @> jsonb_build_object('ph', capi_hash('ph', '491701234567')) OR user_data -> 'ph' @> to_jsonb(ARRAY[capi_hash('ph', '491701234567')]) AS ph
FROM capi_event_log WHERE lead_id = 123456789012345 ORDER BY id DESC LIMIT 1;
-- nothing of it is read for a change that is none
UPDATE leads SET email = 'changed@example.com';
SELECT count(*) FROM pg_temp.data_news();
-- an error in one of them parks the event
ALTER TABLE leads ALTER data TYPE text;
UPDATE leads SET stage = 'qualified' WHERE id = 1;
SELECT * FROM pg_temp.data_news();
SELECT problem FROM capi_watches;
SELECT capi_unwatch('leads');

-- A lead without Meta's id: its own key orders its events, and the identities say who it is
CREATE TABLE own (id uuid PRIMARY KEY, stage text, email text);
SELECT capi_watch('own', 'id', 'stage', user_data => '{"em": "email"}');
INSERT INTO own VALUES ('00000000-0000-0000-0000-000000000001', 'new', 'test@example.com'),
                       ('00000000-0000-0000-0000-000000000002', 'new', NULL),
                       ('00000000-0000-0000-0000-000000000003', 'new', 'no address');
SELECT * FROM pg_temp.data_news();
UPDATE own SET stage = 'qualified' WHERE email = 'test@example.com';
SELECT count(DISTINCT lead_id) AS lanes, count(*) AS events FROM capi_event_log
WHERE user_data -> 'em' IS NOT NULL AND lead_id < 0 AND event_name IN ('new', 'qualified') AND id > (SELECT max(id) - 4 FROM capi_event_log);
SELECT capi_unwatch('own');
SELECT * FROM pg_temp.data_news();
SELECT capi_watch('own', 'id', 'stage');
UPDATE own SET stage = 'plain' WHERE email = 'test@example.com';
SELECT * FROM pg_temp.data_news();

-- What could not be used is noted with its event: the table, and key and cause of each value, never the value
CREATE SCHEMA crm;
CREATE TABLE crm."Kunden" (lead bigint, stage text, email text, phone text) PARTITION BY LIST (stage);
CREATE TABLE crm.kunden_rest PARTITION OF crm."Kunden" DEFAULT;
SELECT capi_watch('crm."Kunden"', 'lead', 'stage', user_data => '{"em": "email", "ph": "phone"}');
INSERT INTO crm."Kunden" VALUES (123456789012345, 'all well', 'Jane <jane@x.org>', '030 901820 / 0171 1234567'),
    (123456789012345, 'nothing there', ' ', 'n/a'),
    (123456789012345, 'two', 'jane at x.org', '5.25645E+11'),
    (123456789012345, 'one', 'jane@x.org', '0171 123 CALL');
SELECT event_name, dropped, user_data -> 'em' ->> 0 = capi_hash('em', 'jane@x.org') AS em, user_data -> 'ph' ->> 0 = capi_hash('ph', '+4930901820') AS ph
FROM pg_temp.new_events() ORDER BY id;
DROP TABLE crm."Kunden";
DROP SCHEMA crm;

-- Too much
CREATE TABLE wide (lead bigint, stage text, note text);
SELECT capi_watch('wide', 'lead', 'stage', custom_data => '{"note": "note"}');
INSERT INTO wide SELECT 123456789012345, 'wide', string_agg(md5(i::text), '') FROM generate_series(1, 600) AS i;
INSERT INTO wide VALUES (123456789012345, 'narrow', 'short');
SELECT * FROM pg_temp.data_news();

-- What is refused
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n'
SELECT '* ' || arguments, pg_temp.attempt('SELECT capi_watch(''leads'', ''lead'', ''stage'', ' || arguments || ')')
FROM (VALUES
    (1, $$user_data => '[]'$$),
    (2, $$user_data => '{}'$$),
    (3, $$user_data => '"em"'$$),
    (4, $$user_data => '{"em": 1}'$$),
    (5, $$user_data => '{"em": {"a": "email"}}'$$),
    (6, $$user_data => '{"em": ["email", ["email"]]}'$$),
    (7, $$user_data => '{"em": null}'$$),
    (8, $$user_data => '{"mail": "email"}'$$),
    (9, $$user_data => '{"em": "mail"}'$$),
    (10, $$user_data => '{"em": "NEW.mail"}'$$),
    (11, $$user_data => '{"em": "OLD.email"}'$$),
    (12, $$custom_data => '{"event_source": "stage"}'$$),
    (13, $$custom_data => '{"lead_event_source": "stage"}'$$),
    (14, $$custom_data => '{"a": "1; DROP TABLE leads"}'$$),
    (15, $$custom_data => '{"a": ["id", "no_function()"]}'$$)) AS v(n, arguments)
ORDER BY n;
\pset tuples_only off
\pset format aligned
\pset fieldsep '|'
DROP TABLE leads, own, wide, contact;
DROP SERVER data_dataset;
