# Crashes: whatever is killed, what the endpoint accepted is what was committed, in order per lead;
# and twice came only what was under way at that moment, under the same event_id.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $in_flight = 4;
my $crm = CrmCapi->new(
	'crash',
	bare => 1,
	conf => "crm_capi.poll_interval = '1s'\nrestart_after_crash = on\nautovacuum = off\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 5, max_in_flight => $in_flight);
$crm->create_crm(400);

my $marked = 0; # capi_requests.id up to which earlier chapters reach

# A new chapter of this file.
sub begin_chapter
{
	$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or die 'something is owed';
	$crm->forget;
	$marked = $crm->sql('SELECT coalesce(max(id), 0) FROM capi_requests');
	return;
}

# "lead_id event_name" of the events in requests for which the condition holds, one a line.
sub events_in_requests
{
	my ($condition) = @_;
	return $crm->sql(
		"SELECT DISTINCT e.lead_id || ' ' || e.event_name COLLATE \"C\" AS event
		 FROM capi_requests r JOIN capi_events e ON r.events \@> e.id
		 WHERE r.id > $marked AND $condition ORDER BY event");
}

# Test: no event came twice but those of requests that were in doubt; and no more of these than can
# be under way in so many faults.
sub repeats_were_in_doubt
{
	my ($faults, $test_name) = @_;
	my %doubtful = map { $_ => 1 } split /\n/, events_in_requests("outcome = 'in_doubt'");
	my @surprises = grep { !$doubtful{$_} } split /\n/, $endpoint->repeated;
	is("@surprises", '', $test_name);
	cmp_ok(
		$crm->sql("SELECT count(*) FROM capi_requests
		           WHERE id > $marked AND outcome = 'in_doubt'"),
		'<=', $faults * $in_flight, 'and in doubt are no more than were under way');
	return;
}

# Twenty events: the endpoint has taken those of two requests and not those of two others, and
# answers none of the four.
sub hang_four_requests
{
	my ($first) = @_;
	$endpoint->script(
		{ times => 2, action => { hold => \1, when => 'after_accept' } },
		{ times => 2, action => { hold => \1, when => 'before_accept' } });
	$crm->sql("SELECT change(i) FROM generate_series($first, $first + 19) i");
	$endpoint->wait_for('held', 4) or die 'the requests do not hang';
	return;
}

# The lines of "lead_id event_name" that the endpoint has taken by now, of those given.
sub taken_of
{
	my ($events) = @_;
	my %taken =
	  map { ("$_->{event}{user_data}{lead_id} $_->{event}{event_name}" => 1) } $endpoint->accepted;
	return join "\n", grep { $taken{$_} } split /\n/, $events;
}

# --- What is killed, with four requests under way

my %killed = (
	'kill -9 of the shipper' => sub { $crm->kill_shipper },
	'kill -9 of the postmaster' => sub { $crm->kill_postmaster },
	'an immediate shutdown' => sub { $node->stop('immediate'); $node->start; },
	'a fast restart' => sub { $node->restart; },
	'kill -9 of a backend' => sub {
		my $shipper = $crm->shipper_pid;
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		my $pid = $session->query_safe('SELECT pg_backend_pid()');
		$session->query_safe('BEGIN; SELECT change(i) FROM generate_series(300, 310) i');
		kill 'KILL', $pid;
		$crm->until_true("SELECT capi_shipper_pid() <> $shipper") or die 'no other shipper';
		$session->{run}->kill_kill;
	});

for my $what (sort keys %killed)
{
	begin_chapter();
	$crm->change(1 .. 10, 1 .. 10);
	$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
	hang_four_requests(1);
	# Waits behind its predecessors, which are under way.
	$crm->change(1 .. 10);
	my $under_way = events_in_requests('finished_at IS NULL');
	is(scalar(split /\n/, $under_way), 20, "$what: twenty events are under way");
	my $taken = taken_of($under_way);

	$killed{$what}->();
	$endpoint->script();
	$crm->change(1, 2, 21);
	$crm->arrived_as_committed("$what: all arrives, in order", repeats => 1);
	is($endpoint->repeated, $taken,
		'twice, and with one event_id, came what the endpoint had taken and not answered');
	is(events_in_requests("outcome = 'in_doubt'"), $under_way, 'in doubt was what was under way');
	is($crm->sql("SELECT count(*) FROM capi_events WHERE status <> 'delivered'"),
		0, 'in the end all are delivered');
}

# --- Between the answer and its settlement

begin_chapter();
$endpoint->script({ times => 1, action => { cut => 'after_body', accept => \1 } });
$crm->sql('SELECT change(i) FROM generate_series(1, 5) i');
$endpoint->wait_for('accepted', 5);
$crm->kill_shipper;
$crm->arrived_as_committed('accepted, the answer lost, then kill -9: all arrives', repeats => 1);
is(scalar(split /\n/, $endpoint->repeated), 5, 'again, under the same event_id');
repeats_were_in_doubt(2, 'and was in doubt');

begin_chapter();
for my $lead (1 .. 5)
{
	$crm->change($lead);
	$endpoint->wait_for('accepted', $lead);
	$crm->kill_shipper;
}
$crm->arrived_as_committed('kill -9 right after each answer: all arrives', repeats => 1);
repeats_were_in_doubt(5, 'repeated is at most what had been in doubt');

# --- In the middle of a backlog

# Eight requests pass, those behind them hang.
sub let_eight_pass
{
	$endpoint->script({ times => 8, action => {} }, { action => { hold => \1 } });
	return;
}

begin_chapter();
let_eight_pass();
$crm->sql('SELECT change(i) FROM generate_series(1, 400) i; SELECT change(i) FROM
           generate_series(1, 100) i');
my @faults = (
	[ 'a restart', sub { $node->restart } ],
	[ 'an immediate shutdown', sub { $node->stop('immediate'); $node->start; } ],
	[ 'kill -9 of the postmaster', sub { $crm->kill_postmaster } ],
	[ 'kill -9 of the shipper', sub { $crm->kill_shipper } ]);
for my $fault (@faults)
{
	my ($name, $code) = @$fault;
	$endpoint->wait_for('held', $in_flight) or die 'the requests do not hang';
	cmp_ok($crm->sql('SELECT count(*) FROM capi_owed'),
		'>', 0, "$name happens in the middle of a backlog");
	let_eight_pass();
	$code->();
}
$endpoint->script();
$endpoint->release;
$crm->arrived_as_committed('the backlog survives four faults', repeats => 1);
repeats_were_in_doubt(scalar @faults, 'of it only what was in doubt came twice');

# --- Twice, with more delivered since the cursor was written than a turn reads

begin_chapter();
$crm->sql("ALTER SERVER sales OPTIONS (SET batch_size '1000')");
$node->append_conf('postgresql.conf', "crm_capi.poll_interval = '1h'\n");
$node->restart; # and with that poll interval the cursor is written once per shipper
$crm->sql('SELECT change(i) FROM generate_series(1, 1) i');
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
$crm->sql('SELECT change(i) FROM generate_series(1, 30) n, generate_series(1, 400) i');
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
$crm->flush; # else the last request may rightly be in doubt
for my $time ('once', 'twice')
{
	$crm->kill_shipper;
	ok( $crm->until_true('SELECT capi_read_up_to() >= (SELECT max(id) FROM capi_event_log)'),
		"killed $time, the shipper has read the log again");
}
$crm->arrived_as_committed('and sends nothing of it again');
$crm->sql("ALTER SERVER sales OPTIONS (SET batch_size '5')");
$node->adjust_conf('postgresql.conf', 'crm_capi.poll_interval', "'1s'");
$node->restart;

# --- With a long list of what is owed

subtest 'a restart with forty thousand gaps between what is owed' => sub {
	begin_chapter();
	my $owed = 40_000;
	$crm->sql("ALTER SERVER sales OPTIONS (SET batch_size '1000'); SELECT capi_pause('sales')");
	$crm->sql("SELECT capi_send_lead_event(22345678901230000 + i, 'gap ' || i % 2)
	           FROM generate_series(1, 2 * $owed) i");
	is( $crm->sql("SELECT capi_cancel(array_agg(id)) FROM capi_event_log WHERE event_name = 'gap 0'"),
		$owed, 'every other event is cancelled');
	# The cursor is written when there is something new.
	my $one_more = "SELECT capi_send_lead_event(32345678901230000, 'one more')";
	$crm->sql($one_more);
	$crm->until_true("SELECT count(*) >= $owed FROM capi_cursor, unnest(open)")
	  or die 'the cursor stays behind';
	my $written = $crm->sql('SELECT updated_at FROM capi_cursor');
	$crm->sql($one_more);
	$crm->until_true("SELECT clock_timestamp() > updated_at + interval '3 s' FROM capi_cursor");
	is($crm->sql('SELECT updated_at FROM capi_cursor'),
		$written, 'such a long list is not written at every poll');
	$node->restart;
	$crm->sql("SELECT capi_resume('sales')");
	ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'), 'the others are delivered');
	is($endpoint->state->{accepted}, $owed + 2, 'each once');
	$crm->sql("ALTER SERVER sales OPTIONS (SET batch_size '5')");
};

# --- While others write

begin_chapter();
append_to_file($node->basedir . '/writer.sql',
	"\\set lead random(1, 400)\nSELECT change(:lead);\n");
for my $fault (
	[ 'kill -9 of the shipper', sub { $crm->kill_shipper } ],
	[ 'an immediate shutdown', sub { $node->stop('immediate'); $node->start; } ])
{
	my ($name, $code) = @$fault;
	my $output = '';
	my $writers = IPC::Run::start(
		[
			'pgbench', '-n', '-f', $node->basedir . '/writer.sql', '-c', 4, '-T', 600,
			$node->connstr('postgres')
		],
		'<', \undef, '>', \$output, '2>&1');
	$endpoint->wait_for('accepted', $endpoint->state->{accepted} + 200);
	$code->();
	$writers->finish; # the crash ends its sessions
	$crm->arrived_as_committed("$name while others write: what they committed arrives",
		repeats => 1);
}
repeats_were_in_doubt(2, 'of it only what was in doubt came twice');

unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|signal 11|signal 6/,
	'nothing crashed by itself');

done_testing();
