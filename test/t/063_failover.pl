# A streaming standby: it sends nothing and shows everything. Promoted, it goes on where the
# primary ended.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'primary',
	bare => 1,
	conf => "crm_capi.poll_interval = '500ms'\nwal_level = replica\nmax_wal_senders = 5\n");
my $primary = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 5, max_in_flight => 4);
$crm->create_crm(100);

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
my $there = $crm->on($standby);

# The standby has replayed what is committed on the primary.
sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

my $status = 'SELECT owed, in_flight, delivered, health, reason FROM capi_status';
my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'crm_capi%'";

# --- While it is a standby

$crm->change(1 .. 20);
$crm->arrived_as_committed('the primary delivers');
catch_up();
# Totals are saved with the shipper's place in the log, a poll interval apart.
$there->until_true('SELECT delivered = 20 FROM capi_status');
is( $there->sql($status),
	'0|0|20|stopped|no shipper is running in this database',
	'capi_status on the standby shows what was delivered, and no shipper');
is($there->sql('SELECT count(*) FROM capi_events WHERE status = \'delivered\''),
	20, 'as does capi_events');
is($there->sql($workers), 0, 'there is neither launcher nor shipper');

# The endpoint has taken the events of two requests, and not those of two others. Behind them wait
# their leads' next stages, and other leads.
$crm->forget;
$endpoint->script(
	{ times => 2, action => { hold => \1, when => 'after_accept' } },
	{ action => { hold => \1, when => 'before_accept' } });
$crm->sql('SELECT change(i) FROM generate_series(1, 20) i');
$endpoint->wait_for('held', 4) or die 'the requests do not hang';
$crm->change(1 .. 40);
my $uncommitted = $primary->background_psql('postgres');
$uncommitted->query_safe('BEGIN; SELECT change(i) FROM generate_series(41, 50) i');
catch_up();
is( $there->sql($status),
	'60|20|20|stopped|no shipper is running in this database',
	'capi_status on the standby shows what is owed and under way');
my $under_way = $there->sql("SELECT lead_id || ' ' || event_name COLLATE \"C\" AS event
                             FROM capi_events WHERE status = 'sending' ORDER BY event");
is(scalar(split /\n/, $under_way), 20, 'and capi_events, which ones');
my %taken =
  map { ("$_->{event}{user_data}{lead_id} $_->{event}{event_name}" => 1) } $endpoint->accepted;
is(scalar(keys %taken), 10, 'ten of them the endpoint has taken');

$primary->stop('immediate');
$uncommitted->{run}->kill_kill;
$endpoint->script();
$endpoint->wait_for('in-flight', 0);
my $requests = $endpoint->state->{requests};
$standby->restart;
is($there->sql($workers), 0, 'the standby alone, restarted, has no worker either');
is($endpoint->state->{requests}, $requests, 'and has sent nothing');

# --- Promoted

$standby->promote;
$there->arrived_as_committed('promoted, it delivers all that was committed and replicated',
	repeats => 1);
is( $endpoint->repeated,
	join("\n", grep { $taken{$_} } split /\n/, $under_way),
	'twice, and with one event_id, came what the endpoint had taken and not answered');
is( $there->sql("SELECT count(*) FROM capi_requests WHERE outcome = 'in_doubt'"),
	4, 'whose requests were in doubt, and no others');
is($there->sql("SELECT owed, in_flight, health, reason FROM capi_status"),
	'0|0|ok|', 'it is not taken for a copy');
$there->forget;
$there->change(1 .. 50);
$there->arrived_as_committed('and goes on with new events');
is($there->sql("SELECT count(*) FROM capi_events WHERE status <> 'delivered'"),
	0, 'in the end all are delivered');

# --- And once more, nothing being under way

my $second = PostgreSQL::Test::Cluster->new('second');
$standby->backup('base');
$second->init_from_backup($standby, 'base', has_streaming => 1);
$second->start;
my $last = $crm->on($second);
$there->forget;
$there->change(1 .. 10);
$there->arrived_as_committed('the promoted server has a standby in its turn');
$standby->wait_for_catchup($second, 'replay', $standby->lsn('insert'));
$standby->stop;
$second->promote;
$last->change(1 .. 10);
$last->arrived_as_committed('after an orderly switchover nothing is sent twice, and all arrives');

unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash: ' . $_->name)
  for $primary, $standby, $second;

done_testing();
