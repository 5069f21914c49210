# capi_send_test_event(): one event in the caller's session, what is answered, and what ends the wait.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('test_event');
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my $lead = 12345678901234567;
my $call = "SELECT capi_send_test_event($lead, 'TEST123', 'sales')";

sub answer { return decode_json($crm->sql($_[0] // $call)); }

# psql's words when the statement fails.
sub failure
{
	my ($sql) = @_;
	my ($code, undef, $stderr) = $node->psql('postgres', $sql);
	isnt($code, 0, "fails: $sql");
	return $stderr;
}

# Statements of a session beside us, one of which waits for the endpoint, and who waits.
sub hang
{
	my @statements = @_;
	$endpoint->script({ times => 1, action => { hold => \1 } });
	my $session = { stdout => '', stderr => '' };
	$session->{process} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), map { ('-c', $_) } @statements ],
		'<', \undef, '>', \$session->{stdout}, '2>', \$session->{stderr});
	$endpoint->wait_for('held', 1) or die 'nothing hangs';
	my $hanging = "FROM pg_stat_activity WHERE query LIKE '%capi_send_test_event%' AND state = 'active'
		 AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
	$crm->until_true("SELECT count(*) = 1 AND bool_and(wait_event_type = 'Extension') $hanging")
	  or die 'no session waits';
	$session->{pid} = $crm->sql("SELECT pid $hanging");
	return $session;
}

sub ended
{
	my ($session) = @_;
	$session->{process}->finish;
	return $session->{stderr};
}

# --- What arrives

my $result = answer();
is($result->{verdict}, 'delivered', 'a test event is delivered');
is("$result->{http_status} $result->{events_received}", '200 1', 'as the answer says');
like($result->{fbtrace_id}, qr/^A/, 'with its trace id');
is_deeply($result->{messages}, [], 'and no messages');
is_deeply([ @$result{qw(error reason_code reason hint detail)} ], [ (undef) x 5 ], 'nothing else');
my ($accepted) = $endpoint->accepted;
my ($request) = $endpoint->requests;
is($request->{test_event_code}, 'TEST123', 'the test event code was sent');
is("$accepted->{event}{user_data}{lead_id} $accepted->{event}{event_name} $accepted->{counts}",
	"$lead initial_lead 1", 'with an event that would count');
is($accepted->{event}{event_id}, $result->{event_id}, 'and with the event id that is returned');
is($crm->sql('SELECT count(*) FROM capi_event_log'), 0, 'the queue knows nothing of it');
is($crm->sql('SELECT count(*) FROM capi_request_log'), 0, 'nor do the requests');

$crm->sql("ALTER SERVER sales OPTIONS (ADD mode 'paused', ADD test_event_code 'ITS-OWN')");
is(answer("SELECT capi_send_test_event($lead, 'MINE', event_name => 'qualified')")->{verdict},
	'delivered', 'a dataset that is paused can be tried');
($request) = reverse $endpoint->requests;
is($request->{test_event_code}, 'MINE', 'with the code of the call');
$crm->sql("ALTER SERVER sales OPTIONS (DROP mode, DROP test_event_code)");

# --- What is answered otherwise

sub answer_to
{
	my ($action) = @_;
	$endpoint->script({ times => 1, action => $action });
	return answer();
}

$result = answer_to({ messages => [ 'a warning about ' . $StandIn::TOKEN ] });
is($result->{messages}[0], 'a warning about ***', 'messages are returned, without the token');
$result = answer_to(
	{ code => 100, subcode => 2804003, message => "not with $StandIn::TOKEN", is_transient => \0 });
