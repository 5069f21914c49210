-- Django-CRM as far as leads go, as version 1.0.0 of August 2026 lays it out (MicroPyramid/Django-CRM, commit d3eb5f9):
-- keys of type uuid, fields that an organisation adds in custom_fields, rows that row-level security keeps apart by
-- organisation. The application's role owns the tables and is no superuser.
CREATE TABLE lead_stage (
    id uuid PRIMARY KEY,
    name character varying(100) NOT NULL,
    "order" integer NOT NULL,
    stage_type character varying(10) NOT NULL,
    maps_to_status character varying(50),
    org_id uuid NOT NULL
);
CREATE TABLE lead (
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    id uuid PRIMARY KEY,
    title character varying(255),
    salutation character varying(64),
    first_name character varying(255),
    last_name character varying(255),
    email character varying(254),
    phone character varying(25),
    status character varying(255),
    source character varying(255),
    opportunity_amount numeric(12, 2),
    currency character varying(3),
    probability integer,
    city character varying(255),
    state character varying(255),
    postcode character varying(64),
    country character varying(3),
    is_active boolean NOT NULL,
    is_sample boolean NOT NULL,
    company_name character varying(255),
    kanban_order numeric(15, 6) NOT NULL,
    custom_fields jsonb NOT NULL,
    org_id uuid NOT NULL,
    stage_id uuid REFERENCES lead_stage DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX unique_lead_email_per_org ON lead (lower(email), org_id) WHERE email IS NOT NULL AND email <> '';
ALTER TABLE lead ENABLE ROW LEVEL SECURITY;
ALTER TABLE lead FORCE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON lead USING (org_id::text = current_setting('app.current_org', true));
