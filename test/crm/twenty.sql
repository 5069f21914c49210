-- Twenty 2.47 as far as people and their opportunities go: each workspace has a schema, named workspace_ and the
-- workspace's number in base 36; names are in camelCase, keys are uuids, stages an enum, deleted rows stay.
-- "metaLeadId" is a field of type text that was added to People in the settings.
CREATE SCHEMA workspace_1wgvd1injqtife6y4rvfbu3h5;
SET search_path = workspace_1wgvd1injqtife6y4rvfbu3h5;
CREATE TYPE opportunity_stage_enum AS ENUM ('NEW', 'SCREENING', 'MEETING', 'PROPOSAL', 'CUSTOMER');
CREATE TABLE person (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "createdAt" timestamp with time zone NOT NULL DEFAULT now(),
    "updatedAt" timestamp with time zone NOT NULL DEFAULT now(),
    "deletedAt" timestamp with time zone,
    "nameFirstName" text,
    "nameLastName" text,
    "emailsPrimaryEmail" text,
    "phonesPrimaryPhoneNumber" text,
    "phonesPrimaryPhoneCountryCode" text,
    "phonesPrimaryPhoneCallingCode" text,
    "metaLeadId" text
);
CREATE TABLE opportunity (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "createdAt" timestamp with time zone NOT NULL DEFAULT now(),
    "updatedAt" timestamp with time zone NOT NULL DEFAULT now(),
    "deletedAt" timestamp with time zone,
    name text,
    stage opportunity_stage_enum NOT NULL DEFAULT 'NEW',
    "amountAmountMicros" numeric,
    "amountCurrencyCode" text,
    "closeDate" timestamp with time zone,
    position double precision NOT NULL DEFAULT 0,
    "pointOfContactId" uuid REFERENCES person ON DELETE SET NULL,
    "companyId" uuid,
    "ownerId" uuid,
    "createdBySource" text NOT NULL DEFAULT 'MANUAL',
    "createdByName" text NOT NULL DEFAULT 'System',
    "updatedBySource" text NOT NULL DEFAULT 'MANUAL',
    "updatedByName" text NOT NULL DEFAULT 'System',
    "searchVector" tsvector GENERATED ALWAYS AS (to_tsvector('simple', coalesce(name, ''))) STORED
);
RESET search_path;
