-- Consent signals of an event: opt_out and data_processing_options, by hand and by a watch. The dataset is paused:
-- nothing is sent.
\i test/sql/include/preamble.sql
\pset format unaligned

CREATE SERVER consent_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused', data_processing_options '["LDU"]',
             data_processing_options_country '1', data_processing_options_state '1000');

-- What of an event's payload is about consent
CREATE FUNCTION pg_temp.said(event_id bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN capi_payload(event_id) - '{event_name,event_time,event_id,action_source,user_data,custom_data}'::text[];
END $$;
CREATE FUNCTION pg_temp.consent_news(OUT event_name text, OUT parked text, OUT detail text, OUT consent text, OUT said text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT event_name, reason_code, detail, consent::text, CASE WHEN reason_code IS NULL THEN pg_temp.said(id)::text END
    FROM pg_temp.new_events() ORDER BY id
$$;

--
-- By hand. What an event says overrides what the dataset says; of what it does not say, the dataset's counts
--
SELECT pg_temp.said(capi_send_lead_event(123456789012345, 'qualified'));
SELECT pg_temp.said(capi_send_lead_event(123456789012345, 'qualified', opt_out => true));
SELECT pg_temp.said(capi_send_lead_event(123456789012345, 'qualified', opt_out => false, data_processing_options => '[]'));
SELECT pg_temp.said(capi_send_lead_event(123456789012345, 'qualified', data_processing_options => '["LDU"]'));
SELECT pg_temp.said(capi_send_lead_event(123456789012345, 'qualified', data_processing_options => '["LDU"]',
    data_processing_options_country => 0, data_processing_options_state => 0));
SELECT pg_temp.said(capi_send_lead_event(123456789012345, 'qualified', data_processing_options => '"LDU"',
    data_processing_options_state => 1002));
ALTER SERVER consent_dataset OPTIONS (DROP data_processing_options, DROP data_processing_options_country, DROP data_processing_options_state);
SELECT pg_temp.said(capi_send_lead_event(123456789012345, 'qualified'));
SELECT pg_temp.said(capi_send_lead_event(123456789012345, 'qualified', data_processing_options => '["LDU"]'));
-- who says nothing takes no room in the log
SELECT count(*) AS events, count(consent) AS with_consent FROM pg_temp.new_events();
\pset tuples_only on
\pset fieldsep '\n'
SELECT '* ' || arguments, pg_temp.attempt('SELECT capi_send_lead_event(123456789012345, ''qualified'', ' || arguments || ')')
FROM (VALUES
    (1, $$data_processing_options => '["ldu"]'$$),
    (2, $$data_processing_options => '{}'$$),
    (3, $$data_processing_options => 'true'$$),
    (4, $$data_processing_options => '["LDU"]', data_processing_options_country => 2$$),
    (5, $$data_processing_options => '["LDU"]', data_processing_options_state => 999$$),
    (6, $$data_processing_options_country => 1$$),
    (7, $$data_processing_options_state => 1000$$)) AS v(n, arguments)
ORDER BY n;
\pset tuples_only off
\pset fieldsep '|'
SELECT count(*) AS left_behind FROM pg_temp.new_events();

--
-- By a watch: columns and expressions
--
CREATE TABLE leads (id int PRIMARY KEY, lead bigint, stage text, since timestamptz DEFAULT now(), no_ads boolean, options text, country text, state int);
SELECT capi_watch('leads', 'lead', 'stage', event_time => 'since', opt_out => 'no_ads', data_processing_options => 'options',
    data_processing_options_country => 'NEW.country', data_processing_options_state => 'coalesce(NEW.state, 0)');
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'leads'::regclass;
SELECT consent, problem FROM capi_watches;
INSERT INTO leads (id, lead, stage, no_ads, options, country, state) VALUES
    (1, 123456789012345, 'says nothing', NULL, NULL, NULL, NULL),
    (2, 123456789012345, 'opted out', true, '', NULL, NULL),
    (3, 123456789012345, 'limited', false, 'LDU', '1', 1000),
    (4, 123456789012345, 'limited somewhere', NULL, '["LDU"]', NULL, NULL),
    (5, 123456789012345, 'not limited', NULL, '[]', '1', 1000),
    (6, 123456789012345, 'no word of Meta''s', NULL, 'opt-out', NULL, NULL),
    (7, 123456789012345, 'no number of Meta''s', NULL, 'LDU', 'US', NULL),
    (8, 123456789012345, 'no state of Meta''s', NULL, 'LDU', '1', 7);
SELECT * FROM pg_temp.consent_news();
-- what the watch has missed brings its signals along
ALTER TABLE leads DISABLE TRIGGER USER;
UPDATE leads SET stage = 'missed', since = clock_timestamp() WHERE id = 3;
ALTER TABLE leads ENABLE TRIGGER USER;
SELECT event_name, action, reason_code FROM capi_backfill('leads', dry_run => false) WHERE action <> 'known' ORDER BY event_name COLLATE "C";
SELECT * FROM pg_temp.consent_news();
SELECT capi_unwatch('leads');

-- Lists and JSON, and an expression that fails
CREATE TABLE others (lead bigint, stage text, options text[], data jsonb);
SELECT capi_watch('others', 'lead', 'stage', opt_out => $$NEW.data ->> 'ads' = 'no'$$, data_processing_options => 'options',
    data_processing_options_country => $$NEW.data -> 'country'$$);
INSERT INTO others VALUES (123456789012345, 'list', '{LDU}', '{"ads": "no", "country": 1}'), (123456789012345, 'empty list', '{}', '{}'),
                          (123456789012345, 'two', '{LDU,LDU}', NULL);
SELECT * FROM pg_temp.consent_news();
SELECT capi_unwatch('others');
SELECT capi_watch('others', 'lead', 'stage', data_processing_options => $$CASE WHEN NEW.stage = 'limited' THEN '["LDU"]' ELSE '[]' END$$,
    data_processing_options_state => '1000 / length(NEW.options[1])');
INSERT INTO others VALUES (123456789012345, 'limited', '{x}'), (123456789012345, 'free', '{x}'), (123456789012345, 'fails', '{""}');
SELECT * FROM pg_temp.consent_news();
SELECT capi_unwatch('others');
SELECT capi_watch('others', 'lead', 'stage', data_processing_options => 'data');
INSERT INTO others VALUES (123456789012345, 'too much', NULL, to_jsonb(repeat('[', 20000)));
SELECT * FROM pg_temp.consent_news();
SELECT capi_unwatch('others');

\pset tuples_only on
\pset fieldsep '\n'
SELECT '* ' || arguments, pg_temp.attempt('SELECT capi_watch(''leads'', ''lead'', ''stage'', ' || arguments || ')')
FROM (VALUES
    (1, $$opt_out => 'options'$$),
    (2, $$opt_out => 'no_column'$$),
    (3, $$opt_out => 'OLD.no_ads'$$),
    (4, $$data_processing_options => 'NEW'$$),
    (5, $$data_processing_options_country => '1'$$),
    (6, $$data_processing_options_state => 'state'$$)) AS v(n, arguments)
ORDER BY n;
\pset tuples_only off
\pset fieldsep '|'
SELECT count(*) AS watches FROM capi_watches;
DROP TABLE leads, others;
DROP SERVER consent_dataset;
