# HTTP/2, through nghttpx: the stand-in itself speaks HTTP/1.1.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($nghttpx) = grep { -x } map { "$_/nghttpx" } split(/:/, $ENV{PATH}), '/usr/sbin';
plan skip_all => 'nghttpx is not installed' unless $nghttpx;

my $crm = CrmCapi->new('http2', bare => 1, conf => "crm_capi.poll_interval = '1h'");
my $node = $crm->node;

# Its certificates, for the proxy; spoken to in plain HTTP behind it.
my $endpoint = $crm->endpoint;
$endpoint->stop;
$endpoint->start('--plain', '--token', $StandIn::TOKEN, '--dataset', $StandIn::DATASET);
my ($backend_port) = $endpoint->url =~ /:(\d+)$/;
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $access_log = $node->basedir . '/nghttpx.access';
my ($certificate, $key) = $endpoint->certificate;
my $proxy = IPC::Run::start(
	[
		$nghttpx, '--frontend', "127.0.0.1,$port", '--backend', "127.0.0.1,$backend_port",
		'--workers', 1, '--accesslog-file', $access_log, '--accesslog-format',
		'$remote_port $request $status', '--errorlog-file', $node->basedir . '/nghttpx.error',
		'--conf', '/dev/null', $key, $certificate
	],
	'<', \undef, '>', \my $output, '2>&1');
END { local $?; $proxy->kill_kill(grace => 5) if $proxy; }

# Lines of the proxy's log: [port of the client, request line, status].
sub proxied
{
	return map { [ /^(\d+) (.*) (\d+)$/ ] } split /\n/, -e $access_log ? slurp_file($access_log) : '';
}

$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', endpoint => "https://localhost:$port", batch_size => 10,
	max_in_flight => 4);
$crm->create_crm(100);

$crm->change(1);
$crm->arrived_as_committed('an event arrives over HTTP/2');
my @requests = proxied();
like($requests[-1][1], qr{^POST /v\d+\.\d+/$StandIn::DATASET/events HTTP/2}, 'it is HTTP/2');

$crm->forget;
my $hold = { times => 4, action => { hold => \1 } };
$endpoint->script($hold);
my $seen = @requests;
$crm->sql('SELECT change(i) FROM generate_series(1, 100) i');
$endpoint->wait_for('held', 4);
is($endpoint->state->{in_flight}, 4, 'max_in_flight requests at once, and no more');
$endpoint->release;
$crm->arrived_as_committed('many requests at once arrive as committed');
@requests = proxied();
is(scalar @requests - $seen, 10, 'in batches of batch_size');
my %connections = map { $_->[0] => 1 } @requests;
is(scalar keys %connections, 1, 'all of them over one connection');

$crm->forget;
$endpoint->script({ times => 2, action => { reset => \1, accept => \1 } });
$crm->sql('SELECT change(i) FROM generate_series(1, 100) i');
$crm->arrived_as_committed('a gateway that answers 502 loses nothing', repeats => 1);

$crm->forget;
$crm->sql('SELECT change(i) FROM generate_series(1, 5) i');
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
$proxy->kill_kill(grace => 5);
undef $proxy;
$crm->sql('SELECT change(i) FROM generate_series(1, 5) i');
ok($crm->until_true("SELECT reason LIKE 'could not connect%' OR outcome = 'in_doubt'
                     FROM capi_requests ORDER BY id DESC LIMIT 1"),
	'with the connection gone the request fails, and the events are owed');
is($crm->sql('SELECT owed FROM capi_status'), 5, 'all of them');

done_testing();
