# Which databases have a shipper, and what becomes of it when extensions and databases come and go.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('life', bare => 1, conf => "crm_capi.poll_interval = '1s'");
my $node = $crm->node;
my $endpoint = $crm->endpoint;

# Databases with a shipper, by name.
my $shippers = "SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '')
                FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'";

sub shippers_become
{
	my ($databases, $test_name) = @_;
	ok($node->poll_query_until('postgres', $shippers, $databases), $test_name);
	return;
}

my $sent = 0;

# Test: an event of this database arrives.
sub delivers
{
	my ($database, $dataset, $test_name) = @_;
	$sent++;
	$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'event $sent', dataset => '$dataset')",
		$database);
	ok( $endpoint->wait_for('accepted', 1)
		  && ($endpoint->accepted)[0]{event}{event_name} eq "event $sent",
		$test_name);
	is($endpoint->state->{accepted}, 1, 'once');
	$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $database);
	$endpoint->forget;
	return;
}

# --- Without the extension

ok( $crm->until_true(
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'crm_capi launcher'"),
	'there is a launcher');
shippers_become('', 'no database has a shipper without the extension');
is($crm->sql("SELECT datname IS NULL FROM pg_stat_activity
              WHERE backend_type = 'crm_capi launcher'"), 't', 'the launcher is in no database');

# --- Two databases

$crm->sql('CREATE EXTENSION crm_capi');
ok($crm->until_true("SELECT state = 'resting' FROM capi_service()"),
	'CREATE EXTENSION has the database looked into');
shippers_become('', 'without a dataset it holds no worker');
$crm->create_dataset('sales');
shippers_become('postgres', 'a dataset brings a shipper');
$crm->sql('CREATE DATABASE second');
$crm->sql('CREATE SCHEMA capi; CREATE EXTENSION crm_capi SCHEMA capi; ALTER DATABASE second
           SET search_path = capi', 'second');
$crm->create_dataset('sales', database => 'second', dataset_id => $StandIn::OTHER_DATASET);
shippers_become('postgres second', 'a second database has one of its own');
delivers('postgres', 'sales', 'the first database delivers');
delivers('second', 'sales', 'the second one does, with the extension in a schema of its own');

$crm->sql('CREATE DATABASE copied TEMPLATE second');
shippers_become('copied postgres second',
	'a database with a shipper can be copied, and the copy gets one');
$crm->sql('ALTER DATABASE copied SET search_path = capi');
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'not from here')", 'copied');
ok( $crm->until_true(
		"SELECT count(*) = 1 FROM capi_events WHERE event_name = 'not from here'
		 AND status = 'held' AND reason_code = 'cloned'", 'copied'),
	'which holds what it finds, since it is a copy');
is($endpoint->state->{accepted}, 0, 'and sends nothing');
$crm->sql('DROP DATABASE copied WITH (FORCE)');
shippers_become('postgres second', 'DROP DATABASE WITH (FORCE) takes its shipper away');

# --- crm_capi.databases

$node->append_conf('postgresql.conf', "crm_capi.databases = 'second'");
$node->reload;
shippers_become('second', 'crm_capi.databases narrows the choice');
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'waits')");
is($crm->sql('SELECT health, reason FROM capi_status'),
	'stopped|no shipper is running in this database', 'capi_status says so');
$node->append_conf('postgresql.conf', "crm_capi.databases = ''");
$node->reload;
shippers_become('postgres second', 'and widens it again');
ok($endpoint->wait_for('accepted', 1), 'what waited is delivered');
$endpoint->forget;

$crm->sql('ALTER DATABASE second RENAME TO renamed');
shippers_become('postgres renamed', 'a database with a shipper can be renamed, and keeps one');
delivers('renamed', 'sales', 'it delivers under its new name');
$crm->sql('DROP DATABASE renamed');
shippers_become('postgres', 'a database with a shipper can be dropped without force');

# --- The launcher

my $launcher = $crm->launcher_pid;
my $pid = $crm->shipper_pid;
$crm->sql("SELECT pg_terminate_backend($launcher)");
delivers('postgres', 'sales', 'without a launcher the shipper delivers');
ok( $crm->until_true(
		"SELECT count(*) = 1 FROM pg_stat_activity
		 WHERE backend_type = 'crm_capi launcher' AND pid <> $launcher"),
	'the launcher comes back');
is($crm->shipper_pid, $pid, 'takes over the shipper that is there');
$crm->sql("SELECT pg_terminate_backend($pid)");
# It is known in shared memory before its session shows.
ok( $crm->until_true(
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = capi_shipper_pid() AND pid <> $pid
		                AND backend_type = 'crm_capi shipper')"),
	'and replaces it when it ends');
is($crm->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'"),
	1, 'by one');

# --- DROP EXTENSION

$endpoint->script({ action => { hold => \1 } });
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'under way')");
$endpoint->wait_for('held', 1);
my $seconds = $crm->seconds(sub { $crm->sql('DROP EXTENSION crm_capi CASCADE') });
note sprintf 'DROP EXTENSION while a request hangs: %.2f s', $seconds;
cmp_ok($seconds, '<', 60, 'DROP EXTENSION does not wait for a request that hangs');
shippers_become('', 'it takes the shipper away');
$endpoint->wait_for('in-flight', 0);
$endpoint->forget;

$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales');
shippers_become('postgres', 'CREATE EXTENSION again brings it back');
delivers('postgres', 'sales', 'and it delivers');

# The new extension's ids begin anew: what the shipper remembers of the old ones must not count. It
# sees only the result, whatever happens in between.
for my $how (
	[ 'in one transaction', 'BEGIN; DROP EXTENSION crm_capi CASCADE; CREATE EXTENSION crm_capi;
	                         COMMIT' ],
	[ 'into another schema', 'BEGIN; CREATE SCHEMA elsewhere; DROP EXTENSION crm_capi CASCADE;
	     CREATE EXTENSION crm_capi SCHEMA elsewhere; ALTER DATABASE postgres
	     SET search_path = elsewhere, public; COMMIT' ])
{
	my ($name, $sql) = @$how;
	$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'before', dataset => 'sales')
	           FROM generate_series(1, 100)");
	$endpoint->wait_for('accepted', 100);
	$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
	$endpoint->forget;
	$crm->sql($sql);
	$crm->create_dataset('sales');
	delivers('postgres', 'sales', "replaced $name, the extension delivers its first event");
	delivers('postgres', 'sales', 'and the next');
}

# --- Without shared_preload_libraries

$endpoint->forget;
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'for later')");
is($crm->sql('SELECT health, reason, owed FROM capi_status'),
	'stopped|no shipper is running in this database|1',
	'without shared_preload_libraries the SQL side works, and capi_status says stopped');
is($crm->sql("SELECT status FROM capi_events ORDER BY id DESC LIMIT 1"),
	'pending', 'what is sent is pending');
is($crm->sql('SELECT capi_shipper_pid() IS NULL'), 't', 'no shipper');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'crm_capi'");
$node->restart;
ok($endpoint->wait_for('accepted', 1), 'preloaded again, it is delivered');

unlike(
	slurp_file($node->logfile),
	qr/ERROR:|PANIC:|TRAP:|was terminated by signal/,
	'nothing of this was an error to the server');

done_testing();
