# Outcomes: what the endpoint, or somebody who answers in its place, does to a request - and that the
# events arrive all the same, or are parked with Meta's code.
#
# The poll interval is an hour: what goes on by itself does so without it.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('outcomes', conf => "crm_capi.poll_interval = '1h'");
my $endpoint = $crm->endpoint;
my $token = $StandIn::TOKEN;
my $nudges = 0;

# A new chapter. In what follows "new" requests are those after this.
my $last_request = 0;

sub begin
{
	$crm->forget;
	$last_request = $crm->sql('SELECT coalesce(max(id), 0) FROM capi_requests');
	return;
}

# Leads change in one transaction, so that they make one request.
sub change_together
{
	my ($first, $last) = @_;
	$crm->sql("SELECT change(i) FROM generate_series($first, $last) i");
	return;
}

# A column of the new requests, in order.
sub of_requests
{
	my ($expression, $source) = @_;
	$source //= 'capi_request_log';
	return $crm->sql("SELECT string_agg(($expression)::text, ' ' ORDER BY id)
	                  FROM $source WHERE id > $last_request");
}

# Waits for a new request with this outcome.
sub await_outcome
{
	my ($outcome) = @_;
	return $crm->until_true("SELECT EXISTS (SELECT FROM capi_requests
	                         WHERE id > $last_request AND outcome = '$outcome')");
}

# A dataset whose options change is tried again at once: no test waits for a long pause.
sub nudge
{
	$nudges++;
	$crm->sql("ALTER SERVER sales OPTIONS (SET timeout '" . (600 - $nudges) . "')");
	return;
}

# --- One bad answer, then a good one

my $usage = '{"1":[{"type":"ads_management","call_count":100,"estimated_time_to_regain_access":1}]}';

# name, action, expected outcome, expected reason code; "taken": the endpoint took the events, so
# they arrive twice.
my @cases = (
	[ 'HTTP 500 without a body', { status => 500 }, 'retry', 'server_error' ],
	[ 'code 1', { code => 1 }, 'retry', 'server_error' ],
	[ 'code 2', { code => 2 }, 'retry', 'server_error' ],
	[ 'code 2 under HTTP 200', { code => 2, status => 200 }, 'retry', 'server_error' ],
	[ 'an unknown code that is transient', { code => 987, is_transient => \1 }, 'retry',
		'server_error' ],
	[ 'a page of HTML with 502', { body => { kind => 'html' } }, 'retry', 'server_error' ],
	[ 'a page of HTML with 200', { body => { kind => 'html' }, status => 200 }, 'in_doubt',
		'answer_unreadable' ],
	[ 'JSON cut in the middle', { body => { kind => 'cut_json' }, status => 200 }, 'in_doubt',
		'answer_unreadable' ],
	# The count can be read, and is wrong.
	[ 'invalid UTF-8', { body => { kind => 'invalid_utf8' }, status => 200 }, 'in_doubt',
		'count_mismatch' ],
	[ 'JSON nested a hundred thousand deep',
		{ body => { kind => 'nested', depth => 100_000 }, status => 200 }, 'in_doubt',
		'answer_unreadable' ],
	[ 'an answer of 20 MB', { body => { kind => 'huge', bytes => 20_000_000 }, status => 200 },
		'in_doubt', 'answer_unreadable' ],
	[ 'too few events_received', { events_received => 1 }, 'in_doubt', 'count_mismatch', 'taken' ],
	[ 'a connection cut after the body', { cut => 'after_body', accept => \1 }, 'in_doubt',
		'connection_cut', 'taken' ],
	[ 'a connection reset', { reset => \1, accept => \1 }, 'in_doubt', 'connection_cut', 'taken' ],
	[ 'an answer cut in the middle', { cut => 'mid_answer', accept => \1 }, 'in_doubt',
		'connection_cut', 'taken' ],
	[ 'throttling by code', { code => 80004, subcode => 2446079, status => 400 }, 'slow_down',
		'throttled' ],
	[ 'HTTP 429', { status => 429 }, 'slow_down', 'throttled' ],
	[ 'a permission that is missing', { code => 200, status => 403 }, 'held',
		'permission_missing' ],
	[ 'a dataset that is not visible', { code => 100, subcode => 33 }, 'held',
		'dataset_unknown' ],
	[ 'a dead version', { code => 2635 }, 'held', 'version_dead' ],);

for my $case (@cases)
{
	my ($name, $action, $outcome, $reason, $taken) = @$case;
	begin();
	$endpoint->script({ times => 1, action => $action });
	change_together(1, 5);
	await_outcome($outcome);
	$crm->arrived_as_committed("$name: the events arrive later", repeats => $taken);
	# A probe of a held dataset carries one event, the rest follows.
	my $then = $outcome eq 'held' ? 'delivered delivered' : 'delivered';
	is(of_requests('outcome'), "$outcome $then", "$name: is judged as $outcome");
	is( $crm->sql("SELECT reason_code FROM capi_request_log WHERE id = (
	                   SELECT min(id) FROM capi_request_log WHERE id > $last_request)"),
		$reason, "$name: and said to be $reason");
	is(scalar(map { $_->{event}{event_id} } $endpoint->accepted),
		$taken ? 10 : 5, "$name: and sent again only because it had to be");
}

# --- Growing pauses

begin();
$endpoint->script({ times => 3, action => { status => 500 } },
	{ times => 1, action => { code => 1 } });
change_together(1, 1);
$crm->arrived_as_committed('after four failures the events arrive');
is(of_requests('outcome'), 'retry retry retry retry delivered', 'each attempt is on record');
# Full jitter: between a tenth of the bound and the bound, which doubles. The end of the request is
# written a little after the pause was drawn.
is( $crm->sql(
		"SELECT bool_and(extract(epoch FROM next_attempt_at - finished_at)
		                 BETWEEN 0.05 * 2 ^ (n - 1) - 0.5 AND 0.5 * 2 ^ (n - 1))
		 FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM capi_request_log
		       WHERE id > $last_request) r
		 WHERE outcome = 'retry'"),
	't',
	'pauses are drawn from a range that doubles with each failure');
