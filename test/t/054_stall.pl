# A shipper that does not get on cannot tell of it: capi_status, capi_check, the exporter's queries,
# the log and NOTIFY do.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use File::Basename qw(dirname);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $crm = CrmCapi->new(
	'stall',
	conf => "crm_capi.poll_interval = '1s'\nwal_level = replica\nmax_wal_senders = 5\n");
my $node = $crm->node;
my $listener = $node->background_psql('postgres');
my $heard = '';
$listener->query_safe('LISTEN crm_capi');

# Waits for a notice of this kind about the dataset.
sub hears
{
	my ($health, $reason) = @_;
	return $crm->wait_until(
		sub {
			my $output = $listener->query_safe('SELECT 1');
			while ($output =~ /Asynchronous notification "crm_capi" with payload "(.*)" received/g)
			{
				my $notice = decode_json($1);
				$heard = join ' ', map { $_ // '-' } @$notice{qw(dataset health reason_code)};
				return 1 if $heard eq "sales $health $reason";
			}
			return 0;
		});
}

sub require_standby
{
	my ($name) = @_;
	$crm->sql("ALTER SYSTEM SET synchronous_standby_names = '$name'");
	$crm->sql('SELECT pg_reload_conf()');
	$crm->until_true("SELECT current_setting('synchronous_standby_names') = '$name'")
	  or die 'the setting does not come';
	return;
}

$crm->change(1);
$crm->arrived_as_committed('all is well');
is($crm->sql('SELECT * FROM capi_stall()'), '|', 'nobody is stalled');

# --- A synchronous standby that is gone

my $status = "SELECT health, reason FROM capi_status";
require_standby('nobody');
# Some time passes before commits really wait; what is sent by then is not what this is about.
my $waits = "SELECT EXISTS (SELECT FROM pg_stat_activity
             WHERE backend_type = 'crm_capi shipper' AND wait_event = 'SyncRep')";
$crm->wait_until(
	sub {
		$crm->sql('SET synchronous_commit = off; SELECT change(1)');
		return $crm->sql($waits) eq 't';
	}) or die 'the shipper does not wait';
ok($crm->until_true("SELECT health = 'stalled' FROM capi_status"), 'capi_status says so');
carries_out('stalled');
carries_out('CrmCapiStalled', 'Bring the standby back, or change `synchronous_standby_names`');
carries_out('A dataset is stalled: A synchronous standby', 'or take it out of the setting');
like($crm->sql(statement('CrmCapiStalled', 'SELECT pid')), qr/^\d+\|IPC\|SyncRep\|/m, 'the statement of the runbook shows it, too');
is( $crm->sql($status),
	'stalled|shipper does not get on: waits for a synchronous standby',
	'and what it waits for');
ok($crm->sql('SELECT since < clock_timestamp() FROM capi_stall()') eq 't', 'and since when');
is( $crm->sql("SELECT status, hint LIKE '%synchronous standby%' FROM capi_check()
               WHERE check_name = 'health'"),
	'error|t', 'the doctor calls it an error, and says what to do');
my ($query) = slurp_file(dirname(__FILE__) . '/../../docs/monitoring/queries.yaml') =~ /crm_capi_shipper:\n  query: "(.*)"/;
is($crm->sql("SELECT up, stalled_seconds > 0 FROM ($query) q"),
	'1|t', 'the exporter tells for how long');
ok(hears('stalled', 'stalled'), 'NOTIFY tells of it') or diag $heard;
like(
	slurp_file($node->logfile),
	qr/shipper of database "postgres" does not get on: it waits for a synchronous standby/,
	'and so does the log');

require_standby('');
ok(hears('ok', '-'), 'and when it is over') or diag $heard;
$crm->arrived_as_committed('then all arrives, once');
is($crm->sql($status), 'ok|', 'and the dataset is well');
ok( $crm->wait_until(
		sub { slurp_file($node->logfile) =~ /shipper of database "postgres" gets on again/ }),
	'the log says that, too');

# --- Somebody locks a table of ours

carries_out('A dataset is stalled: A lock', 'Somebody holds a lock');
my $locker = $node->background_psql('postgres');
my $holder = $locker->query_safe('SELECT pg_backend_pid()');
$locker->query_safe('BEGIN; LOCK TABLE capi_counter IN SHARE MODE');
$crm->change(1, 2);
ok($crm->until_true("SELECT health = 'stalled' FROM capi_status"), 'a lock is told of as well');
is( $crm->sql($status),
	'stalled|shipper does not get on: waits for a lock (relation)',
	'by what it is');
carries_out('A dataset is stalled: Anything else', 'the name under which `pg_stat_activity` shows it');
my $shown = $crm->sql(statement('CrmCapiStalled', 'SELECT pid') =~ s/SELECT pid, wait_event_type, wait_event, state/SELECT wait_event/r . " AND wait_event_type = 'Lock'");
like($crm->sql($status), qr/\b$shown\b/, 'which is what pg_stat_activity calls it');
is($crm->sql(statement('A dataset is stalled', 'SELECT pg_blocking_pids')), "{$holder}", 'the statement of the runbook says who holds it');
$crm->sql("SELECT pg_terminate_backend($holder)"); # "end the session that holds the lock"
$crm->arrived_as_committed('without the lock all arrives');
ok($crm->until_true("SELECT health = 'ok' FROM capi_status"), 'and all is well');

ok( $crm->until_true(
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'crm_capi messenger')"),
	'whoever brought the news is gone');

done_testing();
