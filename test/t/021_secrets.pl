# A token that comes from a file is nowhere to be found: not in the data directory - log, write-ahead
# log, tables, statistics - at debug5 with every statement, plan and parameter logged, nor in a dump.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $token = 'EAAB' . 'q7Kx2Vd9LmT4' x 12 . 'ZDZD';
my $crm = CrmCapi->new(
	'secrets',
	bare => 1,
	conf => "session_preload_libraries = 'auto_explain'\nauto_explain.log_min_duration = 0\n"
	  . "auto_explain.log_analyze = on\n");
my $node = $crm->node;
my $file = $node->basedir . '/token';
append_to_file($file, "$token\n");
chmod 0600, $file;
$node->append_conf('postgresql.conf',
	"log_min_messages = debug5\nlog_statement = all\nlog_min_error_statement = debug5\n"
	  . "log_parameter_max_length_on_error = -1\ndebug_print_parse = on\ndebug_print_plan = on\n"
	  . "log_error_verbosity = verbose\n");
$node->restart;

$crm->endpoint->stop;
$crm->endpoint->start('--token', $token, '--dataset', $StandIn::DATASET);
$crm->sql('CREATE EXTENSION crm_capi');
my ($url, $ca) = ($crm->endpoint->url, $crm->endpoint->ca_file);
$crm->sql(
	"CREATE SERVER sales FOREIGN DATA WRAPPER crm_capi OPTIONS (dataset_id '$StandIn::DATASET',
	     lead_event_source 'Odoo', endpoint '$url', ca_file '$ca');
	 CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token_file '$file')");
$crm->create_crm(20);
$crm->change(1 .. 20);
$crm->arrived_as_committed('events are sent with the token of the file');

# A refusal that quotes the token, a held dataset, and a statement about it that fails.
$crm->endpoint->script({ times => 1, action => { code => 190, message => "Malformed token $token" } });
$crm->change(1);
$crm->until_true("SELECT EXISTS (SELECT FROM capi_requests WHERE error_code = 190)");
$crm->sql("SELECT capi_resume('sales')");
$crm->arrived_as_committed('and after a refusal that quotes it');
$node->psql('postgres',
	"ALTER USER MAPPING FOR PUBLIC SERVER sales OPTIONS (ADD access_token_file '$file')");
my $activity = $crm->sql('SELECT string_agg(a::text, chr(10)) FROM pg_stat_activity a');
unlike($activity, qr/\Q$token\E/, 'pg_stat_activity does not show it');
for my $view ('capi_events', 'capi_undelivered', 'capi_requests', 'capi_status', 'capi_counters',
	'pg_user_mappings')
{
	unlike($crm->sql("SELECT v::text FROM $view v"), qr/\Q$token\E/, "$view does not show it");
}
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'the database is dumped');
unlike(slurp_file($dump), qr/\Q$token\E/, 'and the dump does not hold it');
$node->stop;

my $found = '';
IPC::Run::run([ 'grep', '-rlaF', $token, $node->data_dir, $node->logfile ], '>', \$found);
is($found, '', 'no file of the data directory holds it, nor does the server log');
cmp_ok(-s $node->logfile, '>', 1_000_000, 'which is a long one');
ok(-s $file, 'only the token file does');

done_testing();
