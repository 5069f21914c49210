# Planned stops: what is under way is waited for, for less than a second, and nothing goes twice. And
# what a synchronous standby has not confirmed does not leave.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;
use Time::HiRes;

my $crm = CrmCapi->new(
	'stops',
	bare => 1,
	conf => "crm_capi.poll_interval = '1h'\nwal_level = replica\nmax_wal_senders = 5\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 5, max_in_flight => 4, timeout => '600s');
$crm->create_crm(400);

my $in_doubt = "SELECT count(*) FROM capi_requests WHERE outcome = 'in_doubt'";

# --- An endpoint that answers in 300 ms

# Four requests under way and more events behind them; each answer takes 300 ms.
sub send_slowly
{
	$crm->forget;
	$endpoint->script({ action => { delay => 0.3, when => 'after_accept' } });
	$crm->sql('SELECT change(i) FROM generate_series(1, 400) i');
	$endpoint->wait_for('started', 4) or die 'no request is under way';
	return;
}

send_slowly();
my $pid = $crm->shipper_pid;
$crm->sql("SELECT pg_terminate_backend($pid)");
ok($crm->until_true("SELECT capi_shipper_pid() <> $pid"), 'another shipper comes at once');
$crm->arrived_as_committed('pg_terminate_backend in the middle of a backlog repeats nothing');

# The postmaster sends its signals twice.
send_slowly();
$pid = $crm->shipper_pid;
for (1 .. 20)
{
	kill 'TERM', $pid;
	Time::HiRes::usleep(5_000);
}
$crm->until_true("SELECT capi_shipper_pid() <> $pid") or die 'no other shipper';
$crm->arrived_as_committed('nor does it when it is told again and again');

for my $how ('fast', 'smart')
{
	send_slowly();
	$node->stop($how);
	$node->start;
	$crm->arrived_as_committed("a $how restart in the middle of a backlog repeats nothing");
}
is($crm->sql($in_doubt), 0, 'nothing was ever in doubt');

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
send_slowly();
$node->stop('fast');
$standby->promote;
my $there = $crm->on($standby);
$there->arrived_as_committed('a switchover in the middle of a backlog repeats nothing');
is($there->sql($in_doubt), 0, 'nor is anything in doubt there');
$standby->stop('fast');

# --- An endpoint that does not answer

$node->start; # with what it had when it was stopped: the same as the standby
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or die 'something is owed';
$crm->forget;
$endpoint->script({ action => { hold => \1, when => 'before_accept' } });
$crm->sql('SELECT change(i) FROM generate_series(1, 20) i');
$endpoint->wait_for('held', 4) or die 'the requests do not hang';
note sprintf 'fast shutdown with requests that hang: %.2f s',
  $crm->seconds(sub { $node->stop('fast') });
pass('a stop does not wait for an endpoint that does not answer');
$endpoint->script();
$node->start;
$crm->arrived_as_committed('and afterwards its events arrive', repeats => 1);

# --- A synchronous standby that is gone

my $waits = "SELECT EXISTS (SELECT FROM pg_stat_activity
             WHERE backend_type = 'crm_capi shipper' AND wait_event = 'SyncRep')";
my ($latest, $seen);
sub withheld
{
	return $crm->sql("SELECT count(*) FROM capi_requests WHERE id > $latest AND (outcome, reason) =
	                  ('retry', 'request was not sent because its record was not confirmed')");
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

$crm->forget;
require_standby('nobody');
# Some time passes before commits really wait; what is sent by then is not what this is about.
$crm->wait_until(
	sub {
		$crm->sql('SET synchronous_commit = off; SELECT change(1); SELECT change(2)');
		return $crm->sql($waits) eq 't';
	}) or die 'the shipper does not wait';
$latest = $crm->sql('SELECT max(id) FROM capi_requests');
$endpoint->wait_for('in-flight', 0);
$seen = $endpoint->state->{requests};

$pid = $crm->shipper_pid;
$crm->sql("SELECT pg_cancel_backend($pid)");
$crm->until_true("SELECT count(*) > 0 FROM capi_requests WHERE id > $latest")
  or die 'the request is not on record';
ok($crm->until_true($waits), 'cancelled, the shipper tries again');
is($crm->shipper_pid, $pid, 'and is not ended by it');

$crm->sql("SELECT pg_terminate_backend($pid)");
$crm->until_true("SELECT capi_shipper_pid() <> $pid") or die 'no other shipper';
ok($crm->until_true($waits), 'terminated, it leaves its place to another one');
carries_out('withheld', 'Its events go again. Nothing to do');
is(withheld(), 2, 'both requests are on record as not sent');

$node->stop('fast');
$node->start;
ok($crm->until_true($waits), 'restarted, the server has a shipper that waits');
is(withheld(), 3, 'and a third request that was not sent');
is($endpoint->state->{requests}, $seen, 'the endpoint has seen none of them');

# What is committed while the shipper waits wakes it as well, whatever has taken that wake-up.
$crm->sql('SET synchronous_commit = off; SELECT change(3); SELECT change(1)');
require_standby('');
$crm->arrived_as_committed('when nobody is waited for any more all arrives, once');
is($crm->sql("$in_doubt AND id > $latest"), 0, 'and none was in doubt');

# --- The server is lost while its shipper withholds a request

$node->backup('later');
my $successor = PostgreSQL::Test::Cluster->new('successor');
$successor->init_from_backup($node, 'later', has_streaming => 1);
$successor->start;
require_standby('successor');
$crm->forget;
$crm->change(4);
$crm->arrived_as_committed('what the standby confirms is sent');

my $receiver = $successor->safe_psql('postgres', 'SELECT pid FROM pg_stat_wal_receiver');
kill 'STOP', $receiver;
$endpoint->wait_for('in-flight', 0);
$seen = $endpoint->state->{requests};
$crm->wait_until(
	sub {
		$crm->sql('SET synchronous_commit = local; SELECT change(5)');
		return $crm->sql($waits) eq 't';
	}) or die 'the shipper does not wait';
$pid = $crm->shipper_pid;
$crm->sql("SELECT pg_terminate_backend($pid)");
$crm->until_true("SELECT capi_shipper_pid() <> $pid") or die 'no other shipper';
ok($crm->until_true($waits), 'its successor withholds a request, too');
my $sent_here = $endpoint->state->{requests};
$node->stop('immediate');
kill 'CONT', $receiver;
$successor->promote;
is($sent_here, $seen, 'nothing has left the server that was lost');
$crm->on($successor)->arrived_as_committed('what the standby had received arrives from there, once');

unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash: ' . $_->name)
  for $node, $standby, $successor;

done_testing();
