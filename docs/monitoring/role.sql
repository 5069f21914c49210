-- A role for the Prometheus exporter: it reads the views that docs/monitoring/queries.yaml asks for, and no
-- lead, no event and no token. Run it in each database that has the extension.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crm_capi_exporter') THEN
        CREATE ROLE crm_capi_exporter LOGIN;
    END IF;
END $$;
GRANT SELECT ON capi_status, capi_counters, capi_requests, capi_stage_coverage TO crm_capi_exporter;
-- The funnel of a large log looks costly to the planner. Compiling its plan at each scrape takes longer than
-- running it.
ALTER ROLE crm_capi_exporter SET jit = off;
