# The way of the first events: the four statements, the payload to the letter, and how soon.
#
# The poll interval is an hour throughout: whatever arrives was woken by its commit.

use strict;
use warnings FATAL => 'all';

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('first_event', bare => 1, conf => "crm_capi.poll_interval = '1h'");
my $endpoint = $crm->endpoint;

sub last_accepted { return ($endpoint->accepted)[-1]; }
sub last_request { return ($endpoint->requests)[-1]; }

# --- From nothing to a delivered event

$crm->sql('CREATE TABLE leads (id serial PRIMARY KEY, fb_lead_id bigint, status text)');
$crm->sql('CREATE EXTENSION crm_capi');
$crm->sql("CREATE SERVER sales FOREIGN DATA WRAPPER crm_capi
	OPTIONS (dataset_id '$StandIn::DATASET', lead_event_source 'Odoo',
	         endpoint '" . $endpoint->url . "', ca_file '" . $endpoint->ca_file . "')");
$crm->sql("CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token '$StandIn::TOKEN')");
$crm->sql("SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status')");
$crm->sql("INSERT INTO leads (fb_lead_id, status) VALUES (12345678901234567, 'initial_lead')");
ok($endpoint->wait_for('accepted', 1), 'four statements, and the first event arrives');
ok( $crm->until_true("SELECT status = 'delivered' FROM capi_events"),
	'and shows as delivered');

is($crm->sql('SELECT count(*) FROM capi_watches'), 1, 'capi_watches lists the watch');
is( $crm->sql('SELECT dataset, health, owed, in_flight, delivered, parked FROM capi_status'),
	'sales|ok|0|0|1|0', 'capi_status has a row for the dataset');
my $request = last_request();
is( $crm->sql('SELECT outcome, http_status, events_received, event_count, fbtrace_id
               FROM capi_requests'),
	"delivered|200|1|1|$request->{fbtrace_id}",
	'capi_requests has a row for the request, with Meta\'s trace id');
is( $crm->sql('SELECT attempts, http_status, fbtrace_id, reason_code IS NULL,
                      settled_at >= enqueued_at FROM capi_events'),
	"1|200|$request->{fbtrace_id}|t|t", 'capi_events tells what became of the event');

# --- The payload

my $arrived = last_accepted()->{event};
my ($event_time) = $crm->sql('SELECT floor(extract(epoch FROM event_time)) FROM capi_events');
like($arrived->{event_id}, qr/^[0-9a-f]{16,64}$/, 'the event has an id of its own');
is_deeply(
	$arrived,
	{
		event_name => 'initial_lead',
		event_time => $event_time,
		action_source => 'system_generated',
		event_id => $arrived->{event_id},
		user_data => { lead_id => 12345678901234567 },
		custom_data => { event_source => 'crm', lead_event_source => 'Odoo' },
	},
	'the payload is what Meta\'s manual shows, and nothing else');
is_deeply(
	decode_json($crm->sql('SELECT capi_payload(id) FROM capi_events')),
	$arrived, 'capi_payload shows exactly what was sent');
like(
	slurp_file($endpoint->directory . '/accepted.jsonl'),
	qr/"lead_id":\s*12345678901234567\b/,
	'a lead id of 17 digits is an integer and keeps every digit');

my @ids = qw(100000000000000 999999999999999 9007199254740993 9007199254740995
  99999999999999999 10000000000000001);
$endpoint->forget;
$crm->sql("SELECT capi_send_lead_event($_, 'qualified')") for @ids;
$endpoint->wait_for('accepted', scalar @ids);
is( join(' ', sort map { $_->{event}{user_data}{lead_id} } $endpoint->accepted),
	join(' ', sort @ids),
	'lead ids on both sides of what a double can hold arrive exactly');

# --- Where the token goes, and the constants of the dataset

is($request->{token_in}, 'header', 'the token is in the header');
for my $place (qw(body query header))
{
	my $verb = $place eq 'body' ? 'ADD' : 'SET';
	$crm->sql("ALTER SERVER sales OPTIONS ($verb token_in '$place')");
	$endpoint->forget;
	$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'to the $place')");
	$endpoint->wait_for('accepted', 1);
	is(last_request()->{token_in}, $place, "token_in '$place' puts it there, and only there");
}
$crm->sql("ALTER SERVER sales OPTIONS (ADD test_event_code 'TEST12345')");
$endpoint->forget;
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'test event')");
$endpoint->wait_for('accepted', 1);
is(last_request()->{test_event_code}, 'TEST12345', 'test_event_code goes with the request');

# --- The request on the wire, as a plain listener sees it

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5)
  or die "listen: $!";

# Reads one request, answers it, and returns head and body.
sub serve_one
{
	IO::Select->new($listener)->can_read($PostgreSQL::Test::Utils::timeout_default)
	  or die 'nobody connects';
	my $client = $listener->accept;
	my $text = '';
	until ($text =~ /\r\n\r\n/ && $text =~ /^Content-Length: (\d+)/mi
		  && length($text) >= index($text, "\r\n\r\n") + 4 + $1)
	{
		sysread($client, $text, 65536, length $text) or die 'request was cut';
	}
	my $answer = '{"events_received":1,"messages":[],"fbtrace_id":"Awire"}';
	print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
	  . 'Content-Length: ' . length($answer) . "\r\n\r\n$answer";
	close $client;
	return split /\r\n\r\n/, $text, 2;
}

