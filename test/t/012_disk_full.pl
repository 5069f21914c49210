# A disk that is full: for the log of events, for the log of requests, for the write-ahead log.
#
# Files that cannot grow stand for it (fault_shim.c); pages that are there have room until they are
# full, as on a real disk.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Shim;
use Test::More;

my $crm = CrmCapi->new('disk', bare => 1, conf => "crm_capi.poll_interval = '1s'\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 5, max_in_flight => 2);
$crm->create_crm(100);
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or die 'something is owed';
my $shim = Shim->new($node);
my $no_room = qr/could not extend file|No space left on device/;

sub file_of { return $crm->sql("SELECT pg_relation_filepath('$_[0]')"); }

subtest 'disk full for the log of events' => sub {
	carries_out('A disk is full: The log of events', "SQLSTATE 53100) and is undone as a whole", 'Events that are committed go on to Meta meanwhile');
	$crm->forget;
	my $shipper = $crm->shipper_pid;
	$crm->sql('SELECT change(i) FROM generate_series(1, 100) i');
	$shim->fill_disk(file_of('capi_event_log'));
	my ($code, $stdout, $stderr) = (0);
	for (1 .. 50)
	{
		($code, $stdout, $stderr) =
		  $node->psql('postgres', 'SELECT change(i) FROM generate_series(1, 100) i');
		last if $code;
	}
	like($stderr, $no_room, 'the statement fails as it does when its own table cannot grow');
	is($crm->sql('SELECT count(*) % 100 FROM history'),
		0, 'it is undone as a whole, with its events');
	$crm->arrived_as_committed('what was committed before arrives, while the disk is full');
	is($crm->shipper_pid, $shipper, 'the shipper has not even noticed');
	$crm->sql('CREATE TABLE elsewhere AS SELECT i FROM generate_series(1, 1000) i');
	pass('other tables can be written');
	$shim->fill_disk('');
	$crm->sql('SELECT change(i) FROM generate_series(1, 100) i');
	$crm->arrived_as_committed('with room again, everything is as before');
};

subtest 'disk full for the log of requests' => sub {
	carries_out('A disk is full: The log of requests', 'The CRM notices nothing', 'by itself');
	$crm->forget;
	$crm->sql("ALTER SERVER sales OPTIONS (SET batch_size '1')");
	my $offset = -s $node->logfile;
	my $shipper = $crm->shipper_pid;
	$shim->fill_disk(file_of('capi_request_log'));
	$crm->sql('SELECT change(i) FROM generate_series(1, 100) i') for 1 .. 4;
	ok($node->wait_for_log(qr/ERROR:.*could not extend file/, $offset), 'the shipper cannot go on');
	$crm->change(1 .. 20);
	is($crm->sql('SELECT count(*) FROM history'), 420, 'the CRM does not notice');
	cmp_ok($crm->sql('SELECT count(*) FROM capi_owed'), '>', 0, 'events wait');
	$crm->until_true("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $shipper");
	$shim->fill_disk('');
	$crm->arrived_as_committed('with room again a new shipper sends them all', repeats => 1);
	my %doubtful = map { $_ => 1 } split /\n/, $crm->sql(
		"SELECT e.lead_id || ' ' || e.event_name FROM capi_requests r
		 JOIN capi_events e ON r.events \@> e.id WHERE r.outcome = 'in_doubt'");
	is(join(', ', grep { !$doubtful{$_} } split /\n/, $endpoint->repeated),
		'', 'twice came only what was under way');
};

subtest 'disk full for the write-ahead log' => sub {
	carries_out('A disk is full: The write-ahead log', 'Make room and start it; all that was committed arrives');
	$crm->forget;
	$shim->fill_disk('pg_wal/');
	my $code = 0;
	for (1 .. 20)
	{
		($code) = $node->psql('postgres', 'SELECT change(i) FROM generate_series(1, 10) i');
		last if $code;
		($code) = $node->psql('postgres', 'SELECT pg_switch_wal()');
		last if $code;
	}
	isnt($code, 0, 'the server stops');
	$node->stop('immediate', fail_ok => 1);
	like(slurp_file($node->logfile), qr/PANIC:.*No space left on device/, 'because it must');
	$shim->fill_disk('');
	$shim->start;
	$crm->arrived_as_committed('after its start everything that was committed arrives',
		repeats => 1);
};

done_testing();
