-- capi_payload(): an event exactly as it is, or would be, sent. The dataset is paused: nothing is sent.
\i test/sql/include/preamble.sql
\pset format unaligned

CREATE SERVER payload_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');

-- What changes from run to run is checked apart: the time is that of the event in whole seconds, and the
-- event id is a pure function of dataset, lead, time and name.
CREATE FUNCTION pg_temp.payload(event_id bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    payload jsonb := capi_payload(event_id);
    event capi_event_log;
    server_options text[];
    dataset_id text;
    identity text;
BEGIN
    SELECT * INTO STRICT event FROM capi_event_log WHERE id = event_id;
    SELECT srvoptions INTO STRICT server_options FROM pg_foreign_server WHERE srvname = 'payload_dataset';
    SELECT option_value INTO STRICT dataset_id FROM pg_options_to_table(server_options) WHERE option_name = 'dataset_id';
    IF payload->'event_time' <> to_jsonb(floor(extract(epoch FROM event.event_time))::bigint) THEN
        RAISE 'event_time is %', payload->'event_time';
    END IF;
    identity := concat_ws(E'\n', dataset_id, event.lead_id,
                          (extract(epoch FROM event.event_time) * 1000000)::bigint, event.event_name);
    IF payload->>'event_id' <> left(encode(sha256(convert_to(identity, 'UTF8')), 'hex'), 32) THEN
        RAISE 'event_id is %', payload->'event_id';
    END IF;
    RETURN payload - 'event_time' - 'event_id';
END $$;

-- The smallest event
SELECT capi_send_lead_event(123456789012345, 'qualified') AS smallest \gset
SELECT pg_temp.payload(:smallest);

-- No digit of a lead id gets lost: 2^53 + 1, and the largest
SELECT pg_temp.payload(capi_send_lead_event(9007199254740993, 'qualified')) AS payload
UNION ALL SELECT pg_temp.payload(capi_send_lead_event(99999999999999999, 'qualified'));

-- A fixed event, byte by byte: written into the log as if it had been enqueued then
\set fixed_time '2021-08-20 04:12:30.654321+00'
INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
SELECT nextval('capi_event_id'), :'fixed_time', :'fixed_time', 525645896321548, dataset, false, 'initial_lead'
FROM capi_event_log WHERE id = :smallest RETURNING id AS fixed \gset
SELECT capi_payload(:fixed);
SELECT left(encode(sha256(E'1234567890123456\n525645896321548\n1629432750654321\ninitial_lead'), 'hex'), 32) AS event_id;

-- Names that need escapes
SELECT pg_temp.payload(capi_send_lead_event(123456789012345, name)) -> 'event_name' AS event_name
FROM (VALUES (1, 'say "hi"'), (2, 'C:\leads\new'), (3, 'Qualifié – 顧客 🙂'), (4, '</script>'), (5, ' blanks ')) AS v(n, name)
ORDER BY n;

-- Identities beside the lead id, facts beside the CRM's name
SELECT pg_temp.payload(capi_send_lead_event(123456789012345, 'qualified',
    user_data => '{"em": "973DFE463EC85785F5F95AF5BA3906EEDB2D931C24E69824A89EA65DBA4E813B", "fbc": "fb.1.1554763741205.AbC", "ph": null}',
    custom_data => '{"value": 19.99, "currency": "EUR", "order": {"id": 9007199254740993, "tags": ["a", null, true]}, "note": "a \"b\" \\ é 🙂", "none": null}'));
-- Numbers stay what they were
SELECT pg_temp.payload(capi_send_lead_event(123456789012345, 'qualified',
    custom_data => '{"value": 1234567890123456.78, "small": 0.1, "large": 18446744073709551616}')) -> 'custom_data';

--
-- Options of the dataset that show in each event
--
ALTER SERVER payload_dataset OPTIONS (SET lead_event_source 'Müller "CRM" \ 顧客', ADD data_processing_options '["LDU"]');
SELECT pg_temp.payload(:smallest);
ALTER SERVER payload_dataset OPTIONS (ADD data_processing_options_country '1', ADD data_processing_options_state '1000');
SELECT pg_temp.payload(:smallest);
ALTER SERVER payload_dataset OPTIONS (SET data_processing_options '[]', DROP data_processing_options_country, DROP data_processing_options_state);
SELECT pg_temp.payload(:smallest);
ALTER SERVER payload_dataset OPTIONS (DROP data_processing_options);
-- what stands beside the events of a request is no part of them
ALTER SERVER payload_dataset OPTIONS (SET lead_event_source 'Odoo', ADD test_event_code 'TEST123', ADD partner_agent 'crm_capi');
SELECT pg_temp.payload(:smallest);
-- the event id belongs to the event: it stays with other options, and changes with the dataset's id
SELECT capi_payload(:smallest)->'event_id' AS event_id \gset
ALTER SERVER payload_dataset OPTIONS (SET lead_event_source 'SAP', SET test_event_code 'TEST456');
SELECT capi_payload(:smallest)->'event_id' = :'event_id' AS same;
ALTER SERVER payload_dataset OPTIONS (SET dataset_id '2');
SELECT capi_payload(:smallest)->'event_id' = :'event_id' AS same;
SELECT pg_temp.payload(:smallest);
ALTER SERVER payload_dataset OPTIONS (SET dataset_id '1234567890123456');

-- A user mapping makes no difference: no secret is part of an event
CREATE USER MAPPING FOR PUBLIC SERVER payload_dataset OPTIONS (access_token 'SECRET', app_secret 'SECRET');
SELECT capi_payload(:smallest)::text LIKE '%SECRET%' AS shows_secret;
DROP USER MAPPING FOR PUBLIC SERVER payload_dataset;

-- The same logical event by the trigger and by hand has one id
CREATE TABLE leads (lead bigint, stage text, at timestamptz);
SELECT capi_watch('leads', 'lead', 'stage', event_time => 'at');
INSERT INTO leads VALUES (123456789012345, 'both ways', now());
SELECT count(capi_send_lead_event(lead, stage, at)) FROM leads;
SELECT count(*) AS events, count(DISTINCT capi_payload(id)) AS payloads
FROM capi_event_log WHERE event_name = 'both ways';

--
-- Events that have no payload
--
INSERT INTO leads VALUES (1234567, 'parked', now());
SELECT max(id) AS parked FROM capi_event_log \gset
\set VERBOSITY sqlstate
SELECT capi_payload(:parked);
SELECT capi_payload(0);
SELECT capi_payload(-1);
SELECT capi_payload(9223372036854775807);
SELECT capi_payload(NULL) IS NULL AS null_is_null;
\set VERBOSITY default
SELECT capi_payload(0);
-- an id differs from run to run, and is masked
CREATE FUNCTION pg_temp.fault(event_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    RETURN capi_payload(event_id);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN format(E'%s: %s\n  detail: %s\n  hint: %s', state, replace(message, event_id::text, '<id>'), detail, hint);
END $$;
\pset tuples_only on
SELECT pg_temp.fault(:parked);
DROP TABLE leads;
DROP SERVER payload_dataset;
SELECT pg_temp.fault(:smallest);
-- the name is what counts when it comes back
CREATE SERVER payload_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
SELECT pg_temp.payload(:smallest);
DROP SERVER payload_dataset;
