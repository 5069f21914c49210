-- crm.sql - the demo's CRM: a table of leads, an account that works with it, and a history.
--
-- The history is the demo's witness. A plain trigger writes it in the CRM's own transactions, and it
-- knows nothing of crm_capi: what it holds at the end is what the CRM committed.

CREATE TABLE leads (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_name   text        NOT NULL,
    last_name    text        NOT NULL,
    note         text,
    fb_lead_id   text UNIQUE, -- as it comes from Meta's exports, some with the prefix "l:"
    status       text,
    status_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE history (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fb_lead_id   text,
    status       text,
    status_since timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    written_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION keep_history() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO history (fb_lead_id, status, status_since, created_at)
    VALUES (NEW.fb_lead_id, NEW.status, NEW.status_since, NEW.created_at);
    RETURN NULL;
END $$;
CREATE TRIGGER history_insert AFTER INSERT ON leads
    FOR EACH ROW EXECUTE FUNCTION keep_history();
CREATE TRIGGER history_update AFTER UPDATE ON leads
    FOR EACH ROW WHEN ((OLD.status, OLD.fb_lead_id) IS DISTINCT FROM (NEW.status, NEW.fb_lead_id))
    EXECUTE FUNCTION keep_history();

-- The clerks have rights on the CRM, and none on crm_capi, its tables or the dataset.
CREATE ROLE clerk LOGIN;
GRANT SELECT, INSERT, UPDATE ON leads TO clerk;
GRANT INSERT ON history TO clerk;
