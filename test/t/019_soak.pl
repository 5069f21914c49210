# Soak: a CRM at work while endpoint, workers, sessions and server fail at random, for as long as it
# is told. At the end the six promises (README) are held against what the CRM has committed and what
# the endpoint has accepted.
#
#   SOAK_SECONDS   how long (30)
#   SOAK_SEED      what is drawn; printed, so that it can be given again

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Soak;
use Test::More;

my $seconds = $ENV{SOAK_SECONDS} || 30;
my $seed = $ENV{SOAK_SEED} || 1 + time % 1_000_000;
diag "SOAK_SEED=$seed SOAK_SECONDS=$seconds";

my $crm = CrmCapi->new(
	'soak',
	bare => 1,
	conf => "crm_capi.poll_interval = '500ms'
restart_after_crash = on
max_prepared_transactions = 20
");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my $soak = Soak->new($crm, $seed);
my $hash = '973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b';

# --- Set up: two datasets, a CRM whose every change goes to both, and events sent by hand

$endpoint->stop;
$endpoint->start($soak->options_of_endpoint);
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 20, max_in_flight => 4, timeout => '5s');
$crm->create_dataset(
	'other',
	dataset_id => $StandIn::OTHER_DATASET,
	batch_size => 7,
	max_in_flight => 2,
	timeout => '5s');
$crm->create_crm($Soak::LEADS + 10);
$crm->sql(<<"SQL");
SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status', dataset => 'other',
                  event_time => 'changed_at');
INSERT INTO leads (id, fb_lead_id, status) VALUES ($Soak::LEADS + 11, 7, 'no lead of Meta''s');
TRUNCATE history;
UPDATE leads SET step = step + 1, status = 'stage 1', changed_at = clock_timestamp();
CREATE TABLE sent_by_hand (number bigserial PRIMARY KEY);
CREATE FUNCTION send_by_hand(lead bigint) RETURNS bigint LANGUAGE sql AS \$\$
    INSERT INTO sent_by_hand DEFAULT VALUES;
    SELECT capi_send_lead_event(22345678901230000 + currval('sent_by_hand_number_seq'), 'by hand',
                                dataset => 'sales', user_data => '{"em": "$hash"}') \$\$;
