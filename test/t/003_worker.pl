# The shipper while a request hangs, when it is stopped, when it is killed, and when there is nothing
# to do.
#
# The poll interval is an hour: nothing here is due to a poll.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'worker',
	conf => "crm_capi.poll_interval = '1h'
restart_after_crash = on
autovacuum = off
");
my $node = $crm->node;
my $endpoint = $crm->endpoint;

# Leads change in one transaction, and their request hangs at the endpoint. $when: before_accept, or
# after_accept if the endpoint has taken the events.
sub hang
{
	my ($when, $first, $last) = @_;
	$endpoint->script({ times => 1, action => { hold => \1, when => $when } });
	$crm->sql("SELECT change(i) FROM generate_series($first, $last) i");
	$endpoint->wait_for('held', 1) or die 'no request hangs';
	return;
}

# How often each event was accepted: "1 1 2".
sub repetitions
{
	my %seen;
	$seen{ $_->{event}{event_id} }++ for $endpoint->accepted;
	return join ' ', sort values %seen;
}

# Waits until these processes have gone to sleep: a while without a change. Returns their counts.
sub sleeps_of_sleepers
{
	my @pids = @_;
	my ($counts, $unchanged) = ('', 0);
	while ($unchanged < 10)
	{
		$crm->sql('SELECT 1');
		my $now = join ' ', map { $crm->sleeps($_) } @pids;
		$unchanged = $now eq $counts ? $unchanged + 1 : 0;
		$counts = $now;
	}
	return $counts;
}

# --- While a request hangs

hang('before_accept', 1, 5);
my $pid = $crm->shipper_pid;
is( $crm->sql("SELECT backend_xmin IS NULL, backend_xid IS NULL, xact_start IS NULL, state
               FROM pg_stat_activity WHERE pid = $pid"),
	't|t|t|idle',
	'while a request hangs the shipper holds no snapshot and no transaction');
is($crm->sql("SELECT count(*) FROM pg_locks WHERE pid = $pid"), 0, 'and no lock');
is( $crm->sql('SELECT outcome, event_count FROM capi_requests WHERE finished_at IS NULL'),
	'sending|5', 'the request is on record before it is answered');
is($crm->sql('SELECT in_flight, owed FROM capi_status'), '5|5', 'and shows in capi_status');

my $seconds = $crm->seconds(
	sub {
		$crm->sql('CREATE DATABASE passing');
		$crm->sql('DROP DATABASE passing');
	});
note sprintf 'CREATE and DROP DATABASE while a request hangs: %.2f s', $seconds;
cmp_ok($seconds, '<', 60, 'creating and dropping another database does not wait for the request');
$crm->sql('VACUUM FULL leads; ALTER TABLE capi_event_log SET (fillfactor = 100)');
pass('nor does DDL on our own tables');

$crm->change(6 .. 9);
$endpoint->wait_for('accepted', 4);
is($endpoint->state->{held}, 1, 'other leads\' events pass the one that hangs');
$crm->change(1);
$crm->change(10);
$endpoint->wait_for('accepted', 5);
is( join(' ',
		sort { $a <=> $b }
		map { $_->{event}{user_data}{lead_id} - 12345678901230000 } $endpoint->accepted),
	'6 7 8 9 10',
	'a later stage of a lead under way does not');
$endpoint->release;
$crm->arrived_as_committed('let go, all arrive in order');
is($crm->outcomes =~ s/delivered ?//gr, '', 'none was sent twice');

# --- Stopping with a request in flight

$crm->forget;
hang('before_accept', 1, 5);
$seconds = $crm->seconds(sub { $node->stop('fast') });
note sprintf 'fast shutdown with a request in flight: %.2f s', $seconds;
cmp_ok($seconds, '<', 60, 'a fast shutdown does not wait for the request');
$endpoint->script();
$node->start;
$crm->arrived_as_committed('after the restart its events arrive');
is($crm->sql('SELECT outcome, reason FROM capi_requests ORDER BY id DESC OFFSET 1 LIMIT 1'),
	'in_doubt|shipper stopped before the answer arrived', 'the request was in doubt');

$crm->forget;
hang('before_accept', 11, 15);
$pid = $crm->shipper_pid;
$crm->sql("SELECT pg_terminate_backend($pid)");
$endpoint->script();
$crm->arrived_as_committed('a shipper that is terminated is started again, and goes on');
isnt($crm->shipper_pid, $pid, 'as another process');

$crm->forget;
hang('before_accept', 16, 20);
$node->stop('immediate');
$endpoint->script();
$node->start;
$crm->arrived_as_committed('after an immediate shutdown its events arrive');

# --- Killed

$crm->forget;
$crm->sql('SELECT change(i) FROM generate_series(1, 5) i');
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
hang('after_accept', 4, 8);
my $killed = $crm->shipper_pid;
kill 'KILL', $killed;
$crm->until_true("SELECT capi_shipper_pid() <> $killed");
$endpoint->script();
$crm->change(9, 4);
$crm->arrived_as_committed('after kill -9 all arrive, in order', repeats => 1);
is(repetitions(), '1 1 1 1 1 1 1 2 2 2 2 2',
	'and sent twice are those under way at that moment, with their event ids');
is( $crm->sql(
		"SELECT string_agg(outcome, ' ' ORDER BY r.id)
		 FROM capi_requests r WHERE r.events \@> (SELECT max(id) FROM capi_events
		                                         WHERE lead_id = 12345678901230008)"),
	'in_doubt delivered', 'whose request was in doubt');
is($crm->sql("SELECT count(*) FROM capi_events WHERE status <> 'delivered'"),
	0, 'in the end all are delivered');

# --- An outage

$crm->forget;
$endpoint->stop;
$crm->change(1 .. 50);
$node->restart;
$crm->change(1 .. 50);
is($crm->sql('SELECT owed FROM capi_status'), 100, 'during an outage events wait');
$endpoint->start;
$crm->arrived_as_committed('and arrive after it, in order, a restart in between');

# --- Nothing to do

$crm->forget;
$crm->change(1, 1);
$endpoint->wait_for('accepted', 2);
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
$pid = $crm->shipper_pid;
my $launcher = $crm->launcher_pid;
my $cpu_of = sub { (split / /, slurp_file("/proc/$_[0]/stat"))[13] };
my $before = sleeps_of_sleepers($pid, $launcher);
my $cpu = $cpu_of->($pid);
$crm->sql('CREATE TABLE passing (); DROP TABLE passing');
$crm->sql('BEGIN; SELECT change(2); SELECT change(3); ROLLBACK');
$crm->sql("UPDATE leads SET changed_at = clock_timestamp() WHERE id = $_") for 1 .. 20;
my $open = $node->background_psql('postgres');
$open->query_safe('BEGIN; SELECT change(i) FROM generate_series(10, 50) i');
is(sleeps_of_sleepers($pid, $launcher),
	$before, 'nobody wakes the workers but a commit that enqueued: no other, no rollback, no timer');
is($cpu_of->($pid) - $cpu, 0, 'and they use no CPU');
$open->query_safe('COMMIT');
$open->quit;
$crm->arrived_as_committed('that commit does');
isnt(sleeps_of_sleepers($pid, $launcher), $before, 'which shows in the count');

done_testing();