is( $crm->sql(
		"SELECT bool_and(started_at >= pause_until)
		 FROM (SELECT started_at, lag(next_attempt_at) OVER (ORDER BY id) AS pause_until
		       FROM capi_request_log WHERE id > $last_request) r"),
	't',
	'and nothing is sent before its pause is over');
ok($crm->until_true("SELECT health = 'ok' AND reason IS NULL FROM capi_status"),
	'then the dataset is ok again');

# --- Refused for good

begin();
$endpoint->script(
	{
		match => { event_name => 'poison' },
		action => { code => 100, subcode => 2804003, message => 'event time is too old' }
	});
$crm->sql("SELECT change(i) FROM generate_series(1, 20) i;
           SELECT capi_send_lead_event(12345678901239999, 'poison', dataset => 'sales');
           SELECT change(i) FROM generate_series(21, 40) i");
$crm->arrived_as_committed('one refused event of a batch: its batch mates are delivered');
is( $crm->sql(
		"SELECT event_name, e.status, e.reason_code, error_code, error_subcode, http_status
		 FROM capi_events e JOIN capi_settlement s ON s.event = e.id WHERE event_name = 'poison'"),
	'poison|parked|refused|100|2804003|400',
	'and it alone is parked, with Meta\'s code and subcode');
cmp_ok(of_requests('1') =~ tr/1//, '<=', 14, 'which takes few requests');

begin();
$endpoint->script({ action => { code => 100, status => 400, message => 'no such thing' } });
$crm->sql("SELECT capi_send_lead_event(12345678901239998, 'alone', dataset => 'sales')");
ok($crm->until_true("SELECT status = 'parked' FROM capi_events WHERE event_name = 'alone'"),
	'a single event that is refused is parked');
is(of_requests('outcome'), 'refused', 'after one request');
is( $crm->sql("SELECT health, owed FROM capi_status WHERE dataset = 'sales'"),
	'ok|0', 'and the dataset is not to blame');

# --- In doubt, for as long as it is

begin();
$endpoint->script({ times => 1, action => { hold => \1, when => 'after_accept', cut => 'after_body',
			accept => \1 } });
change_together(1, 4);
$endpoint->wait_for('held', 1);
is( $crm->sql("SELECT string_agg(DISTINCT status, ' ') FROM capi_events
               JOIN capi_requests r ON r.events \@> capi_events.id WHERE r.id > $last_request"),
	'sending', 'events under way show as sending');
$crm->sql("ALTER SERVER sales OPTIONS (ADD mode 'paused')");
$endpoint->release;
await_outcome('in_doubt');
is( $crm->sql("SELECT string_agg(DISTINCT status || ' ' || e.reason_code, ' ') FROM capi_events e
               JOIN capi_requests r ON r.events \@> e.id WHERE r.id > $last_request"),
	'in_doubt connection_cut', 'events whose answer was lost show as in doubt');
is($crm->sql("SELECT health, in_doubt FROM capi_status WHERE dataset = 'sales'"),
	'paused|4', 'also in capi_status');
$crm->sql("ALTER SERVER sales OPTIONS (SET mode 'live')");
$crm->arrived_as_committed('they go again', repeats => 1);
my %seen;
$seen{ $_->{event}{event_id} }++ for $endpoint->accepted;
is_deeply([ values %seen ], [ 2, 2, 2, 2 ], 'with the same event ids');

# --- Redirects are not followed

begin();
my $elsewhere = StandIn->new($crm->node->basedir . '/elsewhere');
$endpoint->script(
	{
		times => 1,
		action => { redirect => $elsewhere->url . "/v27.0/$StandIn::DATASET/events" }
	});
change_together(1, 5);
await_outcome('retry');
$crm->arrived_as_committed('a redirect: the events go to the endpoint that was set');
is(of_requests("outcome || ' ' || http_status"), 'retry 302 delivered 200', 'and to it only');
is($elsewhere->state->{connections} + $elsewhere->state->{tls_failures},
	0, 'nobody has called at the other place');
$elsewhere->stop;

# --- Nobody there, or somebody with a wrong certificate

begin();
$endpoint->stop;
change_together(1, 5);
await_outcome('retry');
is($crm->sql("SELECT health || ': ' || reason LIKE 'retrying: could not connect to the endpoint%'
              FROM capi_status WHERE dataset = 'sales'"), 't', 'an outage shows in capi_status');
for my $fault ('untrusted', 'wrong-host', 'expired')
{
	$last_request = $crm->sql('SELECT max(id) FROM capi_requests');
	$endpoint->start('--token', $token, '--dataset', $StandIn::DATASET, '--certificate', $fault);
	nudge();
	ok( $crm->until_true(
			"SELECT EXISTS (SELECT FROM capi_requests WHERE id > $last_request AND outcome = 'retry'
			 AND reason LIKE 'could not connect to the endpoint%certificate%')"),
		"a certificate that is $fault is refused");
	is($endpoint->state->{requests}, 0, "and not told anything ($fault)");
	$endpoint->stop;
}
$endpoint->start('--token', $token, '--dataset', $StandIn::DATASET, '--dataset',
	$StandIn::OTHER_DATASET);
nudge();
$crm->arrived_as_committed('once the endpoint is back and itself, the events arrive, none twice');

# --- A throttle that names its end; other datasets are not concerned

begin();
$crm->create_dataset('other', dataset_id => $StandIn::OTHER_DATASET);
$endpoint->script(
	{
		times => 1,
		match => { dataset => $StandIn::DATASET },
		action => { code => 80004, headers => { 'X-Business-Use-Case-Usage' => $usage } }
	});
change_together(1, 5);
await_outcome('slow_down');
is( $crm->sql("SELECT next_attempt_at - finished_at BETWEEN '55 s' AND '65 s'
               FROM capi_request_log WHERE id > $last_request AND outcome = 'slow_down'"),
	't', 'Meta\'s estimated_time_to_regain_access is kept to');
is( $crm->sql("SELECT health || ': ' || reason LIKE 'retrying: endpoint asked to slow down%'
               FROM capi_status WHERE dataset = 'sales'"),
	't', 'and shows in capi_status');
$crm->sql("SELECT capi_send_lead_event(12345678901239997, 'elsewhere', dataset => 'other')");
ok($endpoint->wait_for('accepted', 1, '--dataset', $StandIn::OTHER_DATASET),
	'meanwhile another dataset delivers');
is($endpoint->state->{accepted}, 1, 'and the throttled one does not');
$crm->sql("INSERT INTO history (lead_id, stage, changed_at)
           SELECT lead_id, event_name, event_time FROM capi_events WHERE event_name = 'elsewhere'");
nudge();
$crm->arrived_as_committed('until an operator changes its options');

# --- A token that is refused

begin();
$endpoint->settings(tokens => { 'EAABnewtoken' => undef });
change_together(1, 5);
await_outcome('held');
ok($crm->until_true("SELECT health = 'held' AND reason LIKE 'access token was refused by Meta%'
                     FROM capi_status WHERE dataset = 'sales'"),
	'a refused token holds the dataset');
is( $crm->sql("SELECT string_agg(DISTINCT status || ' ' || reason_code, ', ')
               FROM capi_events WHERE id IN (SELECT id FROM capi_owed)"),
	'held token_refused', 'its events are held, not lost');
change_together(6, 9);
is($crm->sql("SELECT owed FROM capi_status WHERE dataset = 'sales'"),
	9, 'and those of later changes wait with them');
$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER sales OPTIONS (SET access_token 'EAABnewtoken')");
$crm->arrived_as_committed('ALTER USER MAPPING, and delivery resumes by itself');
ok($crm->until_true("SELECT health = 'ok' FROM capi_status WHERE dataset = 'sales'"),
	'and the dataset is ok');
like(
	slurp_file($crm->node->logfile),
	qr/LOG:  dataset "sales" is held: access token was refused by Meta\n/,
	'the server log says why it was held');

$crm->sql('DROP USER MAPPING FOR PUBLIC SERVER sales');
begin();
change_together(1, 3);
ok($crm->until_true("SELECT health = 'held' AND reason LIKE 'dataset has no access token%'
                     FROM capi_status WHERE dataset = 'sales'"),
	'without a user mapping the dataset is held');
is(of_requests('outcome'), '', 'and no request is made');
$crm->sql("CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token 'EAABnewtoken')");
$endpoint->settings(tokens => { 'EAABnewtoken' => undef });
$crm->arrived_as_committed('CREATE USER MAPPING, and it goes on');

done_testing();
