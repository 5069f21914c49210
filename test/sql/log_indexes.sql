-- Rows are put into the log past the executor: an operator's own indexes on it must be kept all the
-- same, whatever they are, from the moment they are made.
\i test/sql/include/preamble.sql
\set VERBOSITY terse
CREATE SERVER index_dataset FOREIGN DATA WRAPPER crm_capi
  OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE FUNCTION send(name text) RETURNS void LANGUAGE sql AS
  $$ SELECT capi_send_lead_event(123456789012345, name, dataset => 'index_dataset') $$;

-- What an index finds, and what lies in the table
CREATE FUNCTION found(condition text, OUT by_index bigint, OUT by_table bigint) LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL enable_seqscan = off;
  EXECUTE 'SELECT count(*) FROM capi_event_log WHERE ' || condition INTO by_index;
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_indexscan = off;
  SET LOCAL enable_indexonlyscan = off;
  SET LOCAL enable_bitmapscan = off;
  EXECUTE 'SELECT count(*) FROM capi_event_log WHERE ' || condition INTO by_table;
END $$;

SELECT send('before');

-- A plain one; nothing of it is known yet in this session
CREATE INDEX by_name ON capi_event_log (event_name);
SELECT send('plain');
SELECT * FROM found($$event_name = 'plain'$$);

-- Of every kind, over several transactions of a session: some keep something of their own between rows
CREATE INDEX by_range ON capi_event_log USING brin (enqueued_at) WITH (pages_per_range = 1, autosummarize = on);
CREATE INDEX by_hash ON capi_event_log USING hash (event_name);
CREATE INDEX by_content ON capi_event_log USING gin (user_data) WITH (fastupdate = off);
CREATE INDEX settlement_range ON capi_settlement USING brin (settled_at);
SELECT send('of every kind');
SELECT send('of every kind, again');
SELECT brin_summarize_new_values('by_range') >= 0 AS summarized;
BEGIN;
SELECT send('of every kind, third');
SELECT send('of every kind, fourth');
COMMIT;
SELECT send('of every kind, fifth');
SELECT * FROM found($$event_name = 'of every kind, fourth'$$);
SELECT * FROM found($$enqueued_at > 'epoch' AND event_name LIKE 'of every kind%'$$);
DROP INDEX by_range, by_hash, by_content, settlement_range;

-- What could refuse a row, and so a statement of the CRM, is refused itself; so is what would make it another table
CREATE UNIQUE INDEX by_unique_name ON capi_event_log (event_name);
CREATE INDEX by_number ON capi_event_log (((custom_data ->> 'n')::integer));
CREATE INDEX by_parked ON capi_event_log (event_time) WHERE 1 / lead_id > 0;
CREATE INDEX by_custom_data ON capi_event_log (custom_data);
CREATE INDEX with_custom_data ON capi_event_log (event_time) INCLUDE (custom_data);
CREATE INDEX by_detail ON capi_settlement (detail);
ALTER TABLE capi_settlement ADD UNIQUE (request);
ALTER TABLE capi_settlement ADD CHECK (status <> 'parked');
ALTER TABLE capi_event_log DROP CONSTRAINT capi_event_log_pkey;
ALTER TABLE capi_event_log DROP COLUMN recheck;
ALTER TABLE capi_event_log ALTER COLUMN lead_id TYPE text;
ALTER TABLE capi_event_log SET UNLOGGED;
ALTER TABLE capi_event_log RENAME TO log;
ALTER TABLE capi_event_log RENAME COLUMN lead_id TO lead;
ALTER SEQUENCE capi_event_id RENAME TO id;
CREATE SCHEMA elsewhere;
ALTER TABLE capi_dataset SET SCHEMA elsewhere;
DROP SCHEMA elsewhere;
\set VERBOSITY default
CREATE UNIQUE INDEX by_unique_name ON capi_event_log (event_name);
\set VERBOSITY terse

-- A further column is none of our business
BEGIN;
ALTER TABLE capi_event_log ADD COLUMN note text, ADD COLUMN number integer DEFAULT 7;
SELECT send('with further columns');
SELECT note, number FROM capi_event_log WHERE event_name = 'with further columns';
ROLLBACK;

-- Made in the transaction that has already written
BEGIN;
SELECT send('first of two');
CREATE INDEX by_time ON capi_event_log (event_time, event_name);
SELECT send('second of two');
COMMIT;
SELECT * FROM found($$event_time > 'epoch' AND event_name LIKE '%of two'$$);

-- The locks outlive a savepoint that was rolled back, and so does what they promise
BEGIN;
SAVEPOINT a;
SELECT send('undone behind a savepoint');
ROLLBACK TO a;
SELECT send('kept behind a savepoint');
SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation::regclass::text IN ('capi_event_log', 'capi_event_log_pkey', 'by_name')
ORDER BY relation::regclass::text COLLATE "C";
COMMIT;
SELECT * FROM found($$event_name LIKE '% behind a savepoint'$$);

-- More indexes than are kept by heart
SELECT format('CREATE INDEX many_%s ON capi_event_log (lead_id, event_time)', i)
FROM generate_series(1, 8) i \gexec
SELECT send('many');
SELECT * FROM found($$event_name = 'many'$$);

SELECT format('DROP INDEX many_%s', i) FROM generate_series(1, 8) i \gexec

-- The index over leads is for the log alone: on a table of one's own it would tell which leads the queue has
CREATE TABLE own_leads (lead bigint);
CREATE INDEX ON own_leads USING capi_lead (lead);
CREATE TABLE capi_event_log_copy (LIKE capi_event_log INCLUDING INDEXES);
REINDEX INDEX capi_event_log_lead;
DROP TABLE own_leads;

DROP INDEX by_name, by_time;
DROP FUNCTION send, found;
DROP SERVER index_dataset;
