-- bad_rows.sql - what a CRM holds besides good rows. Run by a clerk; no statement may fail.
-- psql variable: deleted, a lead id that Meta does not know any more.

-- The key of another system instead of Meta's lead id: seven digits.
INSERT INTO leads (first_name, last_name, fb_lead_id, status)
VALUES ('Ida', 'Sieben', '7654321', 'initial_lead');

-- Text in the column of the lead id.
INSERT INTO leads (first_name, last_name, fb_lead_id, status)
VALUES ('Otto', 'Meyer', 'abc', 'initial_lead');

-- No stage, and a stage that is emptied later.
INSERT INTO leads (first_name, last_name, fb_lead_id, status)
VALUES ('Nora', 'Null', '5550000000000001', NULL);
INSERT INTO leads (first_name, last_name, fb_lead_id, status)
VALUES ('Emil', 'Leer', '5550000000000002', 'initial_lead');
UPDATE leads SET status = '  ', status_since = clock_timestamp()
WHERE fb_lead_id = '5550000000000002';

-- A change typed in nine days late, and one dated tomorrow.
INSERT INTO leads (first_name, last_name, fb_lead_id, status, status_since, created_at)
VALUES ('Vera', 'Vorher', '5550000000000003', 'qualified',
        now() - interval '9 days', now() - interval '10 days');
INSERT INTO leads (first_name, last_name, fb_lead_id, status, status_since)
VALUES ('Zoë', 'Übermorgen', '5550000000000004', 'qualified', now() + interval '1 day');

-- A stage reached before the lead existed.
INSERT INTO leads (first_name, last_name, fb_lead_id, status, status_since, created_at)
VALUES ('Anna', 'Früh', '5550000000000005', 'contacted',
        now() - interval '2 hours', now() - interval '1 hour');

-- A walk-in customer who never came from Meta: no event, nothing parked.
INSERT INTO leads (first_name, last_name, status) VALUES ('Paul', 'Laden', 'initial_lead');
UPDATE leads SET status = 'converted', status_since = clock_timestamp() WHERE last_name = 'Laden';
INSERT INTO leads (first_name, last_name, fb_lead_id, status) VALUES ('Pia', 'Messe', '', 'contacted');

-- A lead id that arrives after two stages: the stage that the lead is in then is sent.
INSERT INTO leads (first_name, last_name, status) VALUES ('Lars', 'Später', 'initial_lead');
UPDATE leads SET status = 'qualified', status_since = clock_timestamp() WHERE last_name = 'Später';
UPDATE leads SET fb_lead_id = 'l:5550000000000006' WHERE last_name = 'Später';

-- Twenty leads in one transaction, so most likely in one request; Meta refuses one of them.
BEGIN;
INSERT INTO leads (first_name, last_name, fb_lead_id, status)
SELECT 'Messe', 'Kontakt ' || n,
       CASE n WHEN 13 THEN :'deleted' ELSE (5551000000000000 + n)::text END, 'initial_lead'
FROM generate_series(1, 20) n;
COMMIT;
