# More databases have something to send than there are slots, and one has waited for more than a minute: whoever
# looks is told, and the log says so once. The others are asked for their slots, and await answers.
#
# The poll interval is an hour: nothing here is due to a poll.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'long_wait',
	bare => 1,
	conf => "crm_capi.poll_interval = '1h'
crm_capi.max_shippers = 2
max_worker_processes = 12
autovacuum = off
");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my @holding = ('one', 'two');
my $waiting = 'three';
my $other = 'four';

$crm->sql('CREATE DATABASE model');
$crm->sql('CREATE EXTENSION crm_capi', 'model');
$crm->create_dataset('sales', database => 'model');
$crm->sql(join '', map { "CREATE DATABASE $_ TEMPLATE model;\n" } @holding, $waiting, $other);
$crm->sql('DROP DATABASE model');
$crm->sql("SELECT capi_resume('sales')", $_) for @holding, $waiting, $other;

sub send_event
{
	my ($database) = @_;
	$crm->sql("SELECT capi_send_lead_event(123456789012345, '$database', dataset => 'sales')", $database);
	return;
}

$endpoint->script({ times => 2, action => { hold => \1 } });
send_event($_) for @holding;
$endpoint->wait_for('held', 2);
send_event($waiting);
is($crm->sql('SELECT health FROM capi_status', $waiting), 'ok', 'a database that waits for its turn is ok');
ok($crm->until_true("SELECT state = 'late' FROM capi_service()", $waiting), 'until it has waited for too long');
is( $crm->sql('SELECT health, reason FROM capi_status', $waiting),
	'stopped|more databases have something to send than there are shippers: this one waits',
	'as capi_status says then');
is( $crm->sql('SELECT running, waiting, waiting_since IS NOT NULL FROM capi_slots()', $other),
	'2|1|t', 'any database tells of it');
like(
	$crm->sql("SELECT status, detail FROM capi_check() WHERE check_name = 'slots'", $other),
	qr/^warning\|Databases that share up to 2 shippers: 4\. Of these wait for one: 1\. The longest has waited for \d+ seconds\.$/,
	'and so does the doctor');
my $told = qr/LOG:  database "$waiting" has waited for a shipper for more than a minute/;
$node->wait_for_log($told);
$endpoint->release;
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $_), "with the answers its turn comes: $_")
  for @holding, $waiting;
is(scalar(@{ [ $endpoint->accepted ] }), 3, 'and nothing was sent twice');
my @all_told = slurp_file($node->logfile) =~ /$told/g;
is(scalar @all_told, 1, 'the log has told of it once');

done_testing();