SQL
my $first = $crm->sql('SELECT min(id) FROM capi_event_log e JOIN history h
                       ON h.lead_id = e.lead_id AND h.stage = e.event_name');

# --- Soak

my $ends_at = time + $seconds;
$soak->start_writers;
while (time < $ends_at)
{
	$soak->trouble;
	$soak->something_happens;
	$soak->let_pass(10 + int rand 50);
}
$soak->calm_down;
note $soak->diary;
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'), 'in the end nothing is owed');

# --- What happened, in tables

my $directory = $endpoint->directory;
my $deleted = join ', ', @Soak::DELETED;
$crm->sql(<<"SQL");
CREATE TABLE raw_accepted (number bigserial, line jsonb);
COPY raw_accepted (line) FROM '$directory/accepted.jsonl'
     (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02');
CREATE TABLE accepted AS
SELECT number, line ->> 'dataset_id' AS dataset_id,
       line -> 'event' ->> 'event_id' AS event_id,
       (line -> 'event' -> 'user_data' ->> 'lead_id')::bigint AS lead_id,
       line -> 'event' ->> 'event_name' AS event_name
FROM raw_accepted;
CREATE INDEX ON accepted (event_id);
CREATE TABLE answered (line jsonb);
COPY answered FROM '$directory/requests.jsonl' (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02');
CREATE TABLE fate AS
SELECT e.*, s.error_code, s.error_subcode,
       CASE WHEN e.lead_id > 1e14 AND e.reason_code IS DISTINCT FROM 'event_time_too_old'
            THEN capi_payload(e.id) ->> 'event_id' END AS event_id
FROM capi_events e LEFT JOIN capi_settlement s ON s.event = e.id WHERE e.id >= $first;
CREATE INDEX ON fate (event_id);
CREATE TABLE doubt AS
SELECT r.id AS request, e.id AS event
FROM capi_requests r, unnest(r.events) AS range,
     generate_series(lower(range), upper(range) - 1) AS e(id)
WHERE r.outcome = 'in_doubt';
CREATE INDEX ON doubt (event);
CREATE TABLE committed AS
SELECT dataset, h.lead_id, h.stage, h.changed_at
FROM history h, unnest('{sales,other}'::name[]) AS dataset
UNION ALL
SELECT 'sales', 22345678901230000 + number, 'by hand', NULL FROM sent_by_hand;
ANALYZE fate, accepted, doubt, committed;
SQL
note $crm->sql('SELECT dataset, status, reason_code, count(*) FROM fate GROUP BY 1, 2, 3 ORDER BY 1, 2');
note $crm->sql('SELECT outcome, count(*), sum(event_count) FROM capi_requests GROUP BY 1 ORDER BY 1');

# Test: the query, which looks for what must not be, finds nothing.
sub never
{
	my ($test_name, $query) = @_;
	is($crm->sql("SELECT * FROM ($query) q LIMIT 5"), '', $test_name);
	return;
}

# --- 1. Exactly the committed history

subtest 'exactly the committed history' => sub {
	never('every committed change is one event', <<'SQL');
SELECT dataset, lead_id, stage, coalesce(changed_at, 'epoch') FROM committed WHERE lead_id > 1e14
EXCEPT ALL
SELECT dataset, lead_id, event_name, CASE event_name WHEN 'by hand' THEN 'epoch' ELSE event_time END
FROM fate WHERE lead_id > 1e14
SQL
	never('and every event is one committed change', <<'SQL');
SELECT dataset, lead_id, event_name, CASE event_name WHEN 'by hand' THEN 'epoch' ELSE event_time END
FROM fate WHERE lead_id > 1e14
EXCEPT ALL
SELECT dataset, lead_id, stage, coalesce(changed_at, 'epoch') FROM committed
SQL
	never('what was accepted was committed', <<'SQL');
SELECT a.* FROM accepted a WHERE NOT EXISTS (SELECT FROM fate f WHERE f.event_id = a.event_id)
SQL
	never('what is called delivered was accepted', <<'SQL');
SELECT f.id, f.dataset, f.lead_id, f.event_name FROM fate f
WHERE f.status = 'delivered' AND NOT EXISTS (SELECT FROM accepted a WHERE a.event_id = f.event_id)
SQL
	never('what was accepted is called delivered, or was in doubt', <<'SQL');
SELECT f.id, f.status, f.lead_id, f.event_name FROM fate f JOIN accepted a USING (event_id)
WHERE f.status <> 'delivered' AND NOT EXISTS (SELECT FROM doubt d WHERE d.event = f.id)
SQL
	never('what came more than once had been in doubt as often', <<'SQL');
SELECT f.id, f.lead_id, f.event_name, count(*),
       (SELECT count(*) FROM doubt d WHERE d.event = f.id) AS doubts
FROM fate f JOIN accepted a USING (event_id) GROUP BY f.id, f.lead_id, f.event_name
HAVING count(*) > 1 + (SELECT count(*) FROM doubt d WHERE d.event = f.id)
SQL
	never('no two events have one event_id', <<'SQL');
SELECT event_id FROM fate WHERE event_id IS NOT NULL GROUP BY event_id HAVING count(*) > 1
SQL
	never('no stage of a lead overtakes an earlier one', <<'SQL');
SELECT * FROM (
    SELECT f.id, f.dataset, f.lead_id, f.event_name, a.first,
           max(a.first) OVER (PARTITION BY f.dataset, f.lead_id ORDER BY f.id
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM fate f JOIN (SELECT event_id, min(number) AS first FROM accepted GROUP BY 1) a
         USING (event_id)) o
WHERE before > first
SQL
};

# --- 2. The CRM never pays

subtest 'the CRM never pays' => sub {
	my @complaints = grep { /ERROR:/ } split /\n/, slurp_file($node->basedir . '/writers.log');
	is(join("\n", splice @complaints, 0, 5), '', 'no statement of the CRM failed');
};

# --- 3. Nothing silent

subtest 'nothing silent' => sub {
	never('every event is final, with a time', <<'SQL');
SELECT id, status FROM fate
WHERE status NOT IN ('delivered', 'parked', 'expired', 'cancelled') OR settled_at IS NULL
SQL
	never('what was not delivered has a reason, and the one that it must have', <<"SQL");
SELECT id, dataset, lead_id, event_name, status, reason_code FROM fate
WHERE status <> 'delivered' AND reason IS NULL
   OR status = 'parked' AND (reason_code, coalesce(error_subcode, 0)) NOT IN (
          ('lead_id_length', 0), ('event_time_too_old', 0), ('refused', 2804036))
   OR status = 'parked' AND (reason_code = 'refused') <> (lead_id IN ($deleted))
   OR status = 'expired' AND (reason_code <> 'deadline_passed' OR event_name !~ '^late')
   OR (lead_id IN ($deleted) OR lead_id = 7) AND status = 'delivered'
SQL
	never('what was delivered has a trace id', <<'SQL');
SELECT id FROM fate WHERE status = 'delivered' AND (fbtrace_id IS NULL OR http_status <> 200)
SQL
	never('no request is left open', 'SELECT id FROM capi_requests WHERE finished_at IS NULL');
};

# --- 4. Nothing wrong is sent

subtest 'nothing wrong is sent' => sub {
	never('Meta refuses deleted leads and tokens, and nothing else', <<'SQL');
SELECT line FROM answered
WHERE line ->> 'verdict' NOT IN ('ok', '100/2804036') AND line ->> 'verdict' NOT LIKE '190/%'
SQL
};

# --- 5. Secrets stay secret

subtest 'secrets stay secret' => sub {
	unlike(slurp_file($node->logfile), qr/$StandIn::TOKEN|$hash/, 'the server log holds none');
	for my $relation ('capi_requests', 'capi_status', 'capi_events')
	{
		never("nor does $relation",
			"SELECT r::text FROM $relation r WHERE r::text ~ '$StandIn::TOKEN|$hash'");
	}
};

# --- 6. It disappears when idle

subtest 'it disappears when idle' => sub {
	is( $crm->sql("SELECT string_agg(health, ' ') FROM capi_status"), 'ok ok',
		'both datasets are ok');
	is($endpoint->state->{in_flight}, 0, 'no request is under way');
	ok( $crm->until_true(
			"SELECT count(*) = 1 AND bool_and(state = 'idle' AND backend_xmin IS NULL
			                                  AND backend_xid IS NULL AND xact_start IS NULL)
			 FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'"),
		'one shipper sleeps');
	ok( $crm->until_true(
			"SELECT NOT EXISTS (SELECT FROM capi_cursor WHERE open <> '{}')
			 AND (SELECT max(position) FROM capi_cursor) >= (SELECT max(id) FROM capi_event_log)"),
		'its cursor stands at the end');
	cmp_ok($endpoint->state->{max_open_connections}, '<=', 2 * 8 * 2,
		'connections were as many as were allowed');
	unlike(slurp_file($node->logfile),
		qr/PANIC:|TRAP:|signal 11|signal 6|ERROR:.*(capi|crm_capi)/, 'nothing failed by itself');
};

done_testing();
