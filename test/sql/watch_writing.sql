-- Every way of writing to a watched table, with plain columns and with expressions. The dataset is paused: nothing
-- is sent. What other test files show about single statements is not repeated here.
\i test/sql/include/preamble.sql

CREATE SERVER writing_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE SERVER second_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '2', lead_event_source 'Odoo', mode 'paused');
-- The events enqueued since the last call; the last three digits of the lead id say which lead.
CREATE FUNCTION pg_temp.news_of_datasets(OUT dataset name, OUT lead bigint, OUT event_name text, OUT parked text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT dataset, lead_id % 1000, event_name, reason_code FROM pg_temp.new_events() ORDER BY id
$$;

-- One dataset reads columns, the other one expressions
CREATE TABLE leads (id int PRIMARY KEY, lead bigint, stage text, region text DEFAULT 'eu');
SELECT capi_watch('leads', 'lead', 'stage', 'writing_dataset');
SELECT capi_watch('leads', 'NEW.lead + 0', 'lower(NEW.stage)', 'second_dataset');

-- single and multi-row INSERT, UPDATE and COPY
INSERT INTO leads VALUES (1, 123456789012001, 'one');
INSERT INTO leads VALUES (2, 123456789012002, 'two'), (3, 123456789012003, 'two');
COPY leads (id, lead, stage) FROM stdin;
4	123456789012004	copied
\.
UPDATE leads SET stage = 'all';
SELECT * FROM pg_temp.news_of_datasets();
-- INSERT ... ON CONFLICT
INSERT INTO leads VALUES (1, 123456789012001, 'upserted') ON CONFLICT (id) DO UPDATE SET stage = excluded.stage;
INSERT INTO leads VALUES (1, 123456789012001, 'upserted') ON CONFLICT (id) DO UPDATE SET stage = excluded.stage;
INSERT INTO leads VALUES (1, 123456789012001, 'nothing') ON CONFLICT DO NOTHING;
SELECT * FROM pg_temp.news_of_datasets();
-- MERGE, or what it does, before 15
SELECT current_setting('server_version_num')::int >= 150000 AS has_merge \gset
\if :has_merge
MERGE INTO leads l USING (VALUES (2), (5)) AS v(id) ON l.id = v.id
    WHEN MATCHED THEN UPDATE SET stage = 'merged'
    WHEN NOT MATCHED THEN INSERT (id, lead, stage) VALUES (v.id, 123456789012005, 'merged');
\else
UPDATE leads SET stage = 'merged' WHERE id = 2;
INSERT INTO leads (id, lead, stage) VALUES (5, 123456789012005, 'merged');
\endif
SELECT * FROM pg_temp.news_of_datasets() ORDER BY dataset, lead;
-- UPDATE ... FROM and writable CTEs
UPDATE leads l SET stage = v.stage FROM (VALUES (3, 'from')) AS v(id, stage) WHERE l.id = v.id;
WITH moved AS (UPDATE leads SET stage = 'cte' WHERE id = 4 RETURNING lead)
INSERT INTO leads SELECT 6, lead + 2, 'cte' FROM moved;
SELECT * FROM pg_temp.news_of_datasets();
-- what a BEFORE trigger changes, or keeps away
CREATE FUNCTION before_leads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.stage = 'refused' THEN RETURN NULL; END IF;
    NEW.stage := NEW.stage || '!';
    RETURN NEW;
END $$;
CREATE TRIGGER before_us BEFORE INSERT OR UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION before_leads();
INSERT INTO leads VALUES (7, 123456789012007, 'before');
INSERT INTO leads VALUES (8, 123456789012008, 'refused');
UPDATE leads SET region = 'us' WHERE id = 7;
UPDATE leads SET stage = 'refused' WHERE id = 7;
SELECT * FROM pg_temp.news_of_datasets();
DROP TRIGGER before_us ON leads;
DROP FUNCTION before_leads();
-- a trigger of the CRM that changes the row again
CREATE FUNCTION after_leads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leads SET stage = 'second' WHERE id = NEW.id AND stage = 'first';
    RETURN NULL;
END $$;
CREATE TRIGGER a_after AFTER UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION after_leads();
UPDATE leads SET stage = 'first' WHERE id = 1;
SELECT event_name, count(*) FROM pg_temp.news_of_datasets() GROUP BY event_name ORDER BY event_name;
DROP TRIGGER a_after ON leads;
DROP FUNCTION after_leads();
-- cursors, prepared statements, rolled-back savepoints, functions
PREPARE change(int, text) AS UPDATE leads SET stage = $2 WHERE id = $1;
EXECUTE change(1, 'prepared');
DO $$ BEGIN
    BEGIN
        UPDATE leads SET stage = 'undone' WHERE id = 1;
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        UPDATE leads SET stage = 'caught' WHERE id = 1;
    END;
END $$;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM leads WHERE id = 2 FOR UPDATE;
FETCH c;
UPDATE leads SET stage = 'current of' WHERE CURRENT OF c;
COMMIT;
DEALLOCATE change;
SELECT * FROM pg_temp.news_of_datasets();
-- a view with INSTEAD OF triggers, and one that can be updated by itself
CREATE VIEW leads_view AS SELECT id, lead, stage FROM leads;
UPDATE leads_view SET stage = 'through a view' WHERE id = 1;
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leads SET stage = NEW.stage WHERE id = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER instead INSTEAD OF UPDATE ON leads_view FOR EACH ROW EXECUTE FUNCTION instead();
UPDATE leads_view SET stage = 'instead' WHERE id = 1;
SELECT * FROM pg_temp.news_of_datasets();
DROP VIEW leads_view;
DROP FUNCTION instead();
-- session_replication_role
SET session_replication_role = replica;
UPDATE leads SET stage = 'replica' WHERE id = 1;
RESET session_replication_role;
ALTER TABLE leads ENABLE ALWAYS TRIGGER capi_watch_second_dataset;
SET session_replication_role = replica;
UPDATE leads SET stage = 'replica always' WHERE id = 1;
RESET session_replication_role;
SELECT * FROM pg_temp.news_of_datasets();
DROP TABLE leads;

--
-- Foreign keys that cascade, deferred constraints
--
CREATE TABLE stage (name text PRIMARY KEY);
INSERT INTO stage VALUES ('new'), ('won'), ('lost');
CREATE TABLE leads (lead bigint, stage text REFERENCES stage ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
SELECT capi_watch('leads', 'lead', 'stage', 'writing_dataset');
SELECT capi_watch('leads', 'lead', 'upper(NEW.stage)', 'second_dataset');
INSERT INTO leads VALUES (123456789012001, 'new'), (123456789012002, 'won');
UPDATE stage SET name = 'fresh' WHERE name = 'new';
DELETE FROM stage WHERE name = 'won';
SELECT * FROM pg_temp.news_of_datasets();
BEGIN;
INSERT INTO leads VALUES (123456789012003, 'later');
INSERT INTO stage VALUES ('later');
COMMIT;
BEGIN;
INSERT INTO leads VALUES (123456789012004, 'never');
COMMIT;
SELECT * FROM pg_temp.news_of_datasets();
DROP TABLE leads, stage;

--
-- Partitions, also on two levels; rows that move; with two watches
--
CREATE TABLE leads (id int, lead bigint, stage text, region text, score int) PARTITION BY LIST (region);
CREATE TABLE leads_eu PARTITION OF leads FOR VALUES IN ('eu') PARTITION BY RANGE (score);
CREATE TABLE leads_eu_low PARTITION OF leads_eu FOR VALUES FROM (0) TO (10);
CREATE TABLE leads_eu_high (score int, gone int, region text, stage text, lead bigint, id int);
ALTER TABLE leads_eu_high DROP COLUMN gone;
ALTER TABLE leads_eu ATTACH PARTITION leads_eu_high FOR VALUES FROM (10) TO (100);
SELECT capi_watch('leads', 'lead', 'stage', 'writing_dataset', repeat => 'every');
SELECT capi_watch('leads', 'lead', 'upper(NEW.stage)', 'second_dataset', condition => 'OLD.score IS NULL OR OLD.score <> 50');
CREATE TABLE leads_us (LIKE leads);
ALTER TABLE leads ATTACH PARTITION leads_us FOR VALUES IN ('us');
INSERT INTO leads VALUES (1, 123456789012001, 'new', 'eu', 1), (2, 123456789012002, 'new', 'us', 1);
SELECT * FROM pg_temp.news_of_datasets();
-- moved, and nothing else changed
UPDATE leads SET score = 50 WHERE id = 1;
UPDATE leads SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END;
SELECT * FROM pg_temp.news_of_datasets();
-- moved and changed; OLD is the row before it moved
UPDATE leads SET region = 'eu', stage = 'moved' WHERE id = 1;
UPDATE leads SET score = 5, stage = 'moved again' WHERE id = 1;
SELECT * FROM pg_temp.news_of_datasets();
-- deleted and inserted again is new
BEGIN;
DELETE FROM leads WHERE id = 2;
INSERT INTO leads VALUES (2, 123456789012002, 'new', 'us', 1);
COMMIT;
SELECT * FROM pg_temp.news_of_datasets();
-- a row that is kept from arriving leaves nothing behind
CREATE FUNCTION keep_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep_away BEFORE INSERT ON leads_us FOR EACH ROW EXECUTE FUNCTION keep_away();
UPDATE leads SET region = 'us' WHERE id = 1;
INSERT INTO leads VALUES (3, 123456789012003, 'after it', 'eu', 1);
SELECT * FROM pg_temp.news_of_datasets();
DROP TABLE leads;
DROP FUNCTION keep_away();

--
-- Inheritance: each table has its own triggers
--
CREATE TABLE mother (lead bigint, stage text);
CREATE TABLE child (extra int) INHERITS (mother);
SELECT capi_watch('mother', 'lead', 'upper(NEW.stage)', 'writing_dataset');
INSERT INTO mother VALUES (123456789012001, 'mother');
INSERT INTO child VALUES (123456789012002, 'child');
SELECT capi_watch('child', 'lead', 'upper(NEW.stage) || coalesce(NEW.extra, 0)', 'writing_dataset');
UPDATE mother SET stage = 'changed';
SELECT * FROM pg_temp.news_of_datasets();
DROP TABLE child, mother;

--
-- Generated columns, domains, enums, arrays, jsonb
--
CREATE TYPE stage_kind AS ENUM ('new', 'won');
CREATE DOMAIN short_stage AS varchar(10) CHECK (VALUE <> 'bad');
CREATE TABLE leads (lead bigint, raw text, stage text GENERATED ALWAYS AS (upper(raw)) STORED, kind stage_kind, short short_stage,
                    data jsonb, steps text[]);
SELECT capi_watch('leads', 'lead', 'stage', 'writing_dataset');
SELECT capi_watch('leads', 'lead', $$concat_ws('/', NEW.kind, NEW.short, NEW.data ->> 'stage', NEW.steps[array_upper(NEW.steps, 1)], CASE WHEN NEW.kind = 'won'::stage_kind THEN 'yes' END)$$, 'second_dataset');
INSERT INTO leads VALUES (123456789012001, 'generated', DEFAULT, 'new', 'short', '{"stage": "json"}', ARRAY['a', 'b']);
UPDATE leads SET raw = 'again', kind = 'won';
SELECT * FROM pg_temp.news_of_datasets();
DROP TABLE leads;
DROP DOMAIN short_stage;
DROP TYPE stage_kind;

--
-- Wide rows whose values lie outside of them; many partitions; a lead id that is NULL now and then
--
CREATE TABLE leads (id int, lead bigint, stage text, big text, doc jsonb);
ALTER TABLE leads ALTER big SET STORAGE EXTERNAL, ALTER doc SET STORAGE EXTERNAL;
SELECT capi_watch('leads', $$NULLIF(NEW.lead, 0)$$, $$(NEW.doc ->> 'stage') || length(NEW.big)$$, 'writing_dataset');
INSERT INTO leads SELECT 1, 123456789012001, NULL, repeat('x', 100000), jsonb_build_object('stage', 'wide', 'pad', repeat('y', 100000));
UPDATE leads SET id = 2;
UPDATE leads SET doc = jsonb_set(doc, '{pad}', '"short"');
UPDATE leads SET big = repeat('z', 100000);
UPDATE leads SET lead = 0;
UPDATE leads SET big = 'short';
UPDATE leads SET lead = 123456789012001;
SELECT * FROM pg_temp.news_of_datasets();
DROP TABLE leads;
SET client_min_messages = warning;
CREATE TABLE leads (lead bigint, stage text, part int) PARTITION BY LIST (part);
DO $$ BEGIN FOR i IN 1 .. 200 LOOP EXECUTE format('CREATE TABLE leads_%s PARTITION OF leads FOR VALUES IN (%s)', i, i); END LOOP; END $$;
SELECT capi_watch('leads', 'lead', 'upper(NEW.stage)', 'writing_dataset');
INSERT INTO leads SELECT 123456789012000 + i % 1000, 'stage', i FROM generate_series(1, 200) AS i;
UPDATE leads SET part = 201 - part, stage = CASE WHEN part % 2 = 0 THEN 'even' ELSE stage END;
SELECT event_name, count(*) FROM pg_temp.news_of_datasets() GROUP BY 1 ORDER BY 1;
DROP TABLE leads;
RESET client_min_messages;

DROP SERVER writing_dataset, second_dataset;
