-- Options of datasets (servers) and of their credentials (user mappings): each rule of the validator
-- with values on both sides of it.
\i test/sql/include/preamble.sql

CREATE FUNCTION pg_temp.options_clause(options jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce('OPTIONS (' || string_agg(format('%I %L', key, value), ', ' ORDER BY n) || ')', '')
    FROM jsonb_each_text(options) WITH ORDINALITY AS o(key, value, n)
$$;

-- Whether a server with the required options and these would be accepted.
CREATE FUNCTION pg_temp.try_server(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    verdict text := pg_temp.attempt('CREATE SERVER options_probe FOREIGN DATA WRAPPER crm_capi '
        || pg_temp.options_clause(
               '{"dataset_id": "1234567890123456", "lead_event_source": "Odoo"}' || options));
BEGIN
    IF verdict = 'accepted' THEN
        DROP SERVER options_probe;
    END IF;
    RETURN verdict;
END $$;

-- Whether a user mapping with these options would be accepted.
CREATE FUNCTION pg_temp.try_mapping(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    verdict text := pg_temp.attempt('CREATE USER MAPPING FOR PUBLIC SERVER options_dataset '
        || pg_temp.options_clause(options));
BEGIN
    IF verdict = 'accepted' THEN
        DROP USER MAPPING FOR PUBLIC SERVER options_dataset;
    END IF;
    RETURN verdict;
END $$;

--
-- What is accepted
--
\pset format unaligned
SELECT option, left(value, 40) AS value, length(value) AS length,
       pg_temp.try_server(jsonb_build_object(option, value)) AS verdict
FROM (VALUES
    (1, 'dataset_id', '1'),
    (2, 'dataset_id', '12345678901234567890'),
    (3, 'lead_event_source', 'x'),
    (4, 'lead_event_source', 'Müllers "CRM" \ 顧客'),
    (5, 'lead_event_source', repeat('x', 100)),
    (6, 'lead_event_source', repeat('ü', 100)),
    (7, 'api_version', 'v1.0'),
    (8, 'api_version', 'v26.0'),
    (9, 'endpoint', 'https://graph.facebook.com'),
    (10, 'endpoint', 'https://graph.facebook.com/'),
    (11, 'endpoint', 'https://graph.example.com:8443'),
    (12, 'endpoint', 'http://127.0.0.1:9'),
    (13, 'endpoint', 'http://localhost:9'),
    (14, 'endpoint', 'http://[::1]:9'),
    (15, 'ca_file', '/etc/ssl/ca.pem'),
    (16, 'mode', 'live'),
    (17, 'mode', 'dry_run'),
    (18, 'mode', 'paused'),
    (19, 'test_event_code', 'TEST12345'),
    (20, 'partner_agent', 'ab'),
    (21, 'partner_agent', 'crm_capi-0123456789012'),
    (22, 'data_processing_options', '[]'),
    (23, 'data_processing_options', '["LDU"]'),
    (24, 'data_processing_options_country', '0'),
    (25, 'data_processing_options_country', '1'),
    (26, 'data_processing_options_state', '0'),
    (27, 'data_processing_options_state', '1000'),
    (28, 'default_country', 'DE'),
    (29, 'batch_size', '1'),
    (30, 'batch_size', '1000'),
    (31, 'max_in_flight', '1'),
    (32, 'max_in_flight', '64'),
    (33, 'timeout', '1'),
    (34, 'timeout', '1000ms'),
    (35, 'timeout', '30s'),
    (36, 'timeout', '600'),
    (37, 'timeout', '10min'),
    (38, 'token_in', 'header'),
    (39, 'token_in', 'body'),
    (40, 'token_in', 'query')) AS v(n, option, value)
ORDER BY n;

--
-- What is refused, with SQLSTATE, detail and hint
--
\pset tuples_only on
\pset fieldsep '\n'
SELECT '* ' || option || ' ' || quote_literal(left(value, 60)),
       pg_temp.try_server(jsonb_build_object(option, value))
FROM (VALUES
    (1, 'dataset_id', ''),
    (2, 'dataset_id', '12345a'),
    (3, 'dataset_id', '-12345'),
    (4, 'dataset_id', ' 12345'),
    (5, 'dataset_id', '１２３'),
    (6, 'dataset_id', '123456789012345678901'),
    (7, 'lead_event_source', ''),
    (8, 'lead_event_source', repeat('x', 101)),
    (9, 'lead_event_source', repeat('ü', 101)),
    (10, 'lead_event_source', 'two' || chr(9) || 'columns'),
    (11, 'api_version', ''),
    (12, 'api_version', '26.0'),
    (13, 'api_version', 'v26'),
    (14, 'api_version', 'v26.'),
    (15, 'api_version', 'v.0'),
    (16, 'api_version', 'V26.0'),
    (17, 'api_version', 'v26.0.1'),
    (18, 'api_version', 'v26.0/../me'),
    (19, 'endpoint', ''),
    (20, 'endpoint', 'graph.facebook.com'),
    (21, 'endpoint', 'http://graph.facebook.com'),
    (22, 'endpoint', 'http://localhost.example.com'),
    (23, 'endpoint', 'http://127.0.0.1.example.com'),
    (24, 'endpoint', 'http://127.0.0.999'),
    (25, 'endpoint', 'http://127.0.0.1:'),
    (26, 'endpoint', 'http://127.0.0.1:65536'),
    (27, 'endpoint', 'http://localhost@graph.example.com'),
    (28, 'endpoint', 'https://graph.facebook.com/v1.0'),
    (29, 'endpoint', 'https://graph.facebook.com?x'),
    (30, 'endpoint', 'ftp://graph.facebook.com'),
    (31, 'ca_file', ''),
    (32, 'ca_file', 'ca.pem'),
    (33, 'mode', ''),
    (34, 'mode', 'LIVE'),
    (35, 'mode', 'off'),
    (36, 'test_event_code', ''),
    (37, 'partner_agent', 'a'),
    (38, 'partner_agent', '1a2'),
    (39, 'partner_agent', 'crm_capi-01234567890123'),
    (40, 'data_processing_options', 'LDU'),
    (41, 'data_processing_options', '["LDU"'),
    (42, 'data_processing_options_country', '2'),
    (43, 'data_processing_options_country', 'US'),
    (44, 'data_processing_options_state', '999'),
    (45, 'data_processing_options_state', '-1'),
    (46, 'default_country', 'D'),
    (47, 'default_country', 'DEU'),
    (48, 'default_country', '49'),
    (65, 'default_country', 'XY'),
    (66, 'default_country', 'uk'),
    (49, 'batch_size', '0'),
    (50, 'batch_size', '1001'),
    (51, 'batch_size', '5e2'),
    (52, 'batch_size', '99999999999999999999'),
    (53, 'max_in_flight', '0'),
    (54, 'max_in_flight', '65'),
    (55, 'timeout', '0'),
    (56, 'timeout', '999ms'),
    (57, 'timeout', '601'),
    (58, 'timeout', '-1s'),
    (59, 'timeout', '30 parsecs'),
    (60, 'timeout', '99999999999999999999'),
    (61, 'token_in', 'cookie'),
    -- options that are of another object, or of none
    (62, 'access_token', 'SECRET-SECRET'),
    (63, 'Mode', 'live'),
    (64, 'pixel_id', '123')) AS v(n, option, value)
ORDER BY n;

-- What is required
SELECT '* ' || missing, pg_temp.attempt('CREATE SERVER options_probe FOREIGN DATA WRAPPER crm_capi '
    || pg_temp.options_clause('{"dataset_id": "1", "lead_event_source": "Odoo"}'::jsonb - missing))
FROM (VALUES ('dataset_id'), ('lead_event_source')) AS v(missing)
ORDER BY 1;

-- There are no options of the wrapper itself, nor of foreign tables
SELECT pg_temp.attempt($$ALTER FOREIGN DATA WRAPPER crm_capi OPTIONS (ADD mode 'live')$$);

--
-- Changing a dataset
--
CREATE SERVER options_dataset FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'paused');
SELECT pg_temp.attempt($$ALTER SERVER options_dataset OPTIONS (SET dataset_id '12 34')$$);
SELECT pg_temp.attempt($$ALTER SERVER options_dataset OPTIONS (DROP dataset_id)$$);
SELECT pg_temp.attempt($$ALTER SERVER options_dataset OPTIONS (DROP lead_event_source)$$);
SELECT pg_temp.attempt($$ALTER SERVER options_dataset OPTIONS (SET lead_event_source 'SAP', ADD batch_size '7')$$);
SELECT pg_temp.attempt($$ALTER SERVER options_dataset OPTIONS (DROP batch_size)$$);
SELECT array(SELECT o FROM unnest(srvoptions) o WHERE o NOT LIKE 'origin=%') FROM pg_foreign_server WHERE srvname = 'options_dataset';

--
-- Credentials. No error repeats a token or a secret: errors end in logs.
--
SELECT '* ' || left(options::text, 60), pg_temp.try_mapping(options)
FROM (VALUES
    (1, jsonb_build_object('access_token', 'EAAB')),
    (2, jsonb_build_object('access_token', repeat('x', 4096))),
    (3, jsonb_build_object('access_token', 'EAAB', 'app_secret', '0123456789abcdef')),
    (4, jsonb_build_object('access_token_file', '/etc/crm_capi/token')),
    (5, jsonb_build_object()),
    (6, jsonb_build_object('access_token', '')),
    (7, jsonb_build_object('access_token', 'SECRET SECRET')),
    (8, jsonb_build_object('access_token', 'SECRET' || chr(13) || chr(10) || 'X-Injected: 1')),
    (9, jsonb_build_object('access_token', 'SECRÉT')),
    (10, jsonb_build_object('access_token', repeat('x', 4097))),
    (11, jsonb_build_object('access_token', 'EAAB', 'app_secret', 'SECRET SECRET')),
    (12, jsonb_build_object('access_token_file', 'token')),
    (13, jsonb_build_object('access_token', 'SECRET', 'access_token_file', '/etc/crm_capi/token')),
    (14, jsonb_build_object('password', 'SECRET'))) AS v(n, options)
ORDER BY n;

--
-- Who may set what
--
CREATE ROLE regress_capi_options;
GRANT USAGE ON FOREIGN DATA WRAPPER crm_capi TO regress_capi_options;
ALTER SERVER options_dataset OWNER TO regress_capi_options;
SET ROLE regress_capi_options;
SELECT '* ' || option, pg_temp.try_server(jsonb_build_object(option, value))
FROM (VALUES
    (1, 'endpoint', 'https://graph.example.com'),
    (2, 'ca_file', '/etc/ssl/ca.pem'),
    (3, 'api_version', 'v26.0')) AS v(n, option, value)
ORDER BY n;
SELECT pg_temp.attempt($$ALTER SERVER options_dataset OPTIONS (ADD endpoint 'https://graph.example.com')$$);
SELECT pg_temp.attempt($$ALTER SERVER options_dataset OPTIONS (SET lead_event_source 'Odoo')$$);
SELECT '* ' || options, pg_temp.try_mapping(options::jsonb)
FROM (VALUES
    (1, '{"access_token": "EAAB"}'),
    (2, '{"access_token_file": "/etc/crm_capi/token"}')) AS v(n, options)
ORDER BY n;
RESET ROLE;
-- A role that has no right on the wrapper makes no dataset
REVOKE USAGE ON FOREIGN DATA WRAPPER crm_capi FROM regress_capi_options;
SET ROLE regress_capi_options;
SELECT pg_temp.try_server('{}');
RESET ROLE;

DROP SERVER options_dataset;
DROP ROLE regress_capi_options;
