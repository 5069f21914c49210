# What watches promise beyond the transaction that they enqueue in: a condition that counts once more after a
# failed request, a restart and a crash; a stage that is sent once; a dump that lacks their approval.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $crm = CrmCapi->new('watches',
	conf => "crm_capi.poll_interval = '500ms'\nmax_prepared_transactions = 2\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;

$crm->sql(<<'SQL');
CREATE TABLE consents (id integer PRIMARY KEY, fb_lead_id bigint, stage text, consent boolean DEFAULT true);
SELECT capi_watch('consents', 'fb_lead_id', 'stage', condition => 'NEW.consent', recheck => true);
CREATE TABLE firsts (id integer PRIMARY KEY, fb_lead_id bigint, stage text);
SELECT capi_watch('firsts', 'fb_lead_id', 'stage', repeat => 'first');
SQL

sub lead { return 22345678901230000 + $_[0]; }

# Leads with a consent, in one transaction.
sub add_consents
{
	my (@numbers) = @_;
	$crm->sql('INSERT INTO consents VALUES ' . join ', ', map { "($_, " . lead($_) . ", 'new')" } @numbers);
	return;
}

sub withdraw { $crm->sql("UPDATE consents SET consent = false WHERE id = $_[0]"); return; }

# How often each of these leads arrived, and what became of its events.
sub fates
{
	my (@numbers) = @_;
	my %arrived = map { $_ => 0 } @numbers;
	$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or return 'still owed';
	$arrived{ $_->{event}{user_data}{lead_id} - lead(0) }++ for $endpoint->accepted;
	return join ', ', map {
		"$arrived{$_} "
		  . $crm->sql("SELECT string_agg(concat_ws(' ', status, reason_code), ' ' ORDER BY id)
		               FROM capi_events WHERE lead_id = " . lead($_))
	} @numbers;
}

# --- The consent is withdrawn while a request is on its way, which fails

$endpoint->script({ times => 1, match => { lead_id => '' . lead(1) },
	action => { hold => \1, code => 2 } });
add_consents(1, 2);
$endpoint->wait_for('held', 1) or die 'nothing hangs';
withdraw(1);
$endpoint->release;
is(fates(1, 2), '0 cancelled condition_false, 1 delivered',
	'the condition counts before the second attempt as well');
ok($crm->until_true("SELECT (delivered, parked) = (1, 0) FROM capi_counters"),
	'what it has cancelled is not counted as parked');
is($crm->sql("SELECT count(*) FROM capi_requests WHERE outcome = 'retry'"), 1, 'which there was');

# --- While the server restarts, and crashes

for my $stop ('fast', 'immediate')
{
	my @leads = $stop eq 'fast' ? (3, 4) : (5, 6);
	$crm->sql("SELECT capi_pause('sales')");
	add_consents(@leads);
	$crm->until_true("SELECT count(*) = 2 FROM capi_events WHERE status = 'held'") or die 'not held';
	$node->stop($stop);
	$node->start;
	withdraw($leads[0]);
	$crm->sql("SELECT capi_resume('sales')");
	is(fates(@leads), '0 cancelled condition_false, 1 delivered',
		"a shipper that starts after a stop ($stop) looks as well");
}

# --- A stage that is sent once has been sent, and the transaction that reached it first is still to come

sub win { return "UPDATE firsts SET fb_lead_id = " . lead($_[1]) . ", stage = 'won' WHERE id = $_[0]"; }

$crm->sql('INSERT INTO firsts SELECT i FROM generate_series(1, 5) i');
$crm->sql('BEGIN; ' . win(1, 7) . "; PREPARE TRANSACTION 'first'");
$crm->sql(win(2, 7));
is(fates(7), '1 delivered', 'nobody waits for a prepared transaction');
$node->restart;
$crm->sql("COMMIT PREPARED 'first'");
$crm->sql(win(3, 7));
ok($crm->until_true('SELECT count(*) = 2 FROM capi_events WHERE lead_id = ' . lead(7)),
	'it comes after a restart');
carries_out('stage_reached', "sends each stage of a lead once", 'Nothing to do');
is(fates(7), '1 cancelled stage_reached delivered', 'and changes nothing at Meta');

# The request that carried it fails: it keeps the stage, and goes again.
$crm->sql('BEGIN; ' . win(4, 8) . "; PREPARE TRANSACTION 'first'");
$endpoint->script({ times => 1, match => { lead_id => '' . lead(8) },
	action => { hold => \1, code => 2 } });
$crm->sql(win(5, 8));
$endpoint->wait_for('held', 1) or die 'nothing hangs';
$crm->sql("COMMIT PREPARED 'first'");
$crm->until_true("SELECT count(*) = 1 FROM capi_events WHERE status = 'cancelled' AND lead_id = " . lead(8));
$endpoint->release;
is(fates(8), '1 cancelled stage_reached delivered', 'who was on the way has the stage');

# --- A dump without data has the watches, but not what their owners approved

$node->run_log([ 'createdb', '-h', $node->host, '-p', $node->port, 'copy' ]);
command_ok(
	[ 'pg_dump', '--schema-only', '-f', $node->basedir . '/dump.sql', $node->connstr('postgres') ],
	'dumped');
command_ok(
	[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', $node->basedir . '/psql.out',
		'-f', $node->basedir . '/dump.sql', '-d', $node->connstr('copy') ],
	'restored');
my $insert = 'INSERT INTO consents VALUES (%d, ' . lead(9) . ", 'new')";
my $parked = "SELECT status, reason_code FROM capi_events ORDER BY id DESC LIMIT 1";
$crm->sql(sprintf($insert, 1), 'copy');
is($crm->sql($parked, 'copy'), 'parked|watch_not_approved',
	'the statement goes on, and its event is parked');
like($crm->sql("SELECT problem FROM capi_watches WHERE target = 'consents'::regclass", 'copy'),
	qr/^watch was not approved by the owner of its table: /, 'capi_watches says why');
$crm->sql(
	"SELECT capi_unwatch('consents');
	 SELECT capi_watch('consents', 'fb_lead_id', 'stage', condition => 'NEW.consent', recheck => true);
	 SELECT capi_resume()", # a copy sends nothing before
	'copy');
$crm->sql(sprintf($insert, 2), 'copy');
ok($crm->until_true("SELECT count(*) = 1 FROM capi_events WHERE status = 'delivered'", 'copy'),
	'watched anew and accepted it works');

done_testing();
