\set ECHO none
-- What the SQL tests begin with; test/sql/include/preamble.sql. It is not echoed.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET timezone = 'UTC';

-- Runs commands; answers 'accepted', or SQLSTATE, message, detail and hint, with times masked.
CREATE FUNCTION pg_temp.attempt(commands text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    EXECUTE commands;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    IF state = '42883' THEN -- what the server adds differs between versions
        detail := ''; hint := '';
    END IF;
    detail := regexp_replace(detail, '\d{4,}-\d\d-\d\d [0-9:.]+[-+][0-9:]+', '<time>', 'g');
    RETURN concat_ws(E'\n', state || ': ' || message, '  detail: ' || nullif(detail, ''), '  hint: ' || nullif(hint, ''));
END $$;

-- Waits until a query finds rows: the shipper works beside us.
CREATE FUNCTION pg_temp.wait_for(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '3 minutes';
    found bigint;
BEGIN
    WHILE clock_timestamp() < deadline LOOP
        EXECUTE query;
        GET DIAGNOSTICS found = ROW_COUNT;
        IF found > 0 THEN
            RETURN 'so it is';
        END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN 'not within three minutes';
END $$;

-- Events that were there before this test have ids up to :before.
SELECT coalesce(max(id), 0) AS before FROM capi_event_log \gset
CREATE TEMP TABLE looked AS SELECT :before::bigint AS id;

-- The events that were enqueued since the last call, whichever of these two it was.
CREATE FUNCTION pg_temp.new_events() RETURNS TABLE (
    id bigint, dataset name, lead_id bigint, event_name text, event_time timestamptz, user_data jsonb,
    custom_data jsonb, reason_code text, detail text, consent jsonb, dropped jsonb) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT e.id, d.name, e.lead_id, e.event_name, e.event_time, e.user_data, e.custom_data, s.reason_code, s.detail,
            e.consent, e.dropped
        FROM capi_event_log e LEFT JOIN capi_settlement s ON s.event = e.id LEFT JOIN capi_dataset d ON d.number = e.dataset
        WHERE e.id > (SELECT l.id FROM looked l) ORDER BY e.id;
    UPDATE looked SET id = (SELECT coalesce(max(e.id), 0) FROM capi_event_log e);
END $$;
CREATE FUNCTION pg_temp.news(OUT lead_id bigint, OUT event_name text, OUT parked text, OUT detail text)
RETURNS SETOF record LANGUAGE sql AS
$$ SELECT lead_id, event_name, reason_code, detail FROM pg_temp.new_events() ORDER BY id $$;
\set ECHO all
