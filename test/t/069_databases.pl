# Databases and extensions that come and go while events flow, and more databases than shippers.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'databases',
	bare => 1,
	conf => "crm_capi.poll_interval = '500ms'\ncrm_capi.max_shippers = 3\nautovacuum = off\n");
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

# A database with the extension, a dataset and a CRM. Small requests, one after the other: its
# backlogs last.
sub create_database
{
	my ($name) = @_;
	$crm->sql("CREATE DATABASE $name");
	$crm->sql('CREATE EXTENSION crm_capi', $name);
	$crm->create_dataset('sales', database => $name, batch_size => 5, max_in_flight => 1);
	$crm->create_crm(400, $name);
	return;
}

# So many leads of a database change, and their events are on the way, a request every 0.1 s. Nobody
# is connected to the database meanwhile.
sub flow
{
	my ($database, $leads) = @_;
	$endpoint->forget;
	$crm->sql('TRUNCATE history', $database);
	$endpoint->script({ action => { delay => 0.1 } });
	$crm->sql("SELECT change(i) FROM generate_series(1, $leads) i", $database);
	$endpoint->wait_for('accepted', 10) or die 'no event flows';
	return;
}

sub backlog { my ($database) = @_; return $crm->sql('SELECT count(*) FROM capi_owed', $database); }

# --- Statements that need a database alone, while its events flow

create_database($_) for 'a', 'b';
shippers_become('a b', 'two databases have shippers');

flow('a', 400);
$crm->sql('CREATE DATABASE own TEMPLATE a', 'a');
cmp_ok(backlog('a'), '>', 0,
	'CREATE DATABASE ... TEMPLATE succeeds while events flow, from a session in the database itself');
$crm->sql('DROP DATABASE own');
$crm->sql('CREATE DATABASE twin TEMPLATE a');
cmp_ok(backlog('a'), '>', 0, 'and from another one');
$crm->sql('ALTER DATABASE a RENAME TO renamed');
cmp_ok(backlog('renamed'), '>', 0, 'and ALTER DATABASE ... RENAME does');
$endpoint->script();
$crm->arrived_as_committed('all events arrive, once: the copy is silent', database => 'renamed');
shippers_become('b renamed twin', 'the original, renamed, and the copy have shippers');
ok( $crm->until_true("SELECT health = 'held' AND owed > 0 FROM capi_status", 'twin'),
	'the copy holds what was owed when it was made');

for my $drop ('DROP DATABASE twin', 'DROP DATABASE twin WITH (FORCE)')
{
	$crm->sql('DROP DATABASE IF EXISTS twin');
	create_database('twin');
	flow('twin', 400);
	my $left = backlog('twin');
	cmp_ok($left, '>', 0, 'events flow');
	my $seconds = $crm->seconds(sub { $crm->sql($drop); });
	cmp_ok($seconds, '<', 60, "$drop succeeds");
	note sprintf '%s: %.1f s', $drop, $seconds;
	$endpoint->wait_for('in-flight', 0);
	cmp_ok($endpoint->state->{accepted}, '<', 400, 'before its backlog was sent');
	shippers_become('b renamed', 'and takes its shipper away');
}

# --- Statements that fail

my $pid = $crm->shipper_pid('b');
$crm->sql('CREATE ROLE guest CREATEDB');
my @forbidden = ('DROP DATABASE b', 'DROP DATABASE b WITH (FORCE)', 'ALTER DATABASE b RENAME TO c',
	'CREATE DATABASE c TEMPLATE b', 'ALTER DATABASE b SET TABLESPACE pg_default');
for my $sql (@forbidden)
{
	my ($code, $stdout, $stderr) = $node->psql('postgres', "SET ROLE guest;\n$sql;");
	like($stderr, qr/must be owner|permission denied/, "$sql fails for one who does not own b");
}
is($crm->shipper_pid('b'), $pid, 'and does not disturb its shipper');

flow('b', 50);
my $visitor = $node->background_psql('b');
$visitor->query_safe('SELECT 1');
my ($code, $stdout, $stderr) = $node->psql('postgres', 'DROP DATABASE b');
like($stderr, qr/is being accessed by other users/, 'DROP DATABASE of the owner fails');
$visitor->quit;
$endpoint->script();
$crm->arrived_as_committed('afterwards all events arrive', database => 'b');

# --- The extension dropped and created again, while others write

append_to_file($node->basedir . '/writer.sql',
	"\\set lead random(1, 100)\nSELECT change(:lead);\n");

