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

-- An expression and a predicate
CREATE INDEX by_length ON capi_event_log (length(event_name));
CREATE INDEX by_parked ON capi_event_log (event_time) WHERE parked;
SELECT send(repeat('x', 231));
SELECT * FROM found('length(event_name) = 231');

-- Gone again, and made in the transaction that has already written
DROP INDEX by_length, by_parked;
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

-- A unique one of the operator's refuses what it must
CREATE UNIQUE INDEX by_unique_name ON capi_event_log (event_name) WHERE event_name = 'many';
SELECT send('many');
SELECT * FROM found($$event_name = 'many'$$);

SELECT format('DROP INDEX many_%s', i) FROM generate_series(1, 8) i \gexec

-- The index over leads is for the log alone: on a table of one's own it would tell which leads the queue has
CREATE TABLE own_leads (lead bigint);
CREATE INDEX ON own_leads USING capi_lead (lead);
CREATE TABLE capi_event_log_copy (LIKE capi_event_log INCLUDING INDEXES);
REINDEX INDEX capi_event_log_lead;
DROP TABLE own_leads;

DROP INDEX by_name, by_time, by_unique_name;
DROP FUNCTION send, found;
DROP SERVER index_dataset;
