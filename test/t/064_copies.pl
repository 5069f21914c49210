# Copies of a database with a filled queue: a dump restored beside it or into another server, and
# CREATE DATABASE ... TEMPLATE. A copy sends nothing of its own accord; after capi_resume() it sends
# exactly what was owed.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop_dataset = $StandIn::OTHER_DATASET;
my $canary_dataset = '3234567890123456';
my $conf = "crm_capi.poll_interval = '500ms'\ncrm_capi.max_shippers = 8\n";
my $crm = CrmCapi->new(
	'source',
	conf => $conf,
	endpoint => [
		'--token', $StandIn::TOKEN,
		map { ('--dataset', $_) } $StandIn::DATASET, $shop_dataset, $canary_dataset
	]);
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my $backups = $node->basedir;

# The events of a database that are owed, in order, as compare.py wants them.
my $owed_events = "SELECT json_build_object(
	'dataset_id', (SELECT substring(o FROM 12) FROM unnest(f.srvoptions) o
	               WHERE o LIKE 'dataset_id=%'),
	'lead_id', e.lead_id, 'event_name', e.event_name,
	'event_time', floor(extract(epoch FROM e.event_time))::bigint,
	'event_id', capi_payload(e.id) ->> 'event_id')
	FROM capi_events e JOIN pg_foreign_server f ON f.srvname = e.dataset
	WHERE e.id IN (SELECT id FROM capi_owed) ORDER BY e.id";

my $last_event = $owed_events =~ s/WHERE e\..*/WHERE e.id = (SELECT max(id) FROM capi_event_log)/sr;

# How many events are owed, and how many have which other state.
my $states = "SELECT string_agg(status || ' ' || count, ', ' ORDER BY status COLLATE \"C\")
	FROM (SELECT CASE WHEN id IN (SELECT id FROM capi_owed) THEN 'owed' ELSE status END AS status,
	             count(*)
	      FROM capi_events GROUP BY 1) s";
my $states_in_copy = 'cancelled 1, delivered 26, owed 11, parked 2';

# --- A database with a queue in which everything is

