# crm_capi.hosts: where events may be sent from. It is for copies that nothing tells from their
# original, such as a disk snapshot.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sys::Hostname;
use Test::More;

my $host = hostname();
my $crm = CrmCapi->new('original', conf => "crm_capi.poll_interval = '1h'\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;

sub set_hosts
{
	my ($hosts) = @_;
	$crm->sql("ALTER SYSTEM SET crm_capi.hosts = $hosts");
	$node->reload;
	return;
}

sub host_check
{
	my ($there) = @_;
	return $there->sql("SELECT status, detail FROM capi_check() WHERE check_name = 'host'");
}

# Test: nothing leaves this server because of its host.
sub is_held
{
	my ($there, $name) = @_;
	$there->change(1 .. 3);
	ok( $there->until_true(
			"SELECT count(*) = 3 FROM capi_events WHERE status = 'held' AND reason_code = 'host_not_allowed'"),
		"$name: events are held with a reason of their own");
	is( $there->sql('SELECT health, reason FROM capi_status'),
		"held|crm_capi.hosts does not name this host: $host",
		"$name: capi_status says so");
	is(host_check($there), "error|crm_capi.hosts does not name this host, $host.", "$name: the doctor, too");
	is( $there->sql("SELECT count(*) FROM capi_check(send => true) WHERE check_name = 'token_accepted'"),
		0, "$name: which asks nothing with a token");
	my (undef, undef, $stderr) =
	  $there->node->psql('postgres', "SELECT capi_send_test_event(12345678901230001, 'TEST1')");
	like($stderr, qr/cannot send to dataset "sales": crm_capi.hosts does not name this host/,
		"$name: no test event is sent");
	is($endpoint->state->{accepted}, 0, "$name: Meta has got nothing");
	is(scalar(grep { $_->{token_in} } $endpoint->requests), 0, "$name: and seen no token");
	return;
}

is(host_check($crm), "ok|Events may be sent from this host, $host.", 'every host may send at first');
set_hosts("'elsewhere-*', 'production'");
is_held($crm, 'another host');
set_hosts("'elsewhere-*', '*" . uc(substr $host, 1) . "'");
$crm->arrived_as_committed('a reload with a pattern for this host is enough');

# --- A snapshot of the disk, on another host

$crm->forget;
$node->stop;
$node->backup_fs_cold('snapshot');
$node->start;
my $copy = PostgreSQL::Test::Cluster->new('snapshot');
$copy->init_from_backup($node, 'snapshot');
# What production's list says on a host that it does not name.
unlink $copy->data_dir . '/postgresql.auto.conf';
$copy->append_conf('postgresql.conf', "crm_capi.hosts = 'production-*'\n");
$copy->start;
my $there = $crm->on($copy);
is_held($there, 'snapshot');
$copy->restart;
ok($there->until_true("SELECT count(*) = 3 FROM capi_events WHERE status = 'held'"), 'snapshot: also after a restart');
is($endpoint->state->{accepted}, 0, 'snapshot: nothing leaves it');
$copy->stop;
$crm->change(4);
$crm->arrived_as_committed('the original sends');

set_hosts('DEFAULT');
$crm->change(5);
$crm->arrived_as_committed('without a list every host may');

done_testing();
