-- What capi_check() says of a watch: each member is looked at by itself, through expressions; and a watch whose events
-- are mostly parked for one reason is told as such, with the reason.
\i test/sql/include/preamble.sql

CREATE SERVER doctor_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused', endpoint 'https://127.0.0.1:9');
CREATE TABLE leads (lead text, stage text, bare timestamp, exact timestamptz, open date);
CREATE TABLE moves (lead text, at timestamp);
CREATE FUNCTION pg_temp.says(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    EXECUTE 'SELECT capi_watch(''leads'', ''lead'', dataset => ''doctor_dataset'', ' || arguments || ')';
    SELECT status || ': ' || detail INTO said FROM capi_check() WHERE subject = 'public.leads' AND check_name = 'event_time';
    PERFORM capi_unwatch('leads');
    RETURN said;
END $$;

-- columns, beside an expression and without one
SELECT pg_temp.says($$stage => 'stage', event_time => 'bare'$$);
SELECT pg_temp.says($$stage => 'stage', event_time => 'exact'$$);
SELECT pg_temp.says($$stage => 'upper(NEW.stage)', event_time => 'bare'$$);
SELECT pg_temp.says($$stage => 'upper(NEW.stage)', event_time => 'exact'$$);
SELECT pg_temp.says($$stage => 'upper(NEW.stage)', event_time => 'exact', lead_created_at => 'bare'$$);
SELECT pg_temp.says($$stage => 'stage', event_time => 'bare', lead_created_at => 'bare'$$);
-- what an expression yields, and what it does on the way
SELECT pg_temp.says($$stage => 'stage', event_time => 'NEW.bare + interval ''1 hour'''$$);
SELECT pg_temp.says($$stage => 'stage', event_time => 'coalesce(NEW.bare, now())'$$);
SELECT pg_temp.says($$stage => 'stage', event_time => 'NEW.bare AT TIME ZONE ''Europe/Paris'''$$);
SELECT pg_temp.says($$stage => 'stage', event_time => 'coalesce(NEW.exact, now())'$$);
SELECT pg_temp.says($$stage => 'stage', event_time => '(SELECT max(m.at) FROM moves m WHERE m.lead = NEW.lead)'$$);
SELECT pg_temp.says($$stage => 'stage', event_time => '(SELECT max(m.at)::timestamptz FROM moves m WHERE m.lead = NEW.lead)'$$);
SELECT pg_temp.says($$stage => 'stage', event_time => '(SELECT max(m.at AT TIME ZONE ''CET'') FROM moves m)', lead_created_at => 'NEW.bare - interval ''1 day'''$$);

-- More than half of the events parked for one reason
SELECT capi_watch('leads', 'lead', 'stage', dataset => 'doctor_dataset');
CREATE TEMP VIEW watch AS SELECT status, detail, hint FROM capi_check() WHERE subject = 'public.leads' AND check_name = 'watch';
SELECT status, detail FROM watch;
INSERT INTO leads SELECT 123456789012000 + i, CASE WHEN i > 2 THEN 'new' END FROM generate_series(1, 4) i;
SELECT status, detail FROM watch;
INSERT INTO leads VALUES ('123456789012005', NULL), ('7', 'new');
SELECT status, detail FROM watch;
INSERT INTO leads VALUES ('123456789012006', NULL), ('123456789012007', '');
SELECT * FROM watch;
-- however many good ones another watch of the dataset brings
CREATE TABLE busy_leads (lead text, stage text) PARTITION BY HASH (lead);
CREATE TABLE busy_leads_0 PARTITION OF busy_leads FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE busy_leads_1 PARTITION OF busy_leads FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT capi_watch('busy_leads', 'lead', 'stage', dataset => 'doctor_dataset');
INSERT INTO busy_leads SELECT 223456789012000 + i, nullif('new', CASE WHEN i <= 10 THEN 'new' END) FROM generate_series(1, 30) i;
SELECT subject, status, detail FROM capi_check() WHERE check_name = 'watch' ORDER BY subject COLLATE "C";
DROP TABLE busy_leads;
-- what an operator has decided about counts no more
SELECT capi_cancel(array_agg(event)) FROM capi_settlement WHERE event > :before;
SELECT status, detail FROM watch;
DROP TABLE leads, moves;
DROP SERVER doctor_dataset;
