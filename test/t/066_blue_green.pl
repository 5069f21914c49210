# An upgrade by logical replication, as docs/copies.md has it: a publication FOR ALL TABLES, the green
# side by schema dump. While green subscribes it sends nothing; after the cut-over it sends what is owed
# and what is new, each once, and blue sends nothing.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $blue = CrmCapi->new('blue',
	conf => "crm_capi.poll_interval = '500ms'\nwal_level = logical\nmax_wal_senders = 10\n");
my $endpoint = $blue->endpoint;
$blue->change(1 .. 20);
$blue->arrived_as_committed('blue sends');

# --- Green

my $green_node = PostgreSQL::Test::Cluster->new('green');
$green_node->init;
$green_node->append_conf('postgresql.conf',
	"log_statement = none\nautovacuum_naptime = 1d\nshared_preload_libraries = 'crm_capi'\n"
	  . "crm_capi.poll_interval = '500ms'\n");
$green_node->start;
my $green = $blue->on($green_node);
$blue->sql('CREATE PUBLICATION crm FOR ALL TABLES');
my $schema = $blue->node->basedir . '/schema.sql';
command_ok([ 'pg_dump', '-s', '--no-publications', '-f', $schema, $blue->node->connstr('postgres') ], 'the schema');
$green_node->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $schema, $green_node->connstr('postgres') ],
	'green has it');
ok($green->until_true("SELECT health = 'held' FROM capi_status"), 'green is held');
# The tables come in any order, the log before its datasets. A subscription stops at a table with a row.
$green->sql("INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
             VALUES (1, now(), now(), 12345678901230001, 1, false, 'stage 1')");
my $shipper = $green->shipper_pid;
my $slept = $green->sleeps($shipper);
$green_node->reload;
$green->wait_until(sub { $green->sleeps($shipper) > $slept }) or die 'the shipper does nothing';
is($green->sql('SELECT (SELECT count(*) FROM capi_cursor) + (SELECT count(*) FROM capi_counter)'),
	0, 'the shipper of green writes nothing while tables come');
$green->sql('DELETE FROM capi_event_log');
$green_node->restart;
my $connection = $blue->node->connstr . ' dbname=postgres';
$green->sql("CREATE SUBSCRIPTION crm CONNECTION '$connection' PUBLICATION crm");
ok( $green->until_true("SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel"),
	'the tables are copied, the queue with them');

# Some of it is owed while green subscribes.
$blue->change(1 .. 20);
$endpoint->script({ action => { status => 503 } });
$blue->change(21 .. 30);
$blue->until_true("SELECT count(*) > 0 FROM capi_requests WHERE outcome = 'retry'") or die 'no failure';
$blue->node->wait_for_catchup('crm');
# Its shipper begins anew whenever somebody else has filled the tables.
my $green_is_held = "SELECT health = 'held' AND reason LIKE 'database is a copy of another one: %' FROM capi_status";
ok($green->until_true($green_is_held), 'green is held while it subscribes');

# --- The cut-over

$blue->sql("SELECT capi_pause('sales')");
ok($blue->until_true('SELECT sum(in_flight) = 0 FROM capi_status'), 'blue is paused and at rest');
$blue->node->wait_for_catchup('crm');
my $owed = 'SELECT count(*), min(id), max(id) FROM capi_owed';
is($green->sql($owed), $blue->sql($owed), 'green owes what blue owes');
cmp_ok($blue->sql('SELECT count(*) FROM capi_owed'), '>=', 10, 'which is something');
ok($green->until_true($green_is_held), 'and is held');
$green->sql('DROP SUBSCRIPTION crm');
$green->sql("SELECT setval('history_seq_seq', (SELECT max(seq) FROM history))");
$endpoint->script;
is($green->sql('SELECT capi_resume()'), 1, 'capi_resume() on green');
$green->change(1 .. 30);
$green->arrived_as_committed('green sends what was owed and what is new, each once and in order');
$blue->change(1);
ok($blue->until_true("SELECT count(*) = 1 FROM capi_events WHERE status = 'held' AND reason_code = 'paused'
                      AND event_time = (SELECT max(event_time) FROM capi_event_log)"), 'blue holds');
$green->change(1);
$green->arrived_as_committed('and nothing of it is sent');

unlike(slurp_file($_->node->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash: ' . $_->node->name)
  for $blue, $green;

done_testing();