my $create = "CREATE EXTENSION crm_capi;
	CREATE SERVER sales FOREIGN DATA WRAPPER crm_capi OPTIONS (
		dataset_id '$StandIn::OTHER_DATASET', lead_event_source 'Odoo', batch_size '50',
		endpoint '" . $endpoint->url . "', ca_file '" . $endpoint->ca_file . "');
	CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token '$StandIn::TOKEN');
	SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status', dataset => 'sales',
	                  event_time => 'changed_at');";
# The lock first: writers lock their table and then the log.
my $drop = 'LOCK TABLE leads; DROP EXTENSION crm_capi CASCADE;';

for my $how (
	[ 'in one transaction', "BEGIN; $drop $create COMMIT" ],
	[ 'in two', "BEGIN; $drop COMMIT; BEGIN; $create COMMIT" ])
{
	my ($name, $sql) = @$how;
	$crm->sql('ALTER SERVER sales OPTIONS (SET dataset_id \'' . $StandIn::DATASET . '\')', 'b');
	$endpoint->forget;
	my $output = '';
	my $writers = IPC::Run::start(
		[ 'pgbench', '-n', '-f', $node->basedir . '/writer.sql', '-c', 2, '-T', 10,
			$node->connstr('b') ],
		'<', \undef, '>', \$output, '2>&1');
	$endpoint->wait_for('accepted', 50);
	$crm->sql($sql, 'b');
	ok($endpoint->wait_for('accepted', 50, '--dataset', $StandIn::OTHER_DATASET),
		"replaced $name while others write, the extension delivers");
	$writers->finish;
	is($writers->result(0), 0, 'the writers notice nothing') or diag $output;
	ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', 'b'), 'all is settled');
	my $logged = $crm->sql(
		"SELECT lead_id || ' ' || event_name COLLATE \"C\" AS event FROM capi_event_log ORDER BY 1",
		'b');
	my $accepted = join "\n",
	  sort map { "$_->{event}{user_data}{lead_id} $_->{event}{event_name}" }
	  grep { $_->{dataset_id} eq $StandIn::OTHER_DATASET } $endpoint->accepted;
	is($accepted, $logged, 'exactly what the new extension has in its log, once');
	shippers_become('b renamed', 'there is one shipper, not two');
}

# --- More databases than shippers (072_turns.pl has more of it)

create_database($_) for 'third', 'fourth';
for my $database ('b', 'renamed', 'third', 'fourth')
{
	$endpoint->forget;
	$crm->sql('TRUNCATE history', $database);
	$crm->sql('SELECT change(1)', $database);
	$crm->arrived_as_committed("with four databases and three shippers, $database delivers",
		database => $database);
}
is($crm->sql('SELECT health FROM capi_status', $_), 'ok', "and $_ is ok, whether it has a shipper or not")
  for 'b', 'renamed', 'third', 'fourth';
unlike(slurp_file($node->logfile), qr/no worker is free|has waited for a shipper/, 'nobody waits for long');
$crm->sql('DROP DATABASE third');

# --- crm_capi.databases

$node->append_conf('postgresql.conf', "crm_capi.databases = 'b, fourth'");
$node->reload;
ok($crm->until_true("SELECT health = 'stopped' FROM capi_status", 'renamed'),
	'crm_capi.databases narrows the choice with a reload');
$endpoint->forget;
$crm->sql('TRUNCATE history', 'renamed');
$crm->sql('SELECT change(i) FROM generate_series(1, 10) i', 'renamed');
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'last')", 'b');
$endpoint->wait_for('accepted', 1);
is($crm->sql('SELECT health, owed FROM capi_status', 'renamed'),
	'stopped|10', 'what is not chosen waits');
$endpoint->forget;
$node->append_conf('postgresql.conf', "crm_capi.databases = ''");
$node->reload;
$crm->arrived_as_committed('until it is chosen again', database => 'renamed');

# --- Nothing is left over

for my $round (1 .. 8)
{
	$crm->sql('CREATE DATABASE passing');
	$crm->sql('DROP DATABASE passing');
}
$crm->sql("DROP DATABASE $_") for 'b', 'renamed', 'fourth';
shippers_become('', 'in the end no shipper is left');
is( $crm->sql("SELECT count(*) FROM pg_stat_activity
               WHERE backend_type LIKE 'crm_capi%'"),
	1, 'only the launcher');
my $log = slurp_file($node->logfile);
unlike($log, qr/background worker "crm_capi launcher".* exited/, 'which never ended');
unlike($log, qr/background worker "crm_capi shipper.* exited/, 'and no shipper ended badly');
unlike($log, qr/PANIC:|TRAP:|FATAL:.*crm_capi|was terminated by signal/, 'nothing crashed');

done_testing();
