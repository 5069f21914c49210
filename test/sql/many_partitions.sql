-- A watched table with a thousand partitions: attached before and after the watch, written to, detached.
\i test/sql/include/preamble.sql

CREATE SERVER many_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
CREATE FUNCTION pg_temp.for_each(first integer, last integer, command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN first .. last LOOP
        EXECUTE replace(command, '#', i::text);
    END LOOP;
END $$;
CREATE TABLE many (lead bigint, stage text, part integer) PARTITION BY LIST (part);

-- Half of them are there when the watch comes, the others are attached to it
SELECT pg_temp.for_each(1, 500, 'CREATE TABLE many_# PARTITION OF many FOR VALUES IN (#)');
SELECT capi_watch('many', 'lead', 'upper(NEW.stage)', 'many_dataset', repeat => 'first');
SELECT pg_temp.for_each(501, 1000, 'CREATE TABLE many_# (LIKE many); ALTER TABLE many ATTACH PARTITION many_# FOR VALUES IN (#)');
SELECT count(*) FROM capi_watches WHERE target = 'many'::regclass;
SELECT count(*) FROM pg_trigger WHERE tgname = 'capi_watch_many_dataset';

-- Each of them is written to, by one statement and by a thousand; every row moves; no stage comes twice
INSERT INTO many SELECT 123456789000000 + i, 'new', i FROM generate_series(1, 1000) i;
SELECT pg_temp.for_each(1, 1000, 'UPDATE many SET stage = ''second'' WHERE part = #');
UPDATE many SET part = 1001 - part;
UPDATE many SET part = 1001 - part, stage = CASE WHEN part % 2 = 0 THEN 'third' ELSE 'new' END;
SELECT event_name, count(*), count(DISTINCT lead_id) FROM capi_event_log WHERE id > :before GROUP BY 1 ORDER BY min(id);
SELECT count(*) FROM capi_settlement WHERE event > :before;

-- A partition that is detached is not watched any more; one that comes back is
SELECT pg_temp.for_each(1, 1000, 'ALTER TABLE many DETACH PARTITION many_#');
SELECT count(*) FROM pg_trigger WHERE tgname = 'capi_watch_many_dataset';
SELECT pg_temp.for_each(1, 1000, 'UPDATE many_# SET stage = ''detached''');
SELECT count(*) FROM capi_event_log WHERE id > :before AND event_name = 'DETACHED';
SELECT pg_temp.for_each(1, 10, 'ALTER TABLE many ATTACH PARTITION many_# FOR VALUES IN (#)');
UPDATE many SET stage = 'attached';
SELECT count(*) FROM capi_event_log WHERE id > :before AND event_name = 'ATTACHED';
SELECT capi_unwatch('many');
SELECT count(*) FROM pg_trigger WHERE tgname = 'capi_watch_many_dataset';

SET client_min_messages = warning;
DROP TABLE many;
SELECT pg_temp.for_each(11, 510, 'DROP TABLE many_#');
SELECT pg_temp.for_each(511, 1000, 'DROP TABLE many_#');
DROP SERVER many_dataset;
DELETE FROM capi_reached_stage;
