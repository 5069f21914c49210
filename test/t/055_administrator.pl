# Ordinary administrator's work beside the shippers: wrong settings, a locked catalog while the
# launcher starts again, VACUUM and ANALYZE, a long history of requests, sessions that end in the middle.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'administrator',
	bare => 1,
	conf => "crm_capi.poll_interval = '1h'\nmax_worker_processes = 8\nmax_parallel_workers = 8\n"
	  . "crm_capi.max_shippers = 16\nshared_buffers = '4MB'\n"
	  . "shared_preload_libraries = 'crm_capi, auto_explain'\nauto_explain.log_min_duration = 0\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 5, timeout => '600s');
$crm->create_crm(100);

# --- Wrong settings

my ($code, undef, $stderr) =
  $node->psql('postgres', "ALTER SYSTEM SET crm_capi.databases = 'a b'");
isnt($code, 0, 'a list of databases that cannot be read is refused');
like($stderr, qr/invalid value for parameter "crm_capi.databases".*List syntax is invalid/s,
	'with a word about what is wrong');
like($stderr, qr/HINT:.*commas/s, 'and one about what is right');
$crm->sql("ALTER SYSTEM SET crm_capi.databases = 'postgres, \"a b\"'");
pass('names may be quoted');
$crm->sql('ALTER SYSTEM RESET crm_capi.databases');

$node->append_conf('postgresql.conf', "crm_capi.databases = 'a b'\n");
$node->reload;
ok( $crm->wait_until(
		sub { slurp_file($node->logfile) =~ /invalid value for parameter "crm_capi.databases"/ }),
	'from the file it is refused at a reload');
$crm->change(1);
$crm->arrived_as_committed('and the old one goes on');

# Starts the server with this line; returns whether it does, and what it says.
sub starts_with
{
	my ($line) = @_;
	my $offset = -s $node->logfile;
	$node->append_conf('postgresql.conf', "$line\n");
	my $started = $node->start(fail_ok => 1);
	$node->stop('fast', fail_ok => 1) unless $started;
	return ($started, slurp_file($node->logfile, $offset));
}

$node->stop;
my ($started, $log) = starts_with('');
ok(!$started, 'a server does not start with it');
like($log, qr/FATAL:  invalid value for parameter "crm_capi.databases": "a b"/, 'and says why');
($started, $log) = starts_with("crm_capi.databases = ''\ncrm_capi.max_shippers = 100000");
ok(!$started, 'nor with more shippers than there can be');
like($log, qr/FATAL:  100000 is outside the valid range for parameter "crm_capi.max_shippers"/,
	'and says what is valid');
($started) = starts_with('crm_capi.max_shippers = 16');
ok($started, 'put right, it starts');

# --- Workers for others

is( $crm->sql("SELECT status, detail, hint FROM capi_check() WHERE check_name = 'workers'"),
	'warning|With 16 shippers running, 0 workers are left for a parallel query, which wants 2.'
	  . '|Set max_worker_processes to 26 at least.',
	'the doctor warns of shippers that can take the last workers');

# --- The launcher starts while nobody may read pg_database, nor pg_stat_activity therefore

$crm->sql('CREATE DATABASE second');
$crm->sql('CREATE EXTENSION crm_capi', 'second');
$crm->create_dataset('sales', database => 'second');
my @shippers = ($crm->shipper_pid, $crm->shipper_pid('second'));
my $launcher = $crm->launcher_pid;
my $locker = $node->background_psql('postgres');
my $session = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE');
kill 'TERM', $launcher;
my $successor = '';
ok( $crm->wait_until(
		sub {
			$successor = $session->query_safe(
				"SELECT pid FROM pg_stat_get_activity(NULL)
				 WHERE pid <> $launcher AND application_name = 'crm_capi launcher'");
			return $successor =~ /^\d+$/;
		}),
	'another launcher starts');
# It sleeps when it has looked at everybody.
ok( $crm->wait_until(
		sub {
			return $session->query_safe(
				"SELECT wait_event_type FROM pg_stat_get_activity($successor)") eq 'Extension';
		}),
	'and looks around');
$session->query_safe('SELECT change(2)');
ok($endpoint->wait_for('accepted', 2), 'the shipper goes on');
is( $session->query_safe(
		"SELECT count(*) FROM pg_stat_get_activity(NULL) WHERE pid IN ($shippers[0], $shippers[1])"),
	2, 'and none was asked to stop');
$locker->query_safe('ROLLBACK');
$crm->arrived_as_committed('all arrives');

# --- A session that has reserved a database ends in the middle

my $renaming = $node->background_psql('postgres', on_error_stop => 0);
my $backend = $renaming->query_safe('SELECT pg_backend_pid()');
$renaming->query_safe('BEGIN; ALTER DATABASE second RENAME TO other');
is($crm->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $shippers[1]"),
	0, 'a shipper steps aside for ALTER DATABASE');
$crm->sql("SELECT pg_terminate_backend($backend)");
ok($crm->shipper_pid('second'), 'and comes back when the session that needed it is gone');
$renaming->{run}->kill_kill;

# --- Decisions are read when somebody decides; ANALYZE decides nothing

# What has been executed, by auto_explain, until a change of this lead was delivered after this.
sub statements_during
{
	my ($lead, $sql) = @_;
	my $offset = -s $node->logfile;
	$crm->sql($sql);
	$crm->change($lead);
	$crm->arrived_as_committed("delivered after $sql");
	return slurp_file($node->logfile, $offset);
}

my $pid = $crm->shipper_pid;
my $decisions = qr/\[$pid\] LOG:  duration[^\n]*plan:\n\s*Query Text: SELECT s\.dataset::bigint, s\.event, s\.status/;
like(statements_during(3, 'SELECT capi_cancel(array[0::bigint])'),
	$decisions, 'the shipper reads all decisions when somebody decides');
unlike(statements_during(4, 'ANALYZE'), $decisions, 'and not because of ANALYZE');
unlike(statements_during(5, 'VACUUM ANALYZE capi_settlement, capi_request_log'),
	$decisions, 'nor of VACUUM');

# --- A long history of requests since the cursor was written

sub peak
{
	my ($kilobytes) = slurp_file('/proc/' . $crm->shipper_pid . '/status') =~ /^VmHWM:\s+(\d+)/m;
	return $kilobytes;
}

sub restart_shipper
{
	my $pid = $crm->shipper_pid;
	$crm->sql("SELECT pg_terminate_backend($pid)");
	$crm->until_true("SELECT capi_shipper_pid() <> $pid") or die 'no other shipper';
	$crm->until_true('SELECT capi_read_up_to() IS NOT NULL') or die 'it does not start';
	return;
}

restart_shipper();
my $small = peak();
$crm->sql("SELECT capi_pause('sales')");
my $number = $crm->sql("SELECT number FROM capi_dataset WHERE name = 'sales'");
$crm->sql("INSERT INTO capi_request_log (id, started_at, finished_at, dataset, event_count, events,
                                         outcome)
           SELECT nextval('capi_request_id'), now(), now(), $number, 1,
                  int8multirange(int8range(1000000 + i, 1000000 + i, '[]')), 'delivered'
           FROM generate_series(1, 200000) i");
restart_shipper();
my $large = peak();
note "peak memory: $small kB with few requests, $large kB with 200000 more";
cmp_ok($large - $small, '<', 16 * 1024, 'are read without being held in memory as a whole');

unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash');

done_testing();
