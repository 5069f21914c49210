-- manual.sql - events sent by hand, with the manual send noted in the history like any other event.

-- One that is committed, with a hashed e-mail address beside the lead id.
BEGIN;
SELECT capi_send_lead_event(
    5552000000000001, 'converted', date_trunc('second', now()),
    user_data => jsonb_build_object(
        'em', encode(sha256(convert_to(lower(btrim(' Mary@Example.com ')), 'UTF8')), 'hex')),
    custom_data => '{"value": 1490.00, "currency": "EUR"}') AS id \gset
INSERT INTO history (fb_lead_id, status, status_since, created_at)
VALUES ('5552000000000001', 'converted', date_trunc('second', now()), now());
COMMIT;

-- One that never happened.
BEGIN;
SELECT capi_send_lead_event(5552000000000002, 'converted') AS id \gset
ROLLBACK;

-- One that is wrong: the caller is told, and nothing is queued.
DO $$
BEGIN
    PERFORM capi_send_lead_event(7654321, 'converted');
    RAISE 'a lead id of seven digits was taken';
EXCEPTION WHEN invalid_parameter_value THEN
    NULL;
END $$;
