-- normalize.sql - capi_normalize() and capi_hash(): what an event makes of a value.
\i test/sql/include/preamble.sql
SET client_min_messages = warning;
SET lc_messages = 'C';
\pset null '(null)'

-- Published examples of Meta's documentation: value, normalised form, hash
SELECT field, value, capi_normalize(field, value), capi_hash(field, value)
FROM (VALUES (1, 'em', 'John_Smith@gmail.com'), (2, 'ph', '12345678901'), (3, 'fn', 'Mary'),
             (4, 'db', '2/16/1997'), (5, 'country', 'United States')) AS v(n, field, value)
ORDER BY n;

-- Every field, what it keeps and what it drops
SELECT field, value, capi_normalize(field, value)
FROM (VALUES
    (101, 'em', E'\t Test@EXAMPLE.com \n'), (102, 'em', 'jörg@müller.example'), (103, 'em', 'test@example'),
    (201, 'fn', 'Mary Jane'), (202, 'ln', 'O’Connor-Müller'), (203, 'fn', '李小明'), (204, 'fn', 'N.U.L.L.'),
    (205, 'fn', 'Jean–Luc'), (206, 'ln', 'Müller—Lüdenscheidt'), (207, 'ln', '«O''Neil»'), (208, 'fn', '“null”'), (209, 'fn', '—'),
    (301, 'ge', 'Female'), (302, 'ge', 'M'), (303, 'ge', 'diverse'),
    (401, 'db', '1997-02-16'), (402, 'db', '16.02.1997'), (403, 'db', '19970230'), (404, 'db', '1997-02-16 00:00:00'),
    (405, 'db', '16/2/1997'), (406, 'db', '1899-12-31'), (407, 'db', '97-02-16'),
    (501, 'ct', 'Frankfurt (Main)'), (502, 'ct', 'São Paulo'), (503, 'ct', '60313'),
    (511, 'st', 'New York'), (512, 'st', 'N.Y.'), (513, 'st', 'Baden-Württemberg'),
    (521, 'zp', '94035-1234'), (522, 'zp', 'SW1A 1AA'), (523, 'zp', 'z:10115'), (524, 'zp', '-'),
    (531, 'country', 'DE'), (532, 'country', 'deu'), (533, 'country', 'Germany'), (534, 'country', 'Atlantis'),
    (525, 'zp', '10115.0'), (526, 'zp', '1.0115E+04'), (600, 'external_id', '5.25645E+11'), (601, 'external_id', ' Kunde 4711 '), (602, 'external_id', '550E8400-E29B-41D4-A716-446655440000'),
    (701, 'lead_id', 'l:123456789012345'), (702, 'lead_id', '4711'), (703, 'client_ip_address', '2001:db8::1'),
    (704, 'client_ip_address', 'localhost'), (705, 'fbc', 'fb.1.1554763741205.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk'),
    (706, 'fbc', 'fb.1.1554763741205.AbCdEf.AQMBAgMA'), (707, 'fbp', 'fb.1.1554763741205.1098115397'), (708, 'fbc', 'IwAR2F4'),
    (709, 'client_user_agent', ' Mozilla/5.0 (X11) '), (710, 'subscription_id', 'Sub-1'), (711, 'fb_login_id', '42'),
    (712, 'instagram_business_account_id', ' 17841400000000000 ')) AS v(n, field, value)
ORDER BY n;

-- Telephone numbers, alone and with the country of the dataset
SELECT value, capi_normalize('ph', value) AS alone, capi_normalize('ph', value, 'DE') AS de,
       capi_normalize('ph', value, 'us') AS us
