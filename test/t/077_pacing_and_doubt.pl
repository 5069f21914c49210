# Slowing down before Meta blocks us, and what becomes of events that may have been delivered long
# ago.
use strict;
use warnings FATAL => 'all';

use CrmCapi;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $crm = CrmCapi->new('pacing');
my $endpoint = $crm->endpoint;

sub health
{
	return $crm->sql("SELECT health || ': ' || coalesce(reason, '-') FROM capi_status
	                  WHERE dataset = 'sales'");
}

# --- Usage headers

$endpoint->script(
	{ action => { headers => { 'X-App-Usage' => '{"call_count":98,"total_time":3}' } } });
$crm->change(1);
$endpoint->wait_for('accepted', 1);
ok( $crm->until_true("SELECT health = 'slowed' FROM capi_status WHERE dataset = 'sales'"),
	'a limit that is nearly used up slows the dataset down');
is(health(), 'slowed: endpoint reports that its limit is nearly used up: 98 % used',
	'with its reason');
is( $crm->sql("SELECT next_attempt_at - (SELECT max(finished_at) FROM capi_request_log)
                      BETWEEN '50 s' AND '60 s' FROM capi_dataset WHERE name = 'sales'"),
	't', 'and a pause that is on record');
$crm->change(2 .. 5);
$crm->sql("SELECT capi_send_lead_event(12345678901239990, 'nothing is lost meanwhile')");
is($crm->sql("SELECT owed FROM capi_status WHERE dataset = 'sales'"), '5', 'events wait');
is($endpoint->state->{accepted}, 1, 'during the pause nothing is sent');
$endpoint->script(
	{ action => { headers => { 'X-Ad-Account-Usage' => '{"acc_id_util_pct":12.5}' } } });
$crm->sql("SELECT capi_resume('sales')");
ok($endpoint->wait_for('accepted', 6), 'capi_resume ends the pause');
ok($crm->until_true("SELECT health = 'ok' FROM capi_status WHERE dataset = 'sales'"),
	'and with room again all is well');
unlike(slurp_file($crm->node->logfile), qr/dataset "sales" is slowed.*dataset "sales" is slowed/s,
	'the log tells it once');

# --- Events in doubt for more than two days

my $event = "lead_id = 12345678901230010 AND event_name = 'stage 1'";
$endpoint->script({ action => { cut => 'after_body', accept => JSON::PP::true } });
$crm->change(10);
ok($crm->until_true("SELECT status = 'in_doubt' FROM capi_events WHERE $event"),
	'an event is accepted, but the answer is lost');
$crm->sql("SELECT capi_pause('sales')");
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_request_log WHERE finished_at IS NULL)');
$crm->sql("UPDATE capi_request_log SET started_at = started_at - interval '47 hours'
           WHERE outcome = 'in_doubt'");
$crm->node->restart;
$crm->shipper_pid;
$crm->change(11);
$crm->until_true('SELECT position >= (SELECT max(id) FROM capi_event_log) FROM capi_cursor');
is($crm->sql("SELECT status FROM capi_events WHERE $event"),
	'in_doubt', 'for two days it may go again, also after a restart');
$crm->sql("UPDATE capi_request_log SET started_at = started_at - interval '1 hour'
           WHERE outcome = 'in_doubt'");
$endpoint->forget;
$crm->node->restart;
ok($crm->until_true("SELECT status = 'parked' FROM capi_events WHERE $event"),
	'after that it is parked, because Meta would take it for a new event');
is($crm->sql("SELECT reason_code FROM capi_events WHERE $event"), 'doubt_too_old',
	'with its reason');
$crm->sql("SELECT capi_resume('sales')");
ok($endpoint->wait_for('accepted', 1), 'others go on');
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'), 'nothing else is owed');
is(join(' ', map { $_->{event}{user_data}{lead_id} } $endpoint->accepted),
	'12345678901230011', 'it does not go again by itself');
carries_out('doubt_too_old', 'Look for the `event_id` of `capi_payload(id)`', 'if it is not there, `capi_retry`');
my $event_id = $crm->sql('SELECT ' . statement('doubt_too_old', 'capi_payload') . " ->> 'event_id' FROM capi_events WHERE $event");
is(scalar(grep { $_->{event}{event_id} eq $event_id } $endpoint->accepted), 0, 'as its event_id says');
$crm->sql("SELECT capi_retry(ARRAY(SELECT id FROM capi_events WHERE $event))");
ok($endpoint->wait_for('accepted', 2), 'but when an operator says so');
ok($crm->until_true("SELECT status = 'delivered' FROM capi_events WHERE $event"),
	'and is delivered then');

done_testing();
