# Where the totals of the datasets lie while the server runs: in its statistics from 18 on, on the
# shipper's board before. Neither outlives the server, and the tables bring back what is lost.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('totals', conf => "crm_capi.poll_interval = '100ms'\n");
my $node = $crm->node;
my $in_statistics = $node->pg_version >= 18;

sub delivered
{
	return $crm->sql("SELECT delivered FROM capi_counters WHERE dataset = 'sales'");
}

sub becomes_delivered
{
	my ($number) = @_;
	return $crm->until_true("SELECT delivered = $number FROM capi_counters WHERE dataset = 'sales'");
}

# Without a shipper nothing is published any more, and the table can be made to differ.
sub set_databases
{
	my ($databases, $shipper) = @_;
	$node->append_conf('postgresql.conf', "crm_capi.databases = '$databases'");
	$node->reload;
	return $crm->until_true("SELECT (capi_shipper_pid() IS NOT NULL) = $shipper");
}

$crm->change(1 .. 10);
ok(becomes_delivered(10), 'totals are counted');
$crm->sql('UPDATE capi_counter SET delivered = 3');
is(delivered(), 10, 'while a shipper runs they are not those of the table');

ok(set_databases('none', 'false'), 'no shipper runs');
$crm->sql('UPDATE capi_counter SET delivered = 3');
is(delivered(), $in_statistics ? 10 : 3,
	'without a shipper its totals are those of the statistics, or else of the table');
$crm->sql('SELECT pg_stat_reset()');
is(delivered(), 3, 'and of the table when the statistics have been reset');

$crm->sql('UPDATE capi_counter SET delivered = 10');
ok(set_databases('', 'true'), 'a shipper runs again');
$crm->change(11 .. 15);
ok(becomes_delivered(15), 'and counts on');
$crm->sql('SELECT pg_stat_reset()');
$crm->change(16 .. 17);
ok(becomes_delivered(17), 'a reset of the statistics takes nothing from what it counts');

# What an earlier extension has counted is not taken for the totals of the next one.
ok(set_databases('none', 'false'), 'no shipper runs');
$crm->sql('DROP EXTENSION crm_capi CASCADE; CREATE EXTENSION crm_capi');
$crm->sql("CREATE SERVER sales FOREIGN DATA WRAPPER crm_capi
               OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'dry_run');
           CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token 'a')");
$crm->sql("SELECT capi_send_lead_event(123456789012345, 'qualified')");
is($crm->sql('SELECT count(*) FROM capi_counters'), 0, 'a new extension begins without totals');
ok(set_databases('', 'true'), 'a shipper runs');
ok($crm->until_true('SELECT (delivered, dry_run) = (0, 1) FROM capi_counters'), 'and counts anew');

# The statistics of all tables are thrown away by a server that finds ours in the file and does not
# know them.
my $scans = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'leads'";
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (-1, 7, 'new')");
ok($crm->until_true(qq{SELECT ($scans) > 0}), 'the server counts the rows of a table');
my $before = $crm->sql($scans);
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
my $log = -s $node->logfile;
$node->restart;
is($crm->sql($scans), $before, 'and still knows their number when we are no longer preloaded');
unlike(slurp_file($node->logfile, $log), qr/corrupted statistics file|stats kind/,
	'it has found nothing unknown');

done_testing();
