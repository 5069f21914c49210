# The host's clock jumps, forwards and backwards, while events wait, are to be tried again, or are in
# doubt. Time is what the host says: no pause becomes longer, and what a wrong clock has ended can be
# owed again.
#
# The poll interval is an hour: nothing here is due to a poll.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Shim;
use Test::More;

my $hour = 3600;
my $day = 24 * $hour;
# Certificates are judged by the clock as well: without TLS, but for the last test.
my $crm = CrmCapi->new(
	'clock',
	endpoint => [ '--plain', '--token', $StandIn::TOKEN, '--dataset', $StandIn::DATASET ],
	conf => "crm_capi.poll_interval = '1h'\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my $shim = Shim->new($node);
$crm->shipper_pid;

sub status_is
{
	my ($lead, $status, $test_name) = @_;
	return ok(
		$crm->until_true(
			"SELECT status || coalesce(' ' || reason_code, '') = '$status' FROM capi_events
			 WHERE lead_id = 12345678901230000 + $lead ORDER BY id DESC LIMIT 1"),
		$test_name);
}

# What the runbook prescribes once the clock is right.
my $again = Runbook::examples('The clock is wrong');

# What each state of an event begins and ends with.
my %states = (
	'pending' => [
		sub { $crm->sql("SELECT capi_pause('sales')"); $crm->change(1 .. 3); },
		sub { $crm->sql("SELECT capi_resume('sales')") } ],
	'in retry' => [
		sub {
			$endpoint->script({ action => { status => 500 } });
			$crm->change(1);
			$crm->change(2, 3);
			status_is(1, 'retry server_error', 'an event is to be tried again');
		},
		sub { $endpoint->script } ],
	# The pause is some seconds: the clock jumps in its midst.
	'in a pause that Meta asked for' => [
		sub {
			$endpoint->script(
				{ times => 1, action => { headers => { 'X-App-Usage' => '{"call_count":77}' } } });
			$crm->change(1);
			$crm->until_true("SELECT health = 'slowed' FROM capi_status");
			$crm->change(2, 3);
		},
		sub { } ],
	'in doubt' => [
		sub {
			$endpoint->script({ times => 2, action => { cut => 'after_body', accept => \1 } });
			$crm->change(1);
			$crm->change(2, 3);
			$endpoint->wait_for('accepted', 1);
		},
		sub { } ]);

carries_out('The clock is wrong: It jumps back', 'Pauses last as long as they would have; nothing else changes');
for my $jump ([ 'forwards', $hour ], [ 'backwards', -$hour ])
{
	my ($direction, $seconds) = @$jump;
	for my $state (sort keys %states)
	{
		subtest "the clock jumps $direction while events are $state" => sub {
			my ($begin, $end) = @{ $states{$state} };
			$crm->forget;
			$begin->();
			$shim->set_clock($seconds);
			$end->();
			$crm->arrived_as_committed('all arrive', repeats => $state eq 'in doubt');
			ok($crm->until_true("SELECT health IN ('ok', 'slowed') FROM capi_status"),
				'and the dataset is well');
			$shim->set_clock(0);
			$crm->change(4);
			$crm->arrived_as_committed('also what comes when the clock is right again',
				repeats => $state eq 'in doubt');
		};
	}
}

subtest 'the clock jumps forwards by eight days: events expire, and can be owed again' => sub {
	$crm->forget;
	$crm->sql("SELECT capi_pause('sales')");
	$crm->change(11);
	$shim->set_clock(8 * $day);
	$crm->sql("SELECT capi_resume('sales')");
	status_is(11, 'expired deadline_passed', 'the host says that its time is over');
	$shim->set_clock(0);
	carries_out('The clock is wrong: It jumps ahead', 'Put the clock right, and owe them again by the statement below');
	is($crm->sql($again), 1, 'the statement of the runbook owes it again, once the clock is right');
	$crm->arrived_as_committed('and it arrives');
};

subtest 'the clock jumps forwards by two days while events are in doubt' => sub {
	$crm->forget;
	$endpoint->script({ times => 1,
			action => { hold => \1, when => 'after_accept', cut => 'after_body', accept => \1 } });
	$crm->change(12);
	$endpoint->wait_for('held', 1);
	$crm->sql("SELECT capi_pause('sales')");
	$endpoint->release;
	status_is(12, 'in_doubt connection_cut', 'an event is in doubt');
	$shim->set_clock(2 * $day);
	$crm->sql("SELECT capi_resume('sales')");
	status_is(12, 'parked doubt_too_old', 'the host says that its doubt is too old');
	is($endpoint->state->{accepted}, 1, 'it does not go again');
	$shim->set_clock(0);
	is($crm->sql($again), 1, 'by the statement of the runbook');
	$endpoint->wait_for('accepted', 2);
	$crm->arrived_as_committed('until an operator says so', repeats => 1);
	is($endpoint->repeated, '12345678901230012 stage 1', 'under the same event_id');
};

subtest 'a clock that is ahead: what it dates is refused, and goes when that time has come' => sub {
	carries_out('The clock is wrong: It is ahead', 'put the clock right and call `capi_retry` once their time has come');
	$crm->forget;
	$shim->set_clock($hour);
	$crm->change(13);
	status_is(13, 'parked refused', 'Meta refuses what lies in the future');
	is($crm->sql('SELECT error_subcode FROM capi_settlement ORDER BY settled_at DESC LIMIT 1'),
		2804004, 'for that reason');
	$shim->set_clock(0);
	$endpoint->settings(clock_offset => $hour);
	$crm->sql('SELECT capi_retry(ARRAY(SELECT event FROM capi_settlement
	                                   WHERE error_subcode = 2804004))');
	$crm->arrived_as_committed('an hour later capi_retry sends it, its time as it was');
};

subtest 'a clock that is behind: events go with the time that it tells' => sub {
	$crm->forget;
	$shim->set_clock(-$hour);
	$crm->change(14);
	$crm->arrived_as_committed('all arrive');
	$shim->set_clock(0);
};

subtest 'the clock jumps backwards while no shipper runs: another is started all the same' => sub {
	$crm->forget;
	for my $round (1 .. 3)
	{
		my $pid = $crm->shipper_pid;
		$crm->sql("SELECT pg_terminate_backend($pid)");
		$crm->until_true("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
		$shim->set_clock(-$round * $hour);
		ok($crm->until_true("SELECT capi_shipper_pid() <> $pid"), "shipper $round");
	}
	$crm->change(15);
	$crm->arrived_as_committed('and delivers');
	$shim->set_clock(0);
};

subtest 'a clock so wrong that no certificate is valid: events wait' => sub {
	carries_out('The clock is wrong: It is so wrong that no certificate is valid', 'dated more than seven days back expire');
	my $elsewhere = StandIn->new($node->basedir . '/elsewhere');
	$crm->create_dataset(
		'tls',
		dataset_id => $StandIn::OTHER_DATASET,
		endpoint => $elsewhere->url,
		ca_file => $elsewhere->ca_file);
	$shim->set_clock(-21 * $day);
	$crm->sql("SELECT capi_send_lead_event(12345678901230017, 'over TLS', dataset => 'tls')");
	status_is(17, 'retry not_connected', 'an event that is dated weeks back waits');
	$shim->set_clock(-3 * $day);
	$crm->sql("SELECT capi_send_lead_event(12345678901230016, 'over TLS', dataset => 'tls')");
	ok( $crm->until_true("SELECT reason LIKE 'could not connect to the endpoint%certificate%'
	                      FROM capi_status WHERE dataset = 'tls'"),
		'capi_status says that it is a certificate');
	$shim->set_clock(0);
	ok($elsewhere->wait_for('accepted', 1), 'when the clock is right they go by themselves');
	status_is(17, 'expired deadline_passed', 'but for what it has dated weeks back');
	$elsewhere->stop;
};

unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|was terminated by signal|ERROR:/,
	'nothing failed by itself');

done_testing();
