-- EspoCRM 10.0 as far as leads go: keys of 17 characters that the application makes, snake_case names, times in UTC
-- without time zone and in whole seconds, deleted rows stay. c_meta_lead_id is a field of type varchar that was
-- added in the entity manager as metaLeadId; EspoCRM puts the c before the names of such fields.
CREATE TABLE lead (
    id character varying(17) PRIMARY KEY,
    deleted boolean DEFAULT false,
    salutation_name character varying(255),
    first_name character varying(100),
    last_name character varying(100),
    status character varying(255) DEFAULT 'New',
    source character varying(255),
    account_name character varying(255),
    do_not_call boolean NOT NULL DEFAULT false,
    created_at timestamp(0) without time zone,
    modified_at timestamp(0) without time zone,
    converted_at timestamp(0) without time zone,
    stream_updated_at timestamp(0) without time zone,
    created_by_id character varying(17),
    modified_by_id character varying(17),
    assigned_user_id character varying(17),
    c_meta_lead_id character varying(100)
);
CREATE INDEX idx_lead_status ON lead (status, deleted);
