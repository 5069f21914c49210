# While nobody writes, shippers doze, and the launcher looks for all of them whether somebody does.
#
# A row that is written into the log by hand tells the shipper nothing: here it stands for whatever is written past it.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'dozing',
	conf => "crm_capi.poll_interval = '300ms'
autovacuum = off
");
my $node = $crm->node;
my $endpoint = $crm->endpoint;

# A change of this lead that the shipper is not told of: the trigger is left out, and its work done by hand.
sub change_silently
{
	my ($session, $lead) = @_;
	$session->query_safe(<<"SQL");
BEGIN;
ALTER TABLE leads DISABLE TRIGGER USER;
UPDATE leads SET step = step + 1, status = 'stage ' || step + 1, changed_at = clock_timestamp() WHERE id = $lead;
ALTER TABLE leads ENABLE TRIGGER USER;
INSERT INTO history (lead_id, stage, changed_at) SELECT fb_lead_id, status, changed_at FROM leads WHERE id = $lead;
INSERT INTO capi_event_log SELECT e.* FROM capi_event_log o, LATERAL jsonb_populate_record(o, jsonb_build_object(
    'id', nextval('capi_event_id'), 'enqueued_at', now(), 'event_time', (SELECT changed_at FROM leads WHERE id = $lead),
    'lead_id', 12345678901230000 + $lead, 'event_name', (SELECT status FROM leads WHERE id = $lead))) e
WHERE o.id = (SELECT min(id) FROM capi_event_log);
COMMIT
SQL
	return;
}

# Waits until the shippers sleep while the launcher looks five times. False if they never do.
sub doze
{
	my ($launcher, @shippers) = @_;
	for (1 .. 50)
	{
		my $sleeps = sub { join ' ', map { $crm->sleeps($_) } @shippers };
		my $before = $sleeps->();
		my $enough = $crm->sleeps($launcher) + 5;
		$crm->wait_until(sub { $crm->sleeps($launcher) >= $enough }) or return 0;
		return 1 if $sleeps->() eq $before;
	}
	return 0;
}

# Runs the code while the postmaster is stopped: it starts nobody.
sub without_postmaster
{
	my ($code) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	kill 'STOP', $postmaster;
	my $done = eval { $code->(); 1 };
	my $why = $@;
	kill 'CONT', $postmaster;
	die $why unless $done;
	return;
}

$crm->sql('CREATE DATABASE second');
$crm->sql('CREATE EXTENSION crm_capi', 'second');
$crm->create_dataset('sales', database => 'second');
my $launcher = $crm->launcher_pid;
my @shippers = ($crm->shipper_pid, $crm->shipper_pid('second'));
my $session = $node->background_psql('postgres');

# --- Dozing

$crm->change(1);
$crm->arrived_as_committed('a commit wakes the shipper');
ok(doze($launcher, @shippers), 'two shippers sleep on while the launcher looks, again and again');

change_silently($session, 2);
$endpoint->wait_for('accepted', 2);
$crm->arrived_as_committed('what nobody tells of is found by the launcher');

# --- The catalog of databases is locked

ok(doze($launcher, @shippers), 'they sleep again');
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE');
change_silently($session, 3);
ok($endpoint->wait_for('accepted', 3), 'what is written while nobody may read pg_database arrives');
# Three polls long nothing: the shipper sleeps again.
my ($sleeps, $unchanged) = ('', 0);
$crm->wait_until(
	sub {
		my $now = $crm->sleeps($shippers[0]);
		$unchanged = $now eq $sleeps ? $unchanged + 1 : 0;
		$sleeps = $now;
		return $unchanged >= 9;
	},
	60);
change_silently($session, 4);
ok($endpoint->wait_for('accepted', 4), 'and so does more of it: the launcher does not wait');
$locker->query_safe('ROLLBACK');
$crm->sql('CREATE DATABASE third');
$crm->sql('CREATE EXTENSION crm_capi', 'third');
$crm->create_dataset('sales', database => 'third');
ok($crm->shipper_pid('third'), 'and later new databases are found as before');

# --- The launcher is gone

@shippers = ($crm->shipper_pid, $crm->shipper_pid('second'), $crm->shipper_pid('third'));
ok(doze($launcher, @shippers), 'they sleep again');
without_postmaster(
	sub {
		kill 'TERM', $launcher;
		change_silently($session, 5);
		ok($endpoint->wait_for('accepted', 5), 'what is written while there is no launcher arrives');
		my $enough = $crm->sleeps($shippers[1]) + 3;
		ok( $crm->wait_until(sub { $crm->sleeps($shippers[1]) >= $enough }),
			'each shipper looks for itself');
		change_silently($session, 6);
		ok($endpoint->wait_for('accepted', 6), 'and finds more');
	});
$crm->until_true(
	"SELECT EXISTS (SELECT FROM pg_stat_activity
	                WHERE backend_type = 'crm_capi launcher' AND pid <> $launcher)");
ok(doze($crm->launcher_pid, @shippers), 'another launcher looks for the shippers it finds');
change_silently($session, 7);
$endpoint->wait_for('accepted', 7);
$crm->arrived_as_committed('everything has arrived, in order');

$_->quit for $session, $locker;
done_testing();
