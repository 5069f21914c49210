# History: a lead is found in it by an index, counters and status do not read it, and it is removed
# after its time - but for what is owed, parked or still referred to.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'history',
	conf => "crm_capi.poll_interval = '100ms'\nautovacuum_naptime = 1s\njit = off\n");
my $node = $crm->node;

# So many events that are delivered without being sent, and then so old.
sub live_through
{
	my ($events) = @_;
	$crm->sql(
		"SELECT count(capi_send_lead_event(12345678901230000 + i % 977, 'stage ' || i, dataset => 'quiet'))
		 FROM generate_series(1, $events) i");
	$crm->until_true("SELECT NOT EXISTS (SELECT FROM capi_owed o JOIN capi_dataset d ON d.number = o.dataset
	                                     WHERE d.name = 'quiet')");
	return;
}

sub grow_old
{
	my ($days) = @_;
	$crm->sql(
		"UPDATE capi_event_log SET enqueued_at = enqueued_at - interval '$days days';
		 UPDATE capi_request_log SET started_at = started_at - interval '$days days',
		                             finished_at = finished_at - interval '$days days'");
	return;
}

sub totals
{
	my ($name) = @_;
	return $crm->sql("SELECT enqueued, delivered, dry_run, parked, requests, retries
	                  FROM capi_counters WHERE dataset = '$name'");
}

$crm->create_dataset('quiet', mode => 'dry_run');

# --- Counters, and what a restart and a crash leave of them

$crm->change(1 .. 10);
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (-1, 7, 'parked')");
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
live_through(5000);
ok($crm->until_true("SELECT (enqueued, delivered, parked, retries) = (11, 10, 1, 0)
                     FROM capi_counters WHERE dataset = 'sales'"),
	'counters count what was enqueued, delivered and parked');
ok($crm->until_true("SELECT (enqueued, dry_run, delivered, requests) = (5000, 5000, 0, 0)
                     FROM capi_counters WHERE dataset = 'quiet'"), 'and what was not sent apart');
is($crm->sql("SELECT delivered, parked, owed, in_flight FROM capi_status WHERE dataset = 'sales'"),
	'10|1|0|0', 'capi_status agrees');
my ($sales, $quiet) = (totals('sales'), totals('quiet'));
$node->restart;
$crm->shipper_pid;
ok($crm->until_true('SELECT capi_read_up_to() IS NOT NULL'), 'a new shipper publishes its figures');
is(totals('sales'), $sales, 'a restart keeps the counters of a dataset');
is(totals('quiet'), $quiet, 'and of another');
$crm->change(11 .. 20);
$crm->until_true("SELECT delivered = 20 FROM capi_counters WHERE dataset = 'sales'");
$sales = totals('sales');
# Settlements are not flushed by themselves: what a crash takes back of them is in doubt, and counted
# when it has gone again.
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_request_log WHERE finished_at IS NULL)');
$crm->flush;
$node->stop('immediate');
is(totals_without_server() // 'gone', 'gone', 'the server crashes');
$node->start;
$crm->until_true('SELECT capi_read_up_to() IS NOT NULL');
is(totals('sales'), $sales, 'a crash keeps the counters as well');

sub totals_without_server
{
	my ($code, $stdout) = $node->psql('postgres', 'SELECT 1');
	return $code == 0 ? $stdout : undef;
}

# --- The cursor, and what a shipper that rests shows

sub set_option
{
	my ($option, $value) = @_;
	$crm->sql("ALTER SYSTEM SET crm_capi.$option = '$value'; SELECT pg_reload_conf()");
	return;
}
my $at_end = 'SELECT position = (SELECT max(id) FROM capi_event_log) FROM capi_cursor';
set_option('poll_interval', '1h');
live_through(3000);
set_option('databases', 'elsewhere');
ok($crm->until_true("SELECT capi_shipper_pid() IS NULL AND ($at_end)"),
	'a shipper that is asked to stop leaves its cursor at the end of the log');
set_option('databases',     '');
set_option('poll_interval', '100ms');
$crm->shipper_pid;

$crm->sql("SELECT capi_pause('quiet');
           SELECT count(capi_send_lead_event(12345678901240000 + i, 'rests', dataset => 'quiet',
                        event_time => CASE i WHEN 1 THEN now() - interval '2 days' ELSE now() END))
           FROM generate_series(1, 200) i");
my $deadline = "round(extract(epoch FROM next_deadline - now()) / 86400) FROM capi_status
                WHERE dataset = 'quiet'";
ok($crm->until_true("SELECT owed = 200 FROM capi_status WHERE dataset = 'quiet'"), '200 are owed');
ok($crm->until_true("SELECT 5 = $deadline"), 'the deadline shown is that of the earliest of many');
$crm->sql("SELECT capi_cancel(ARRAY[id]) FROM capi_events WHERE lead_id = 12345678901240001
           AND event_name = 'rests'");
ok($crm->until_true("SELECT 7 = $deadline"), 'and another one when that is cancelled');
$crm->sql("SELECT capi_resume('quiet')");
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');

# --- A lead is found by its index

live_through(40000);
ok($crm->until_true('SELECT max(last_event) > (SELECT max(id) FROM capi_event_log) - 2048
                     FROM capi_lead_filter'), 'the shipper has filtered the log');
$crm->sql("SELECT capi_send_lead_event(98765432109876543, 'only once', dataset => 'quiet')");
$crm->sql('VACUUM ANALYZE capi_event_log, capi_lead_filter');
my $lead = 'lead_id = 98765432109876543';
like($crm->sql("EXPLAIN SELECT * FROM capi_events WHERE $lead"),
	qr/Bitmap Index Scan on capi_event_log_lead/, 'the plan for a lead uses its index');
is($crm->sql("SELECT event_name FROM capi_events WHERE $lead"), 'only once', 'and finds its event');
is( $crm->sql("SET enable_seqscan = off; SET enable_indexscan = off;
               SELECT count(*), md5(string_agg(id::text, ' ' ORDER BY id)) FROM capi_event_log
               WHERE lead_id = 12345678901230005"),
	$crm->sql("SET enable_bitmapscan = off;
               SELECT count(*), md5(string_agg(id::text, ' ' ORDER BY id)) FROM capi_event_log
               WHERE lead_id = 12345678901230005"),
	'it finds the same events as a scan of the log');
# How often a statement that looks for leads by itself reads the whole log; the statement is undone.
sub log_scans
{
	my ($statement) = @_;
	return $crm->sql("BEGIN; DO \$\$ BEGIN PERFORM $statement; END \$\$;
	    SELECT coalesce(sum(seq_scan), 0), max(idx_scan) > 0 FROM pg_stat_xact_user_tables
	    WHERE relname = 'capi_event_log'; ROLLBACK");
}
$crm->sql(<<'SQL');
CREATE TABLE few (lead bigint, stage text, since timestamptz);
SELECT capi_watch('few', 'lead', 'stage', 'quiet', event_time => 'since');
INSERT INTO few VALUES (98765432109876541, 'few', now()), (98765432109876542, 'few', now());
CREATE TABLE keys (id uuid, stage text, since timestamptz, email text);
SELECT capi_watch('keys', 'id', 'stage', 'quiet', event_time => 'since', user_data => '{"em": "email"}');
INSERT INTO keys VALUES ('11111111-2222-3333-4444-555555555555', 'key', now(), 'jo@example.com');
SQL
is(log_scans('capi_forget(98765432109876543)'), '0|t', 'a lead is forgotten by its index');
is(log_scans("capi_forget('11111111-2222-3333-4444-555555555555'::text)"),
	'0|t', 'and so is one of the CRM\'s own key');
is(log_scans("count(*) FROM capi_backfill('few')"), '0|t', 'a small backfill looks its leads up');
is(log_scans("count(*) FROM capi_backfill('keys')"), '0|t', 'by their own keys as well');
is($crm->sql("SELECT action, count(*) FROM capi_backfill('keys') GROUP BY 1"),
	'known|1', 'and finds them');
$crm->sql('DROP TABLE few, keys');
like($crm->sql("EXPLAIN SELECT * FROM capi_events WHERE id BETWEEN 20 AND 30"),
	qr/Index Scan using capi_event_log_pkey/, 'the plan for ids uses theirs');
my @scans = $crm->sql('EXPLAIN SELECT * FROM capi_status') =~ /(\S+ Scan .*) on capi_event_log/g;
is_deeply(
	\@scans,
	['Index Scan using capi_event_log_pkey'],
	'capi_status reads the log once, from where the shipper is');
unlike($crm->sql("EXPLAIN SELECT * FROM capi_undelivered WHERE status IN ('parked', 'expired')"),
	qr/Seq Scan on capi_event_log/, 'what is parked is found without a scan of the log');
is($crm->sql("SELECT status, reason_code, count(*) FROM capi_undelivered GROUP BY 1, 2 ORDER BY 1"),
	"cancelled|cancelled|1\nparked|lead_id_length|1", 'all of it');
unlike($crm->sql('EXPLAIN SELECT EXISTS (SELECT FROM capi_owed)'),
	qr/Seq Scan on capi_event_log/, 'and so is whether anything is owed');

# A transaction that began before everything else and commits last: its event lies in the middle of
# what would have been filtered.
my $late = $node->background_psql('postgres');
$late->query_safe("BEGIN; SELECT capi_send_lead_event(98765432109876543, 'late', dataset => 'quiet')");
live_through(5000);
$late->query_safe('COMMIT');
live_through(3000);
is( $crm->sql("SET enable_seqscan = off; SELECT string_agg(event_name, ' ' ORDER BY id)
               FROM capi_event_log WHERE $lead"),
	'only once late', 'an event that became visible late is found, too');
$late->quit;

# --- Retention

for my $case ([ '7d', 'error' ], [ '8d', 'fine' ], [ '0', 'fine' ], [ '-1', 'fine' ])
{
	my ($code) = $node->psql('postgres', "ALTER SYSTEM SET crm_capi.retention = '$case->[0]'");
	is($code == 0 ? 'fine' : 'error', $case->[1], "crm_capi.retention = $case->[0]");
}
$crm->sql("ALTER SYSTEM RESET crm_capi.retention; SELECT pg_reload_conf()");
$crm->endpoint->script({ action => { cut => 'after_body' } });
$crm->change(2);
$crm->until_true("SELECT in_doubt = 1 FROM capi_status WHERE dataset = 'sales'");
$crm->sql("SELECT capi_pause('sales')");
$crm->change(1);
$crm->until_true("SELECT owed = 2 FROM capi_status WHERE dataset = 'sales'");
my $counted = totals('quiet');
grow_old(29);
$node->reload;
live_through(10);
cmp_ok($crm->sql('SELECT count(*) FROM capi_event_log'), '>', 50000, 'after 29 days all is there');
grow_old(2);
# Whoever has an old snapshot sees the rows that are removed, and by which transaction.
my $onlooker = $node->background_psql('postgres');
$onlooker->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM capi_event_log');
$node->reload;
ok($crm->until_true("SELECT count(*) = 13 FROM capi_event_log"),
	'after 31 days all that was delivered is gone, but what is newer')
  or diag $crm->sql('SELECT count(*), min(id), max(id) FROM capi_event_log');
is( $onlooker->query_safe(
		"SELECT max(step.rows) BETWEEN 1 AND 2000, count(*) > 20
		 FROM (SELECT count(*) AS rows FROM capi_event_log WHERE xmax <> '0' GROUP BY xmax::text) step"),
	't|t', 'in small steps');
$onlooker->quit;
is($crm->sql("SELECT string_agg(status, ' ' ORDER BY id) FROM capi_events
              WHERE enqueued_at < now() - interval '30 days'"),
	'parked in_doubt held', 'what is parked, in doubt or owed stays');
ok($crm->until_true("SELECT count(*) FILTER (WHERE outcome = 'in_doubt') > 0 AND count(*) FILTER (WHERE outcome <> 'in_doubt') <= 2
                     FROM capi_request_log"), 'so do the requests go, but for those that tell of the doubt');
ok($crm->until_true('SELECT count(*) <= 2 FROM capi_lead_filter'), 'and the filters');
like(totals('quiet'), qr/^56/, 'but not the counters');
$crm->sql("SELECT capi_cancel(array_agg(id)) FROM capi_undelivered WHERE status = 'parked'");
ok($crm->until_true("SELECT NOT EXISTS (SELECT FROM capi_events WHERE event_name = 'parked')"),
	'a parked event that is given up goes as well');
$crm->endpoint->script();
$crm->sql("SELECT capi_resume('sales')");
ok($crm->until_true("SELECT owed = 0 FROM capi_status WHERE dataset = 'sales'"),
	'what was owed all the time is sent');
$node->restart;
$crm->change(30 .. 35);
ok($crm->until_true("SELECT delivered = 28 FROM capi_counters WHERE dataset = 'sales'"),
	'a shipper that starts after all this finds its place');

# --- Sizes stay level through ten periods

sub size
{
	return $crm->sql("SELECT sum(pg_total_relation_size(r)) FROM unnest('{capi_event_log,
	    capi_request_log, capi_settlement, capi_lead_filter, capi_counter}'::regclass[]) r");
}
my @sizes;
for my $period (1 .. 10)
{
	live_through(8000);
	grow_old(31);
	$node->reload;
	$crm->until_true('SELECT count(*) < 100 FROM capi_event_log');
	$crm->sql('VACUUM capi_event_log, capi_request_log, capi_lead_filter');
	push @sizes, size();
}
note "sizes: @sizes";
cmp_ok($sizes[9], '<=', 1.1 * $sizes[2], 'after ten periods the tables are as large as after three');

# --- Filters over leads are made while the log is read

# Once when it is seen, and once when it is sent. Its filters are made when it is seen, also if others
# have gone ahead of it meanwhile; there is room for 256, so they are written while it is read.
subtest 'a bulk load is read twice' => sub {
	my $events = 300_000;
	my $rows = "SELECT idx_tup_fetch FROM pg_stat_all_indexes WHERE indexrelname = 'capi_event_log_pkey'";
	my $dry_run = "SELECT dry_run FROM capi_counters WHERE dataset = 'quiet'";
	my $bulk = $node->background_psql('postgres');
	$bulk->query_safe('BEGIN; SELECT pg_current_xact_id()');
	$bulk->query_safe("INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
	                   SELECT nextval('capi_event_id'), now(), now(), 42345678901230000 + i, d.number, false, 'qualified'
	                   FROM capi_dataset d, generate_series(1, $events) i WHERE d.name = 'quiet'");
	my $ahead = $crm->sql($dry_run) + 1;
	$crm->sql("SELECT capi_send_lead_event(42345678901230000, 'ahead', dataset => 'quiet')");
	$crm->until_true("SELECT ($dry_run) = $ahead") or die 'the other event waits';
	my $before = $crm->sql($rows);
	$bulk->query_safe('COMMIT');
	$bulk->quit;
	ok($crm->until_true("SELECT ($dry_run) = $ahead + $events"),
		'a bulk load behind which others went ahead is sent');
	ok($crm->until_true('SELECT max(last_event) > (SELECT max(id) FROM capi_event_log) - 2048
	                     FROM capi_lead_filter'), 'it has filters');
	cmp_ok($crm->sql($rows) - $before, '<', 2.3 * $events, 'and was read twice');
	is($crm->sql('SELECT count(*) FROM capi_events WHERE lead_id = 42345678901380000'), 1, 'its leads are found');
};

done_testing();
