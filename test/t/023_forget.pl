# capi_forget() against a shipper at work: what it holds in memory, what is in flight, a restart, a
# dump.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('forget', conf => "crm_capi.poll_interval = '500ms'");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my $states = "SELECT coalesce(string_agg(status || ' ' || count, ', ' ORDER BY status), '')
	FROM (SELECT status, count(*) FROM capi_events WHERE %s GROUP BY 1) s";

sub lead { return 12345678901230000 + $_[0]; }

# The stages that arrived of a lead.
sub arrived
{
	my ($number) = @_;
	return join ' ', map { $_->{event}{event_name} =~ s/stage //r }
	  grep { $_->{event}{user_data}{lead_id} == lead($number) } $endpoint->accepted;
}

# A lead that comes to the end of its way shows that the shipper has taken a turn.
my $canary = 50;
sub turn_is_taken
{
	$canary++;
	my $before = $endpoint->state->{accepted};
	$crm->change($canary);
	return $endpoint->wait_for('accepted', $before + 1);
}

# Forgets and returns what it says: (events erased, notice).
sub forget
{
	my ($number) = @_;
	my ($code, $stdout, $stderr) =
	  $node->psql('postgres', 'SELECT capi_forget(' . lead($number) . ')');
	is($code, 0, "lead $number is forgotten");
	return ($stdout, $stderr =~ /NOTICE: +(.*)/ ? $1 : '');
}

$crm->sql("ALTER SERVER sales OPTIONS (ADD max_in_flight '6')");

# --- One event in flight, two behind it in memory; the answer is a success

$endpoint->script({ match => { lead_id => '' . lead(1) }, action => { hold => \1 } });
$crm->change(1);
$endpoint->wait_for('held', 1) or die 'nothing hangs';
$crm->change(1, 1);
turn_is_taken() or die 'no turn';
is_deeply(
	[ forget(1) ],
	[ 3, '1 event is being sent and cannot be taken back' ],
	'it says how many events were erased, and that one is under way');
is($crm->sql(sprintf $states, 'lead_id = ' . lead(1)), '', 'nothing is left of the lead');
$endpoint->script;
$endpoint->release;
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
turn_is_taken();
is(arrived(1), '1', 'what was under way arrives, what was in memory does not');

# --- The answer is an error: what was to go again does not

$endpoint->script({ times => 1, match => { lead_id => '' . lead(2) },
	action => { hold => \1, code => 2 } });
$crm->change(2);
$endpoint->wait_for('held', 1) or die 'nothing hangs';
is((forget(2))[0], 1, 'one event erased');
turn_is_taken();
$endpoint->release;
$crm->until_true("SELECT count(*) = 1 FROM capi_requests WHERE outcome = 'retry'");
turn_is_taken();
is(arrived(2), '', 'an event that was to be tried again is not');

# --- The answer is a refusal: no settlement is written for an event that is gone

$endpoint->settings(deleted_leads => [ '' . lead(3) ]);
$endpoint->script({ times => 1, match => { lead_id => '' . lead(3) }, action => { hold => \1 } });
$crm->change(3);
$endpoint->wait_for('held', 1) or die 'nothing hangs';
is((forget(3))[0], 1, 'one event erased');
turn_is_taken();
$endpoint->release;
$crm->until_true("SELECT count(*) = 1 FROM capi_requests WHERE outcome = 'refused'");
is($crm->sql('SELECT count(*) FROM capi_settlement'), 0, 'nothing is written about it');
is($crm->sql('SELECT parked FROM capi_status'), 0, 'or counted');

# --- Owed while the dataset is paused, and the server stops at once

$crm->sql("SELECT capi_pause('sales')");
$crm->change(4, 4, 5);
$crm->until_true("SELECT count(*) = 3 FROM capi_events WHERE status = 'held'");
is((forget(4))[0], 2, 'two events erased');
$node->stop('immediate');
$node->start;
$crm->sql("SELECT capi_resume('sales')");
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
is(arrived(4), '', 'after a crash they stay erased');
is(arrived(5), '1', 'and another lead is delivered');

# --- While no shipper runs

$node->append_conf('postgresql.conf', "crm_capi.databases = 'none'");
$node->reload;
$crm->until_true('SELECT capi_shipper_pid() IS NULL');
$crm->change(6, 7);
my $late = $node->background_psql('postgres');
$late->query_safe('BEGIN; SELECT change(6)');
is((forget(6))[0], 1, 'the committed event is erased');
$late->query_safe('COMMIT');
$late->quit;
$node->append_conf('postgresql.conf', "crm_capi.databases = ''");
$node->reload;
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
$crm->until_true("SELECT count(*) = 0 FROM capi_events WHERE lead_id = " . lead(6));
is(arrived(6), '', 'a shipper that starts later erases what was late');
is(arrived(7), '1', 'and sends what is owed');

# --- A dump carries the tombstones

$node->run_log([ 'createdb', '-h', $node->host, '-p', $node->port, 'copy' ]);
command_ok([ 'pg_dump', '-f', $node->basedir . '/dump.sql', $node->connstr('postgres') ], 'dumped');
command_ok(
	[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', $node->basedir . '/psql.out',
		'-f', $node->basedir . '/dump.sql', '-d', $node->connstr('copy') ],
	'restored');
is($crm->sql('SELECT count(*) FROM capi_tombstone', 'copy'), 5, 'with its tombstones');
unlike(slurp_file($node->basedir . '/dump.sql') =~ s/^COPY public\.leads.*?^\\\.$//msr =~ s/^COPY public\.history.*?^\\\.$//msr,
	qr/${\lead(4)}/, 'the dump of the queue does not name a lead that was forgotten');
$crm->sql('SELECT change(1), change(8)', 'copy');
is( $crm->sql("SELECT string_agg((lead_id - 12345678901230000)::text, ' ') FROM capi_event_log
               WHERE id > (SELECT max(events) FROM (SELECT max(upper(events)) AS events FROM capi_requests) r)", 'copy'),
	'8', 'a forgotten lead does not come back in the copy');

done_testing();
