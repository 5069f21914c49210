# pg_upgrade with a filled queue: the new cluster has another identity. Nothing is lost; nothing is
# sent until capi_resume(), and then what is owed and nothing else.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use Cwd qw(getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "crm_capi.poll_interval = '500ms'\n";
my $crm = CrmCapi->new('old', bare => 1, conf => $conf);
my $old = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 5, max_in_flight => 2);
$crm->create_crm(60);

# How many events have which state, told without asking whether a shipper runs.
my $states = "SELECT string_agg(status || ' ' || count, ', ' ORDER BY status)
	FROM (SELECT CASE WHEN id IN (SELECT id FROM capi_owed) THEN 'owed' ELSE status END AS status,
	             count(*)
	      FROM capi_events GROUP BY 1) s";
my $owed = "SELECT string_agg(lead_id || ' ' || event_name, chr(10) ORDER BY lead_id, event_name)
	FROM capi_events WHERE id IN (SELECT id FROM capi_owed)";

# --- The old cluster: events delivered, parked, and owed; of these five that the endpoint has taken
# without saying so, and five that it has not.

$crm->change(1 .. 20);
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (900, 5, 'no lead of Meta''s')");
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or die 'something is owed';
$endpoint->forget;
$endpoint->script(
	{ times => 1, action => { hold => \1, when => 'after_accept' } },
	{ action => { hold => \1, when => 'before_accept' } });
$crm->sql('SELECT change(i) FROM generate_series(21, 30) i');
$endpoint->wait_for('held', 2) or die 'the requests do not hang';
$crm->change(21 .. 40);
my $taken = join "\n",
  sort map { "$_->{event}{user_data}{lead_id} $_->{event}{event_name}" } $endpoint->accepted;
my $states_before = $crm->sql($states);
my $owed_before = $crm->sql($owed);
is($states_before, 'delivered 20, owed 30, parked 1', 'a queue with everything in it');
$old->stop('fast');
$endpoint->script;
$endpoint->wait_for('in-flight', 0);
my $requests = $endpoint->state->{requests};

# --- The new one

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf',
	"log_statement = none\nautovacuum_naptime = 1d\nshared_preload_libraries = 'crm_capi'\n$conf");
my $bindir = $new->config_data('--bindir');
my $here = getcwd();
chdir $new->basedir or die 'no place for the files of pg_upgrade';
command_ok(
	[
		'pg_upgrade', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir,
		'-B', $bindir, '-s', $new->host, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade has no complaint');
chdir $here or die 'no way back';
$new->start;
my $there = $crm->on($new);

subtest 'pg_upgrade: nothing is lost, and nothing is sent by itself' => sub {
	is($there->sql($states), $states_before, 'the queue is as it was');
	is($there->sql($owed), $owed_before, 'the same events are owed');
	ok( $there->until_true(
			"SELECT health = 'held' AND reason LIKE 'database is a copy%' FROM capi_status"),
		'the dataset is held: the queue was made elsewhere');
	$there->change(50);
	ok( $there->until_true("SELECT status = 'held' AND reason_code = 'cloned' FROM capi_events
	                        ORDER BY id DESC LIMIT 1"),
		'a new event waits as well');
	is($endpoint->state->{requests}, $requests, 'nothing has been sent');
	is( $there->sql("SELECT count(*), sum(event_count) FROM capi_requests WHERE outcome = 'in_doubt'"),
		'2|10', 'what was under way when the old cluster stopped is in doubt');
};

subtest 'pg_upgrade: after capi_resume what was owed goes, and nothing else' => sub {
	my @expected = split /\n/, $there->sql($owed);
	is(scalar @expected, 31, 'owed is what was, and one more');
	$there->sql("SELECT capi_resume('sales')");
	$endpoint->wait_for('accepted', 36);
	ok($there->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'), 'nothing stays behind');
	my %arrived = map { ("$_->{event}{user_data}{lead_id} $_->{event}{event_name}" => 1) }
	  $endpoint->accepted;
	is_deeply([ sort keys %arrived ], \@expected, 'exactly that arrives');
	is($endpoint->repeated, $taken,
		'twice, and with one event_id, came what the endpoint had taken and not answered');
	$there->forget;
	$there->change(1 .. 60);
	$new->restart;
	# What was under way when it stopped goes again.
	$there->arrived_as_committed('then the new cluster goes on as usual', repeats => 1);
};

unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash: ' . $_->name)
  for $old, $new;

done_testing();