FROM (VALUES (1, '+49 (0)30 901820'), (2, '030 / 90 18 20'), (3, '0049 30 901820'), (4, 'p:+4930901820'),
             (5, '(650) 253-0000'), (6, '650-253-0000 ext. 12'), (7, '١٢٣٤٥٦٧٨٩٠'), (8, '４９３０９０１８２０'),
             (9, '+1 650 253 0000'), (10, '110'), (11, 'call me'), (12, '+44 20 7946 0958'),
             -- of several the first one; what is not plainly one is none
             (21, '5.25645E+11'), (22, '030 901820 / 0171 1234567'), (23, '030 901820, 0171 1234567'), (24, '030 901820 (privat, ab 18 Uhr)'),
             (25, '030 901820 oder 0171 1234567'), (26, '4930901820.0'), (27, '2530000 / 2530001'), (28, '1 800 555 CALL')) AS v(n, value)
ORDER BY n;
-- E-mail addresses
SELECT value, capi_normalize('em', value)
FROM (VALUES (1, 'Jane <j@x.org>'), (2, '"Doe, Jane" <j@x.org>'), (3, 'j@x.org, k@x.org'), (4, 'k@x.org <j@x.org>'), (5, 'Jane j@x.org')) AS v(n, value)
ORDER BY n;
-- ... and states: a Georgia of its own is no state of the USA
SELECT capi_normalize('st', 'Georgia'), capi_normalize('st', 'Georgia', 'US'), capi_normalize('st', 'Georgia', 'DE');

-- Placeholders never become a hash, nor does what someone made of one
SELECT count(*) AS tried, count(capi_hash(field, value)) AS hashed
FROM unnest('{em,ph,fn,ln,db,ge,ct,st,zp,country,external_id,f5first,fi,fbc,client_user_agent}'::text[]) AS field,
     unnest(ARRAY['', ' ', E'\t\n', U&'\00A0', 'null', 'NULL', '(null)', 'undefined', 'n/a', 'N/A', '#N/A', 'none', 'nil', 'NaN',
                  'unknown', '-', '--', '.', '?', '"null"', '[object Object]',
                  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
                  '74234E98AFE7498FB5DAF1F36AC2D78ACC339464F950703B8C019892F982B90B',
                  'eb045d78d273107348b0300c01d29b7552d622abbc6faf81b3ec55359aa9950c']) AS value
WHERE field NOT IN ('fbc', 'client_user_agent') OR length(value) < 64;

-- What is hashed already is not hashed again: SHA-256, MD5, and with the tag of Meta's parameter builder
SELECT value, capi_hash('em', value)
FROM (VALUES (1, ' 973DFE463EC85785F5F95AF5BA3906EEDB2D931C24E69824A89EA65DBA4E813B '), (2, '2A6A84E9E44441AFBD75CC19CE28BE37'),
             (3, '973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b.AQMBAgMA')) AS v(n, value)
ORDER BY n;

-- Nothing in, nothing out
SELECT capi_normalize(NULL, 'x'), capi_hash('em', NULL), capi_normalize('ph', '030901820', NULL);

-- Wrong arguments
SELECT capi_normalize('email', 'x');
SELECT capi_hash('', NULL);
SELECT capi_normalize('ph', '030901820', 'Germany');

-- An event takes the same way
CREATE SERVER normalizing FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', default_country 'de');
SELECT capi_send_lead_event(123456789012345, 'same way', user_data => '{"em": "A@B.COM", "ph": "030 901820", "st": "Georgia"}') AS id \gset
SELECT user_data ->> 'em' = capi_hash('em', 'A@B.COM') AS em, user_data ->> 'ph' = capi_hash('ph', '4930901820') AS ph,
       user_data ->> 'st' = capi_hash('st', 'Georgia', 'DE') AS st
FROM capi_event_log WHERE id = :id;
-- the lead's own country counts more than the dataset's
SELECT capi_send_lead_event(123456789012345, 'same way', user_data => '{"ph": "(650) 253-0000", "country": "USA"}') AS id \gset
SELECT user_data ->> 'ph' = capi_hash('ph', '16502530000') AS ph FROM capi_event_log WHERE id = :id;
DROP SERVER normalizing;
