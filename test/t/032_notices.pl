# What the shipper tells without being asked: NOTIFY, the log, and what pg_stat_activity says it does.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $crm = CrmCapi->new('notices', conf => "crm_capi.poll_interval = '1h'\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my $listener = $node->background_psql('postgres');
my $heard = '';
$listener->query_safe('LISTEN crm_capi');

# The next notices, as "kind dataset word" each, until the last of them matches.
sub hear
{
	my ($until) = @_;
	my @notices;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $output = $listener->query_safe('SELECT 1');
		$heard .= $output;
		while ($output =~ /Asynchronous notification "crm_capi" with payload "(.*)" received/g)
		{
			my $notice = decode_json($1);
			push @notices, join ' ', map { $_ // '-' } @$notice{qw(kind dataset health reason_code)};
		}
		last if @notices && $notices[-1] =~ $until;
		Time::HiRes::usleep(100_000);
	}
	return join ', ', @notices;
}

# What the shipper says it does, once it says so. Servers before 17 know no wait events of extensions.
my %wait_event = (idle => 'Idle', sending => 'Send', waiting => 'Pause');
sub application_name
{
	my ($name) = @_;
	my $wait_event = $node->pg_version >= 17 ? "CrmCapiShipper$wait_event{$name}" : 'Extension';
	return $crm->until_true(
		"SELECT (application_name, wait_event) = ('crm_capi shipper: $name', '$wait_event')
		 FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'");
}

# Lines of the log about the dataset, since the last call.
my $offset = -s $node->logfile;
sub logged
{
	my $log = slurp_file($node->logfile, $offset);
	$offset = -s $node->logfile;
	return join ' | ', $log =~ /LOG:  (dataset .*)/g;
}

# --- Idle, sending, waiting

ok(application_name('idle'), 'with nothing to do the shipper is idle');
$endpoint->script({ times => 1, action => { hold => \1 } });
$crm->change(1);
$endpoint->wait_for('held', 1);
ok(application_name('sending'), 'it is sending');
$endpoint->release;
ok(application_name('idle'), 'and idle again');

# --- Health

$endpoint->script({ action => { code => 190, subcode => 463 } });
$crm->sql('SELECT change(i) FROM generate_series(1, 10) i') for 1 .. 3;
is(hear(qr/held/), 'health sales held token_refused', 'a dataset that is held is one notice');
ok(application_name('waiting'), 'the shipper waits');
is(logged(), 'dataset "sales" is held: access token was refused by Meta', 'and one line of the log');
$endpoint->script();
$crm->sql("SELECT capi_resume('sales')");
is(hear(qr/ok/), 'health sales ok -', 'and so is one that goes on');
is(logged(), 'dataset "sales" is ok', 'and its line');
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
$crm->change(1 .. 20);
$endpoint->wait_for('accepted', 51);

# --- Parked events

$crm->sql("INSERT INTO leads (id, fb_lead_id, status) SELECT -i, i, 'parked' FROM generate_series(1, 50) i");
is(hear(qr/parked/), 'parked sales - lead_id_length', 'many parked events of a kind are one notice');
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (-51, 51, 'parked'), (-52, 12345678901234567, NULL)");
is(hear(qr/parked/), 'parked sales - stage_missing', 'another kind is another, one that is known is none');
$endpoint->script({ times => 1, action => { code => 100, subcode => 2804036 } });
$crm->change(1);
is(hear(qr/parked/), 'parked sales - refused', 'so is one that Meta refuses');
is(logged(), '', 'the log does not speak of them');
unlike($heard, qr/12345678901230001|12345678901234567|$StandIn::TOKEN|stage \d/, 'no notice names a lead, a stage or a token');

$listener->quit;
done_testing();
