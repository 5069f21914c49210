-- peers.sql - CRM tables that differ in nothing but their trigger: ours, the peers', the limits'.

CREATE TABLE crm_plain (
    id bigint PRIMARY KEY,
    fb_lead_id bigint,
    status text,
    note text);
CREATE TABLE crm_ours (LIKE crm_plain INCLUDING ALL);
CREATE TABLE crm_bare (LIKE crm_plain INCLUDING ALL);
CREATE TABLE crm_compare (LIKE crm_plain INCLUDING ALL);
CREATE TABLE crm_when (LIKE crm_plain INCLUDING ALL);
CREATE TABLE crm_json (LIKE crm_plain INCLUDING ALL);
CREATE TABLE crm_notify (LIKE crm_plain INCLUDING ALL);
CREATE TABLE crm_set (LIKE crm_plain INCLUDING ALL);

-- Ours
SELECT capi_watch('crm_ours', lead_id => 'fb_lead_id', stage => 'status', dataset => 'sales');

-- The limits: C, and a table like ours with the one index of ours that an insert writes to
CREATE TABLE bare_log (LIKE capi_event_log, PRIMARY KEY (id));
CREATE SEQUENCE bare_id;
CREATE FUNCTION capi_bench_insert() RETURNS trigger LANGUAGE C AS :'library';
CREATE FUNCTION capi_bench_compare() RETURNS trigger LANGUAGE C AS :'library';
CREATE TRIGGER compare AFTER UPDATE ON crm_compare
    FOR EACH ROW EXECUTE FUNCTION capi_bench_compare();
CREATE TRIGGER compare AFTER UPDATE ON crm_when
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION capi_bench_compare();
DO $$
BEGIN
    EXECUTE format('CREATE TRIGGER bare AFTER UPDATE ON crm_bare FOR EACH ROW EXECUTE FUNCTION'
                   ' capi_bench_insert(%L, %L)', 'bare_log'::regclass::oid, 'bare_id'::regclass::oid);
END $$;

-- A JSON outbox, as most articles show it
CREATE TABLE json_outbox (
    id bigserial PRIMARY KEY, created_at timestamptz DEFAULT now(), payload jsonb);
CREATE FUNCTION write_json() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IS DISTINCT FROM OLD.status THEN
        INSERT INTO json_outbox (payload) VALUES (jsonb_build_object(
            'event_name', NEW.status, 'event_time', extract(epoch FROM now())::bigint,
            'action_source', 'system_generated',
            'user_data', jsonb_build_object('lead_id', NEW.fb_lead_id),
            'custom_data', jsonb_build_object('event_source', 'crm', 'lead_event_source', 'Odoo')));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER json AFTER UPDATE ON crm_json FOR EACH ROW EXECUTE FUNCTION write_json();

-- The same, and a worker is told
CREATE FUNCTION write_json_and_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IS DISTINCT FROM OLD.status THEN
        INSERT INTO json_outbox (payload) VALUES (jsonb_build_object(
            'event_name', NEW.status, 'event_time', extract(epoch FROM now())::bigint,
            'action_source', 'system_generated',
            'user_data', jsonb_build_object('lead_id', NEW.fb_lead_id),
            'custom_data', jsonb_build_object('event_source', 'crm', 'lead_event_source', 'Odoo')));
        NOTIFY json_outbox;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER notify AFTER UPDATE ON crm_notify
    FOR EACH ROW EXECUTE FUNCTION write_json_and_notify();

-- A lean outbox, written once per statement
CREATE TABLE lean_outbox (
    id bigserial PRIMARY KEY, created_at timestamptz DEFAULT now(), lead_id bigint, status text);
CREATE FUNCTION write_set() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lean_outbox (lead_id, status)
    SELECT n.fb_lead_id, n.status FROM now_rows n JOIN was_rows w USING (id)
    WHERE n.status IS DISTINCT FROM w.status;
    RETURN NULL;
END $$;
CREATE TRIGGER set AFTER UPDATE ON crm_set
    REFERENCING NEW TABLE AS now_rows OLD TABLE AS was_rows
    FOR EACH STATEMENT EXECUTE FUNCTION write_set();
