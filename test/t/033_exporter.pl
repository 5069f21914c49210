# What docs/monitoring has for the exporter of the distribution: every metric is there, says what is true, and
# needs no more than its role has. Alerts and dashboard: 034_monitoring.pl.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use Monitoring;
use Test::More;

plan skip_all => 'not installed: ' . Monitoring::missing() if Monitoring::missing();

my $crm = CrmCapi->new('exporter');
my $endpoint = $crm->endpoint;

# --- Something to show: delivered, parked, refused, owed

$crm->change(1 .. 20);
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (-1, 7, 'parked')");
$endpoint->script({ times => 1, action => { code => 100, subcode => 2804036 } });
$crm->change(21);
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
$crm->create_dataset('waiting', mode => 'paused');
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'qualified', now() - interval '100 hours', 'waiting')");
$crm->until_true("SELECT health = 'paused' FROM capi_status WHERE dataset = 'waiting'");
$crm->create_dataset('trying', mode => 'dry_run');
$crm->until_true("SELECT (delivered, parked) = (20, 2) FROM capi_counters WHERE dataset = 'sales'");
$crm->sql(Monitoring::text_of('role.sql'));

# --- The exporter

my $monitoring = Monitoring->new(
	$crm->node,
	'--extend.query-path=' . Monitoring::file('queries.yaml'),
	'--disable-default-metrics',
	'--disable-settings-metrics');
my %samples = $monitoring->scrape;
my %names;
/^(\w+)/ and $names{$1}++ for keys %samples;

my @promised = Monitoring::promised();
cmp_ok(scalar @promised, '>', 20, 'the file of queries promises many metrics');
is(join(' ', grep { !$names{$_} } @promised), '', 'and each is there');

my %facts = (
	'crm_capi_shipper_up{}' => 1,
	'crm_capi_shipper_standby{}' => 0,
	'crm_capi_dataset_ok{dataset="sales"}' => 1,
	'crm_capi_dataset_health{dataset="waiting"}' => 3,
	'crm_capi_dataset_owed{dataset="waiting"}' => 1,
	'crm_capi_dataset_owed{dataset="sales"}' => 0,
	'crm_capi_dataset_queue_age_seconds{dataset="sales"}' => 0,
	'crm_capi_dataset_deadline_seconds{dataset="sales"}' => 604800,
	'crm_capi_dataset_parked{dataset="sales"}' => 2,
	'crm_capi_dataset_dry_run{dataset="sales"}' => 0,
	'crm_capi_dataset_dry_run{dataset="trying"}' => 1,
	'crm_capi_dataset_last_success_timestamp_seconds{dataset="trying"}' => 0,
	'crm_capi_events_parked_total{dataset="trying"}' => 0,
	'crm_capi_events_delivered_total{dataset="sales"}' => 20,
	'crm_capi_events_parked_total{dataset="sales"}' => 2,
	'crm_capi_events_expired_total{dataset="sales"}' => 0,
	'crm_capi_requests_recent{dataset="sales",outcome="refused"}' => 1,
	'crm_capi_requests_recent_events{dataset="sales",outcome="delivered"}' => 20,
	'crm_capi_stage_leads{dataset="sales",stage="stage 1"}' => 21,
	'crm_capi_stage_delivered{dataset="sales",stage="stage 1"}' => 20);
for my $sample (sort keys %facts)
{
	is($samples{$sample}, $facts{$sample}, $sample);
}
my $deadline = $samples{'crm_capi_dataset_deadline_seconds{dataset="waiting"}'};
ok($deadline > 67.9 * 3600 && $deadline < 68 * 3600, 'the deadline of what waits');
cmp_ok($samples{'crm_capi_requests_latency_seconds_max{dataset="sales",outcome="delivered"}'},
	'>', 0, 'the latency');

# --- A decision about what is parked

is( $crm->sql("SELECT capi_cancel(array_agg(id)) FROM capi_undelivered WHERE status = 'parked' AND reason_code = 'refused'"),
	1, 'a parked event is cancelled');
%samples = $monitoring->scrape;
is($samples{'crm_capi_dataset_parked{dataset="sales"}'}, 1, 'it is not among the parked ones any more');
is($samples{'crm_capi_events_parked_total{dataset="sales"}'}, 2, 'but the counter of the parked does not fall');

# --- The role

my ($code, undef, $stderr) =
  $crm->node->psql('postgres', 'SET ROLE crm_capi_exporter; SELECT * FROM capi_events');
like($stderr, qr/permission denied/, 'the role of the exporter sees no lead');

# --- Without a shipper

$crm->node->append_conf('postgresql.conf', "crm_capi.databases = 'elsewhere'");
$crm->node->reload;
$crm->until_true('SELECT capi_shipper_pid() IS NULL');
%samples = $monitoring->scrape;
is($samples{'crm_capi_shipper_up{}'}, 0, 'a shipper that is gone shows');
is($samples{'crm_capi_dataset_health{dataset="sales"}'}, 5, 'and so does the dataset');
is($samples{'crm_capi_events_delivered_total{dataset="sales"}'},
	undef, 'totals that may be older than those before are not shown');

$monitoring->stop;
unlike($monitoring->log, qr/level=error/, 'the exporter had nothing to complain of');

done_testing();
