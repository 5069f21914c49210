# The alerts and the dashboard of docs/monitoring, with the Prometheus and the exporter of the distribution: each
# rule does what its tests say and has its section in the runbook; each panel answers a question of the runbook
# and asks for what there is; and the exporter takes the flags that the page gives it.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use Documentation;
use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use Monitoring;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

plan skip_all => 'not installed: ' . Monitoring::missing() if Monitoring::missing();

my $tests = dirname(__FILE__) . '/../monitoring';
my $page = Documentation::text_of_page('docs/monitoring.md');
my $runbook = Documentation::text_of_page('docs/operations.md');

sub sorted { return join "\n", sort @_; }

# --- The rules, without a server

command_ok([ 'promtool', 'check', 'rules', Monitoring::file('alerts.yaml') ], 'Prometheus takes the rules');
command_ok([ 'promtool', 'test', 'rules', glob "$tests/*_test.yaml" ], 'each rule fires when it should, and only then');
my @alerts = Monitoring::text_of('alerts.yaml') =~ /^ +- alert: (\w+)$/mg;
cmp_ok(scalar @alerts, '>=', 9, 'there are many');
is(sorted($runbook =~ /^### (CrmCapi\w+)$/mg), sorted(@alerts), 'the runbook has a section for each, and for no other');
is(sorted($page =~ /^\| `(CrmCapi\w+)` \|/mg), sorted(@alerts), 'the page of monitoring lists them');
is(sorted(Monitoring::text_of('alerts.yaml') =~ m{^ +runbook: "docs/operations\.md#(\w+)"$}mg),
	sorted(map { lc } @alerts), 'and each leads to its section');
my %tried = map { $_ => 1 } map { slurp_file($_) =~ /alertname: (\w+)\n        exp_alerts/g } glob "$tests/*_test.yaml";
is(sorted(keys %tried), sorted(@alerts), 'there is a test in which it fires');

# --- The questions of the runbook

my $dashboard = decode_json(Monitoring::text_of('dashboard.json'));
my @panels = @{ $dashboard->{panels} };
my ($questions) = $runbook =~ /^\| question \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)/m or die 'no table of questions';
is(sorted(map { /`([^`]+)`/g } map { (split /\|/)[3] } split /\n/, $questions),
	sorted(map { $_->{title} } @panels),
	'each question has its panels, and each panel its question');

# What is no longer than a line must not be broken by psql; what is, is shown with a line for each column.
sub widest
{
	my ($crm, $sql) = @_;
	my ($stdout, $stderr);
	IPC::Run::run([ 'psql', '-XqP', 'columns=100', '-P', 'pager=off', '-d', $crm->node->connstr('postgres') ],
		'<', \$sql, '>', \$stdout, '2>', \$stderr)
	  or die $stderr;
	my ($widest) = sort { $b <=> $a } map { length } split /\n/, $stdout;
	return $widest;
}

# --- A server with something to show

my $crm = CrmCapi->new('monitoring');
$crm->change(1 .. 5);
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (-1, 7, 'parked')");
$crm->create_dataset('waiting', mode => 'paused');
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'qualified', now(), 'waiting')");
$crm->create_dataset('refused');
$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER refused OPTIONS (SET access_token 'EAABrevoked')");
$crm->sql("SELECT capi_send_lead_event(12345678901234568, 'qualified', now(), 'refused')");
$crm->until_true("SELECT count(*) = 2 FROM capi_status WHERE health IN ('paused', 'held')");
$crm->until_true("SELECT delivered = 5 FROM capi_counters WHERE dataset = 'sales'");
$crm->sql(Monitoring::text_of('role.sql'));

# --- In psql

my ($of_the_day) = $runbook =~ /^## The picture of the day\n\n```sql\n(.*?)^```/ms or die 'no picture of the day';
for my $statement (grep { !/\\gx/ } split /(?<=;)\n|(?<=\\gx)\n/, $of_the_day)
{
	my ($first) = $statement =~ /^([^\n]*)/;
	cmp_ok(widest($crm, $statement), '<=', 100, "fits into 100 columns: $first");
}
cmp_ok(widest($crm, "\\pset format wrapped\n$of_the_day"), '<=', 100, 'and with wrapped texts all of it does');

# --- The flags of the page, found as the page says

my ($found) = $page =~ m{^(flags=.*?\n)sudo tee}ms or die 'the page finds no flags';
my $queries = Monitoring::file('queries.yaml');
(my $shell = $found) =~ s{/etc/prometheus/crm_capi\.yaml}{$queries};
my $flags = `$shell printf '%s' "\$flags"`;
my $monitoring = Monitoring->new($crm->node, split / /, $flags);
my %samples = $monitoring->scrape;
cmp_ok(scalar keys %samples, '>', 20, "the exporter takes the flags of the page: $flags");
is($samples{'crm_capi_dataset_reason_current{dataset="refused",reason_code="token_refused"}'},
	1, 'the reason of a held dataset');
is($samples{'crm_capi_dataset_reason_current{dataset="waiting",reason_code="paused"}'}, 1, 'and of a paused one');
is(scalar(grep { /reason_current\{dataset="sales"/ } keys %samples), 0, 'a dataset that is well has none');

# --- Panels and rules, in Prometheus

# Numbers of the server are shown and judged as soon as there is a query for them.
my %there = map { $_ => 1 } Monitoring::promised();
my $coming = $there{crm_capi_server_databases} ? qr/^$/ : qr/^crm_capi_server_/;

$monitoring->start_prometheus;
for my $panel (@panels)
{
	for my $expression (map { $_->{expr} } @{ $panel->{targets} })
	{
		next if $expression =~ $coming;
		(my $for_all = $expression) =~ s/\$dataset/.*/g;
		ok(scalar $monitoring->series($for_all), "$panel->{title}: $expression");
	}
}
my @rules = $monitoring->rules;
is(sorted(map { $_->{name} } @rules), sorted(@alerts), 'Prometheus has all rules');
is(join(' ', map { "$_->{name}: $_->{lastError}" } grep { $_->{health} ne 'ok' } @rules), '', 'and can evaluate them');
my %asked = map { $_ => 1 } map { $_->{query} =~ /(crm_capi_\w+)/g } @rules;
is(join(' ', sort grep { !$there{$_} && $_ !~ $coming } keys %asked), '', 'which ask for metrics that there are');
my ($alert) = $monitoring->series('ALERTS{alertname="CrmCapiTokenRefused"}');
is($alert->{metric}{dataset}, 'refused', 'a refused token is told of');
ok(scalar $monitoring->series('ALERTS{alertname="CrmCapiHeld",dataset="refused"}'), 'and so is the held dataset');

# --- Without the exporter

carries_out('CrmCapiAbsent', 'look at its log', 'the views still tell');
like($monitoring->log, qr/./, 'the exporter has a log');
$monitoring->stop;
like($crm->sql($of_the_day =~ s/\\gx.*//sr), qr/^refused\|held\|/m, 'without it the views still tell');
done_testing();
