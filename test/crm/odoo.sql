-- Odoo's CRM as far as leads and their stages go, as Odoo 16 to 19 lay it out on PostgreSQL: integer keys,
-- translated names in jsonb, times in UTC without time zone and in whole seconds. won_status is there since 19.
-- x_meta_lead_id is a field that was added by hand, of type char, for the lead id that Meta gave.
CREATE TABLE crm_team (
    id serial PRIMARY KEY,
    name jsonb NOT NULL
);
CREATE TABLE crm_stage (
    id serial PRIMARY KEY,
    sequence integer,
    team_id integer REFERENCES crm_team ON DELETE SET NULL,
    name jsonb NOT NULL,
    is_won boolean,
    fold boolean,
    create_date timestamp without time zone,
    write_date timestamp without time zone
);
CREATE TABLE crm_lead (
    id serial PRIMARY KEY,
    name character varying NOT NULL,
    type character varying NOT NULL,
    active boolean,
    stage_id integer REFERENCES crm_stage ON DELETE RESTRICT,
    user_id integer,
    team_id integer REFERENCES crm_team ON DELETE SET NULL,
    lost_reason_id integer,
    contact_name character varying,
    email_from character varying,
    email_normalized character varying,
    phone character varying,
    phone_sanitized character varying,
    probability double precision CHECK (probability >= 0 AND probability <= 100),
    won_status character varying,
    date_open timestamp without time zone,
    date_closed timestamp without time zone,
    date_last_stage_update timestamp without time zone,
    create_uid integer,
    write_uid integer,
    create_date timestamp without time zone,
    write_date timestamp without time zone,
    x_meta_lead_id character varying
);
CREATE INDEX crm_lead_stage_id_index ON crm_lead (stage_id);
INSERT INTO crm_team (name) VALUES ('{"en_US": "Sales"}'), ('{"en_US": "Website"}');
INSERT INTO crm_stage (sequence, name, is_won) VALUES
    (1, '{"en_US": "New", "de_DE": "Neu"}', false),
    (2, '{"en_US": "Qualified", "de_DE": "Qualifiziert"}', false),
    (3, '{"en_US": "Proposition", "de_DE": "Angebot"}', false),
    (4, '{"en_US": "Won", "de_DE": "Gewonnen"}', true);