$crm->create_dataset(
	'wire',
	endpoint => 'http://127.0.0.1:' . $listener->sockport,
	api_version => 'v25.0',
	test_event_code => 'TEST67890',
	partner_agent => 'crm_capi_tap',
	data_processing_options => '["LDU"]',
	data_processing_options_country => '1',
	data_processing_options_state => '1000');
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'converted', dataset => 'wire')");
my ($head, $body) = serve_one();
like($head, qr{^POST /v25\.0/$StandIn::DATASET/events HTTP/1\.1\r\n}, 'POST to the dataset');
like($head, qr{^Authorization: Bearer $StandIn::TOKEN\r$}m, 'the token as Bearer');
like($head, qr{^Content-Type: application/json\b}mi, 'the body says that it is JSON');
unlike($body, qr/$StandIn::TOKEN/, 'no token in the body');
my $sent = decode_json($body);
is( join(' ', sort keys %$sent), 'data partner_agent test_event_code',
	'test_event_code and partner_agent stand at top level');
is($sent->{partner_agent}, 'crm_capi_tap', 'partner_agent');
is($sent->{test_event_code}, 'TEST67890', 'test_event_code');
is_deeply(
	[ map { $sent->{data}[0]{"data_processing_options$_"} } '', '_country', '_state' ],
	[ ['LDU'], 1, 1000 ],
	'data processing options stand in the event');
ok( $crm->until_true("SELECT fbtrace_id = 'Awire' FROM capi_events WHERE dataset = 'wire'"),
	'and its answer is taken');
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'opted out', dataset => 'wire', opt_out => true,
	data_processing_options => '[]')");
$sent = decode_json((serve_one())[1]);
is($sent->{data}[0]{event_name}, 'opted out', 'an event with signals of its own');
ok($sent->{data}[0]{opt_out}, 'opt_out stands in the event');
is_deeply(
	[ map { $sent->{data}[0]{"data_processing_options$_"} } '', '_country', '_state' ],
	[ [], undef, undef ],
	'and its data processing options in place of those of the dataset');
$crm->sql('DROP SERVER wire CASCADE');

# --- What queues an event, and what does not

$endpoint->forget;
$crm->sql("UPDATE leads SET status = 'qualified'");
$crm->sql("UPDATE leads SET status = 'qualified'");
$crm->sql("BEGIN; UPDATE leads SET status = 'lost'; ROLLBACK");
$crm->sql("BEGIN; UPDATE leads SET status = 'a'; UPDATE leads SET status = 'b';
           UPDATE leads SET status = 'c'; COMMIT");
$crm->sql("INSERT INTO leads (status) VALUES ('no lead id yet')");
$crm->sql("UPDATE leads SET fb_lead_id = 12345678901234568 WHERE fb_lead_id IS NULL");
$endpoint->wait_for('accepted', 5);
my %stages;
push @{ $stages{ $_->{event}{user_data}{lead_id} } }, $_->{event}{event_name}
  for $endpoint->accepted;
is_deeply(
	\%stages,
	{
		'12345678901234567' => [ 'qualified', 'a', 'b', 'c' ],
		'12345678901234568' => ['no lead id yet']
	},
	'every committed change is an event; a repetition or a rollback is none');

my ($code) = $crm->node->psql('postgres',
	"INSERT INTO leads (fb_lead_id, status) VALUES (1234567, 'new'), (12345678901234569, NULL)");
is($code, 0, 'values that cannot be sent do not fail the CRM\'s statement');
is( $crm->sql("SELECT string_agg(reason_code, ' ' ORDER BY id) FROM capi_events
               WHERE status = 'parked'"),
	'lead_id_length stage_missing', 'but are parked with their reason');

# --- How soon

$endpoint->forget;
my $samples = 20;
for my $i (1 .. $samples)
{
	$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'sample $i')");
	$endpoint->wait_for('accepted', $i);
}
my %received_at = map { $_->{event}{event_name} => $_->{received_at} } $endpoint->accepted;
my %enqueued_at = map { split /\|/ } split /\n/, $crm->sql(
	"SELECT event_name, extract(epoch FROM enqueued_at) FROM capi_events
	 WHERE event_name LIKE 'sample %'");
# From enqueueing, which is a little before the commit.
my @delays = sort { $a <=> $b } map { $received_at{$_} - $enqueued_at{$_} } keys %enqueued_at;
my $median = $delays[ $samples / 2 ];
note sprintf 'enqueued to received: median %.1f ms, best %.1f ms, worst %.1f ms',
  1000 * $median, 1000 * $delays[0], 1000 * $delays[-1];
is(scalar @delays, $samples, 'every commit woke the shipper');
cmp_ok($median, '<', 0.25, 'a single event is there within moments of its commit');

done_testing();