# More transaction ids than a new server has used.
$crm->sql('SET synchronous_commit = off;
	DO $$ BEGIN
		FOR i IN 1..30000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
	END $$');
$crm->create_dataset('shop', dataset_id => $shop_dataset, lead_event_source => 'Shop');
$endpoint->settings(deleted_leads => ['12345678901230021']);
$crm->change(1 .. 20, 1, 21);
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (900, 5, 'no lead of Meta''s')");
$crm->sql("SELECT capi_send_lead_event(22345678901230000 + i, 'sold', dataset => 'shop')
           FROM generate_series(1, 5) i");
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or die 'something is owed';

$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER shop OPTIONS (SET access_token 'EAABwrong')");
$crm->sql("SELECT capi_send_lead_event(22345678901230000 + i, 'returned', dataset => 'shop')
           FROM generate_series(4, 7) i");
$crm->until_true("SELECT health = 'held' FROM capi_status WHERE dataset = 'shop'")
  or die 'shop is not held';
$endpoint->script(
	{ match => { lead_id => '12345678901230031' }, action => { hold => \1 } },
	{ match => { dataset => $StandIn::DATASET }, action => { code => 2 } });
$crm->change(31);
$endpoint->wait_for('held', 1) or die 'no request hangs';
$crm->sql('SELECT change(i) FROM generate_series(32, 36) i');
$crm->until_true("SELECT count(*) = 5 FROM capi_events WHERE status = 'retry'")
  or die 'nothing is to be tried again';
$crm->change(32, 41);
$crm->until_true("SELECT capi_cancel(array_agg(id)) = 1 FROM capi_events
                  WHERE lead_id = 12345678901230041") or die 'not cancelled';
is($crm->sql($states), $states_in_copy, 'a queue with everything in it');

command_ok([ 'pg_dump', '-f', "$backups/plain.sql", $node->connstr('postgres') ],
	'it is dumped, a request under way');
command_ok([ 'pg_dump', '-Fc', '-f', "$backups/custom.dump", $node->connstr('postgres') ],
	'also in the custom format');
my @owed = split /\n/, $crm->sql($owed_events);

# From here on the original does nothing that could be taken for a copy's doing.
$crm->sql("SELECT capi_pause('sales'); SELECT capi_pause('shop')");
$endpoint->settings(deleted_leads => []);
$endpoint->script();
$endpoint->release;
$endpoint->wait_for('in-flight', 0);
$crm->until_true('SELECT sum(in_flight) = 0 FROM capi_status') or die 'still under way';
my @owed_later = split /\n/, $crm->sql($owed_events);
is(scalar @owed_later, @owed - 1, 'what hung has been delivered since');

# --- What a copy does

# Test: this database, a copy, holds its queue until capi_resume, and sends what was owed, given as
# lines for compare.py. $there is the CRM on its server.
sub copy_behaves
{
	my ($there, $database, $name, @expected) = @_;

	$endpoint->forget;
	ok( $there->until_true(
			"SELECT count(*) = 2 FROM capi_status WHERE health = 'held'
			 AND reason LIKE 'database is a copy of another one%'", $database),
		"$name: both datasets are held, since the database is a copy");
	# A new change, and a new dataset: the shipper sees the one before the other.
	$there->sql("SELECT change(1); SELECT change(32)", $database);
	$there->create_dataset('canary', dataset_id => $canary_dataset, database => $database);
	$there->sql("SELECT capi_send_lead_event(32345678901230000, 'mine', dataset => 'canary')",
		$database);
	ok($endpoint->wait_for('accepted', 1), "$name: a dataset made in the copy delivers");
	is(join(' ', map { $_->{dataset} } $endpoint->requests),
		$canary_dataset, "$name: nothing else is sent, neither old events nor new ones");
	is( $there->sql("SELECT count(*) FILTER (WHERE status IN ('held', 'sending')
		                                     AND lead_id IN (12345678901230001, 12345678901230032)),
		                    count(*) FILTER (WHERE status = 'held' AND reason_code <> 'cloned')
		             FROM capi_events WHERE id IN (SELECT id FROM capi_owed)", $database),
		'4|0', "$name: old and new ones are held");

	$endpoint->forget;
	$there->sql("ALTER USER MAPPING FOR PUBLIC SERVER shop
	             OPTIONS (SET access_token '$StandIn::TOKEN')", $database);
	my @all = split /\n/, $there->sql($owed_events, $database);
	is(scalar @all, @expected + 2, "$name: owed is what was owed, and two new events");
	is_deeply([ sort @all[ 0 .. $#all - 2 ] ],
		[ sort @expected ], "$name: the same events, with the same ids");
	$there->sql("SELECT capi_resume('shop')", $database);
	$endpoint->wait_for('accepted', 4);
	$there->sql("SELECT capi_resume('sales')", $database);
	sends_exactly($there, $database, "$name: after capi_resume exactly these are sent, in order",
		@all);
	is( $there->sql(
			"SELECT count(*) FROM capi_events WHERE status NOT IN ('delivered', 'parked', 'cancelled')",
			$database),
		0, "$name: and are delivered");
	$there->sql('SELECT change(50)', $database);
	sends_exactly($there, $database, "$name: a new event then arrives as usual",
		@all, $there->sql($last_event, $database));
	return;
}

# Test: the endpoint has accepted these, and nothing is owed.
sub sends_exactly
{
	my ($there, $database, $test_name, @lines) = @_;
	my $file = $endpoint->directory . '/expected.jsonl';
	unlink $file;
	append_to_file($file, "$_\n") for @lines;
	$endpoint->wait_for('accepted', scalar @lines);
	my $settled = $there->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $database);
	my ($agrees, $output) = $endpoint->compare($file);
	ok($agrees && $settled, $test_name) or diag "settled: $settled; $output";
	return;
}

# --- Restored beside the original

$node->safe_psql('template1', 'CREATE DATABASE beside');
$node->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$backups/plain.sql",
		$node->connstr('beside')
	],
	'the dump is restored without an error into another database');
is($crm->sql($states, 'beside'), $states_in_copy, 'the queue is as it was');
copy_behaves($crm, 'beside', 'beside', @owed);
$node->restart;
$crm->sql('SELECT change(51)', 'beside');
ok($endpoint->wait_for('accepted', 1) && $crm->until_true(
		'SELECT NOT EXISTS (SELECT FROM capi_owed)', 'beside'),
	'beside: it goes on after a restart');
my %seen;
$seen{ $_->{event}{event_id} }++ for $endpoint->accepted;
is(scalar(grep { $_ > 1 } values %seen), 0, 'and sends nothing again');

# --- Into other servers

# Transaction ids far beyond 32 bits, in the middle of an epoch; at the first id of a segment, which
# need not exist before.
my @far_ahead = ('-e', 3, '-x', 1400 * 1024 * 1024, '-u', 3);

for my $larger (0, 1)
{
	my $name = $larger ? 'larger xids' : 'smaller xids';
	my $other = PostgreSQL::Test::Cluster->new($larger ? 'larger' : 'smaller');
	$other->init;
	command_ok([ 'pg_resetwal', @far_ahead, $other->data_dir ], "$name: pg_resetwal") if $larger;
	$other->append_conf('postgresql.conf',
		"log_statement = none\nautovacuum_naptime = 1d\nshared_preload_libraries = 'crm_capi'\n$conf"
		  . "autovacuum_freeze_max_age = 2000000000\n");
	$other->start;
	my $there = $crm->on($other);
	my $xid = 'SELECT pg_current_xact_id()::text::bigint';
	my $difference = $there->sql($xid) - $crm->sql($xid);
	cmp_ok($larger ? $difference : -$difference, '>', $larger ? 3 * 2**32 : 10_000, "$name: a server with $name");
	$other->safe_psql('postgres', 'CREATE DATABASE elsewhere');
	my @restore =
	  $larger
	  ? ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$backups/plain.sql", '-d')
	  : ('pg_restore', '--exit-on-error', '-j', 4, "$backups/custom.dump", '-d');
	$other->command_ok([ @restore, $other->connstr('elsewhere') ], "$name: $restore[0] has no error");
	is($there->sql($states, 'elsewhere'), $states_in_copy, "$name: the queue is as it was");
	copy_behaves($there, 'elsewhere', $name, @owed);
	$other->stop;
}

# --- CREATE DATABASE ... TEMPLATE

$node->safe_psql('template1', 'CREATE DATABASE twin TEMPLATE postgres');
copy_behaves($crm, 'twin', 'TEMPLATE', @owed_later);

# --- The original

$endpoint->forget;
$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER shop OPTIONS (SET access_token '$StandIn::TOKEN');
           SELECT capi_resume('sales'); SELECT capi_resume('shop')");
sends_exactly($crm, 'postgres', 'all this has not touched the original: it sends what it owes',
	@owed_later);

unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash');

done_testing();