is("$result->{verdict} $result->{http_status} $result->{reason_code}", 'refused 400 refused', 'a refusal');
is("$result->{error}{code} $result->{error}{subcode}", '100 2804003', 'with its codes');
ok(!$result->{error}{is_transient}, 'which is for good');
like($result->{error}{message}, qr/^not with \*\*\*/, 'and its message, without the token');
like($result->{fbtrace_id}, qr/^A/, 'and its trace id');
$result = answer_to({ code => 190, subcode => 463 });
is("$result->{verdict} $result->{reason_code}", 'held token_refused', 'a token that has expired');
like($result->{hint}, qr/ALTER USER MAPPING/, 'and what to do about it');
$result = answer_to({ code => 4, is_transient => \1 });
is("$result->{verdict} $result->{reason_code}", 'slow_down throttled', 'throttled');
$result = answer_to({ body => { kind => 'html' } });
is("$result->{verdict} $result->{http_status}", 'retry 502', 'a page of HTML');
is($result->{error}, undef, 'is no error of Meta\'s');
$result = answer_to({ events_received => 0 });
is("$result->{verdict} $result->{reason_code}", 'in_doubt count_mismatch', 'a success that received nothing');
$result = answer_to({ cut => 'after_body' });
is("$result->{verdict} $result->{reason_code}", 'in_doubt connection_cut', 'a connection that is cut');
$endpoint->stop;
$result = answer();
is("$result->{verdict} $result->{reason_code}", 'retry not_connected', 'nobody there');
like($result->{detail}, qr/connect/i, 'which is said');
$endpoint->start;

# --- Timeout

$crm->sql("ALTER SERVER sales OPTIONS (SET timeout '1s')");
$endpoint->script({ times => 1, action => { hold => \1 } });
my $seconds = $crm->seconds(sub { $result = answer(); });
note sprintf 'timeout of 1 s: %.2f s', $seconds;
is("$result->{verdict} $result->{reason_code}", 'in_doubt connection_cut', 'the timeout of the dataset ends the wait');
cmp_ok($seconds, '<', 60, 'in its time');
$crm->sql("ALTER SERVER sales OPTIONS (SET timeout '600s')");

# --- What else ends the wait

my $session = hang('BEGIN', $call, 'ROLLBACK', "SELECT 'still here'");
ok($session->{pid}, 'the wait shows in pg_stat_activity');
is($crm->sql("SELECT count(*) FROM pg_stat_activity a WHERE position('EAAB' || 'taptoken' IN a::text) > 0"),
	0, 'and no token');
$seconds = $crm->seconds(
	sub {
		$crm->sql("SELECT pg_cancel_backend($session->{pid})");
		like(ended($session), qr/canceling statement due to user request/, 'a cancel ends it');
	});
cmp_ok($seconds, '<', 60, 'at once');
is($session->{stdout}, "still here\n", 'and the session lives on');
ok($endpoint->wait_for('in-flight', 0), 'the connection is closed');

my $before = $crm->sql('SELECT pg_postmaster_start_time()');
$endpoint->script({ action => { hold => \1 } });
like(failure("SET statement_timeout = '500ms'; $call"), qr/statement timeout/, 'statement_timeout ends it');
my $tolerant = "DO \$\$ BEGIN
	BEGIN PERFORM capi_send_test_event($lead, 'TEST123', 'sales');
	EXCEPTION WHEN query_canceled THEN RAISE NOTICE 'caught'; END;
	PERFORM pg_sleep(60);
END \$\$";
$session = hang($tolerant);
$crm->sql("SELECT pg_cancel_backend($session->{pid})");
$crm->until_true("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $session->{pid}");
ok($endpoint->wait_for('in-flight', 0), 'caught in PL/pgSQL, the connection is closed all the same');
$crm->sql("SELECT pg_cancel_backend($session->{pid})");
like(ended($session), qr/caught/, 'and the session goes on');

$session = hang($call);
$crm->sql("SELECT pg_terminate_backend($session->{pid})");
like(ended($session), qr/terminating connection/, 'a terminate ends it');
ok($endpoint->wait_for('in-flight', 0), 'and the connection');
$endpoint->script();
$session = hang($call);
$endpoint->release;
ended($session);
is(decode_json($session->{stdout})->{verdict}, 'delivered', 'an answer that comes late is an answer');
is($crm->sql('SELECT pg_postmaster_start_time()'), $before, 'the server has not noticed');

# --- Beside the queue

$session = hang($call);
$crm->change(1 .. 5);
$endpoint->release;
ended($session);
is($crm->sql('SELECT count(*) FROM capi_event_log'), 5, 'events go on meanwhile');
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'), 'and arrive');

# --- A copy

$crm->sql('UPDATE capi_dataset SET system_identifier = 1');
like(failure($call), qr/cannot send to dataset "sales": database is a copy of another one/,
	'a copy of a database sends no test event');

done_testing();
