# Copies that bring the datasets and their tokens, and no queue: pg_dump --schema-only, and a template
# whose datasets were never used. What tells them from the original is the option "origin" of the
# server, whoever enqueues: a watch, a trigger made by hand, a manual send.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop_dataset = $StandIn::OTHER_DATASET;
my $crm = CrmCapi->new(
	'source',
	conf => "crm_capi.poll_interval = '500ms'\ncrm_capi.max_shippers = 8\nmax_prepared_transactions = 2\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;

# Option "origin" of a dataset, and what it is in a database that is its home.
sub origin
{
	my ($dataset, $database) = @_;
	return $crm->sql(
		"SELECT coalesce(substring(o FROM '^origin=(.*)'), '') FROM pg_foreign_server,
		 unnest(srvoptions) o WHERE srvname = '$dataset' AND o LIKE 'origin=%'", $database);
}

sub home
{
	my ($database) = @_;
	return $crm->sql(
		"SELECT system_identifier || '/' || oid FROM pg_control_system(), pg_database
		 WHERE datname = current_database()", $database);
}

# What a call in a database says when it fails.
sub failure
{
	my ($sql, $database) = @_;
	my ($code, $stdout, $stderr) = $node->psql($database, $sql);
	return $code == 0 ? "no error: $stdout" : $stderr;
}

# --- The stamp

is(origin('sales', 'postgres'), home('postgres'), 'CREATE SERVER stamps a dataset with its database');
my $options = "OPTIONS (dataset_id '$shop_dataset', lead_event_source 'Shop')";
my $create = "CREATE SERVER shop FOREIGN DATA WRAPPER crm_capi $options";
$crm->sql("BEGIN; $create; ROLLBACK; BEGIN; SAVEPOINT s; $create; ROLLBACK TO s; COMMIT");
is(origin('shop', 'postgres'), '', 'one that is rolled back leaves nothing');
$crm->sql("SET session_replication_role = replica; $create");
is(origin('shop', 'postgres'), home('postgres'), 'one made while no trigger fires has the stamp, too');
$crm->sql("DROP SERVER shop; BEGIN; $create; PREPARE TRANSACTION 'made'");
$crm->sql("COMMIT PREPARED 'made'");
is(origin('shop', 'postgres'), home('postgres'), 'and one in a prepared transaction');
$crm->sql('DROP SERVER shop');
$crm->create_dataset('shop', dataset_id => $shop_dataset, lead_event_source => 'Shop');
$crm->sql("ALTER SERVER shop OPTIONS (SET lead_event_source 'Shop 2')");
is(origin('shop', 'postgres'), home('postgres'), 'ALTER SERVER leaves it as it is');
like(failure("ALTER SERVER shop OPTIONS (SET origin 'staging')", 'postgres'),
	qr/invalid value for option "origin"/, 'nonsense is refused');

# A table with a trigger made by hand.
$crm->sql('CREATE TABLE orders (id integer PRIMARY KEY, lead bigint, state text);
	CREATE TRIGGER orders AFTER INSERT OR UPDATE ON orders FOR EACH ROW
	EXECUTE FUNCTION capi_lead_stage_trigger(\'lead\', \'state\', \'shop\')');
$crm->change(1 .. 5);
$crm->arrived_as_committed('the original sends');

# --- A copy without data

my $dump = $node->basedir . '/schema.sql';
command_ok([ 'pg_dump', '-s', '-f', $dump, $node->connstr('postgres') ], 'pg_dump --schema-only');
like(slurp_file($dump), qr/access_token '$StandIn::TOKEN'/, 'it carries the token');
$node->safe_psql('template1', 'CREATE DATABASE staging');
$node->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('staging') ],
	'it is restored into another database');
is(origin('sales', 'staging'), home('postgres'), 'with the origin of its original');
$crm->forget;
ok( $crm->until_true(
		"SELECT count(*) = 2 FROM capi_status WHERE health = 'held'
		 AND reason LIKE 'database is a copy of another one: it came from database %'", 'staging'),
	'its datasets are held, though they have never been used');
$crm->sql(
	"INSERT INTO leads (id, fb_lead_id, status) SELECT i, 12345678901230000 + i, 'loaded'
	 FROM generate_series(1, 20) i;
	 INSERT INTO orders SELECT i, 22345678901230000 + i, 'paid' FROM generate_series(1, 5) i;
	 SELECT capi_send_lead_event(22345678901230001, 'returned', dataset => 'shop')", 'staging');
ok( $crm->until_true(
		"SELECT count(*) = 26 FROM capi_events WHERE status = 'held' AND reason_code = 'cloned'",
		'staging'),
	'what is loaded and worked on is held: of a watch, of a trigger made by hand, of manual sends');
like(
	failure("SELECT capi_send_test_event(12345678901230001, 'TEST1', 'sales')", 'staging'),
	qr/cannot send to dataset "sales": database is a copy of another one.*This is database \d+ of cluster \d+: it came from database \d+ of cluster \d+\./s,
	'no test event is sent');
is( $crm->sql(
		"SELECT count(*) FILTER (WHERE check_name = 'token_accepted'),
		        count(*) FILTER (WHERE check_name = 'origin' AND status = 'error'
		            AND detail ~ '^Held since .* UTC: this is database \\d+ of cluster \\d+, and it came from database \\d+ of cluster \\d+\\.\$')
		 FROM capi_check(send => true) WHERE subject IN ('sales', 'shop')", 'staging'),
	'0|2', 'the doctor shows where the datasets came from and since when they are held, and asks nothing with a token');
is($endpoint->state->{accepted}, 0, 'Meta has got nothing');
is(scalar(grep { $_->{token_in} } $endpoint->requests), 0, 'and seen no token');
$crm->sql("SELECT change(1)");
$crm->arrived_as_committed('the original goes on');
is($crm->sql("SELECT detail ~ '^The dataset belongs to database \\d+ of cluster \\d+ since .* UTC\\.\$'
              FROM capi_check() WHERE check_name = 'origin' AND subject = 'sales'"),
	't', 'and the doctor says that it is at home');

# --- Nothing of it goes, or all of it

is($crm->sql("SELECT capi_cancel(dataset => 'sales')", 'staging'),
	20, 'all of a dataset is cancelled in one statement');
is($crm->sql("SELECT capi_cancel('sales'), (SELECT count(*) FROM capi_owed)", 'staging'),
	'0|6', 'and of no other one');
like(failure("SELECT capi_cancel('{1,2}')", 'staging'), qr/dataset "\{1,2\}" does not exist.*ARRAY\[1, 2\]/s,
	'an array in quotes is told from it');
$endpoint->forget;
is($crm->sql('SELECT capi_resume()', 'staging'), 2, 'capi_resume() accepts all datasets of the database');
$endpoint->wait_for('accepted', 6);
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', 'staging'), 'then what is owed goes');
is($endpoint->state->{accepted}, 6, 'and nothing that was cancelled');
is(origin('sales', 'staging'), home('staging'), 'the origin is the new one');
$node->restart;
$crm->sql('SELECT change(2)', 'staging');
ok($endpoint->wait_for('accepted', 7), 'it is accepted for good, also after a restart');
is($crm->sql("SELECT count(*) FROM capi_check() WHERE check_name = 'origin' AND status = 'ok'", 'staging'),
	2, 'says the doctor');

# --- A template

$node->safe_psql('template1', 'CREATE DATABASE blank');
$crm->sql('CREATE EXTENSION crm_capi', 'blank');
$crm->create_dataset('sales', database => 'blank');
$node->safe_psql('template1', 'CREATE DATABASE twin TEMPLATE blank');
$endpoint->forget;
$crm->sql("SELECT capi_send_lead_event(12345678901230001, 'twin')", 'twin');
ok( $crm->until_true("SELECT status = 'held' AND reason_code = 'cloned' FROM capi_events", 'twin'),
	'a copy by TEMPLATE of a dataset that was never used is held');
$crm->sql("SELECT capi_send_lead_event(12345678901230002, 'original')", 'blank');
ok($endpoint->wait_for('accepted', 1), 'its original sends');
is($endpoint->state->{accepted}, 1, 'alone');
$crm->sql("SELECT capi_resume('sales')", 'twin');
ok($endpoint->wait_for('accepted', 2), 'until the copy is resumed');

# --- Datasets without a stamp, from before there was one

$endpoint->forget;
$crm->sql("SELECT capi_pause('sales')", 'blank');
is( $crm->sql(
		"UPDATE pg_foreign_server SET srvoptions =
		   (SELECT array_agg(o) FROM unnest(srvoptions) o WHERE o NOT LIKE 'origin=%')
		 RETURNING srvoptions::text LIKE '%origin%'", 'blank'),
	'f', 'a dataset without an origin');
$crm->sql("SELECT capi_send_lead_event(12345678901230003, 'unstamped')", 'blank');
$node->restart;
ok( $crm->until_true("SELECT health = 'paused' FROM capi_status", 'blank'), 'is not held for it');
ok( $crm->wait_until(sub { origin('sales', 'blank') eq home('blank') }),
	'and is stamped by the shipper');
$crm->sql("SELECT capi_resume('sales')", 'blank');
ok($endpoint->wait_for('accepted', 1), 'nothing of it is lost');

unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash');

done_testing();
