# Wrong settings are refused, and the doctor warns of too few workers.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'administrator',
	bare => 1,
	conf => "crm_capi.poll_interval = '1h'\nmax_worker_processes = 8\nmax_parallel_workers = 8\n"
	  . "crm_capi.max_shippers = 16\n");
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

unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash');

done_testing();
