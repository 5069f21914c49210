# The alerts of the runbook and what it says of a server that sends nothing: each is made, the comparison of its rule in
# docs/monitoring/alerts.yaml is true of what the exporter asks, what the runbook prescribes is done, and it is true
# no more. That the rules themselves fire is tested in test/monitoring and 034_monitoring.pl.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use Monitoring;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $crm = CrmCapi->new('runbook', conf => "crm_capi.poll_interval = '1s'\ncrm_capi.max_shippers = 1\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;

# The first comparison in the rule of an alert, as a question to the query that its metric comes from.
sub question
{
	my ($alert) = @_;
	my ($rule) = Monitoring::text_of('alerts.yaml') =~ /- alert: $alert\n(.*?)\n        for:|- alert: $alert\n(.*?)\n        labels:/s;
	$rule //= '';
	my ($group, $metric, $labels, $operator, $number) =
	  $rule =~ /\b(crm_capi_dataset_reason|crm_capi_\w+?)_(\w+)(\{[^}]*\})? (==|<|>) (\d+)/ or die "no comparison in $alert: $rule";
	$operator =~ s/==/=/;
	my $labelled = join '', map { my ($name, $value) = /(\w+)="(\w+)"/; " AND $name = '$value'" } $labels ? $labels : ();
	my $series = $group eq 'crm_capi_server' ? 'true' : "dataset = 'sales'";
	return 'SELECT EXISTS (SELECT FROM (' . Monitoring::query_of($group) . ") q WHERE $series AND $metric $operator $number$labelled)";
}

# Test: the alert's comparison becomes true or false.
sub fires { my ($alert) = @_; return ok($crm->until_true(question($alert)), "$alert: it fires"); }
sub is_quiet { my ($alert) = @_; return ok($crm->until_true(question($alert) =~ s/^SELECT EXISTS/SELECT NOT EXISTS/r), "$alert: and no more"); }

sub set_and_reload
{
	my ($setting) = @_;
	$crm->sql("ALTER SYSTEM SET $setting");
	$node->reload;
	return;
}

sub send_event { my ($lead, $ago) = @_; return $crm->sql("SELECT capi_send_lead_event($lead, 'sent', now() - interval '" . ($ago // '0') . "', 'sales')"); }
sub all_sent { return $crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'); }

# --- One lead, one event, one request: the first event of a server is number 1, as on the page

send_event(525645896321548);
all_sent();
my @looks = split /(?<=;)\n/, Runbook::examples(carries_out('One lead, one event, one request'));
like($crm->sql($looks[0]), qr/^1\|sent\|.*\|delivered\|/, 'the event of a lead, and what became of it');
like($crm->sql($looks[1]), qr/\|delivered\|200\|/, 'the request that carried it');
like($crm->sql($looks[2]), qr/^delivered\|\|1\|1$/, 'what went out lately');
like($crm->sql($looks[3]), qr/crm_capi shipper/, 'and the workers');

# --- A token that is refused: two alerts

$endpoint->settings(tokens => { EAABnewtoken => undef });
send_event(525645896321549);
fires(carries_out('CrmCapiHeld', '`reason` of `capi_status`', 'go by themselves once the cause is gone'));
fires(carries_out('CrmCapiTokenRefused', 'a new token in the user mapping or in the token file is enough'));
is($crm->sql("SELECT r.reason_code FROM capi_status s JOIN capi_reasons() r ON starts_with(s.reason, r.reason) WHERE s.dataset = 'sales'"),
	'token_refused', 'reason says which entry of the runbook it is');
$crm->sql(statement('token_refused', 'ALTER USER MAPPING', 'FOR PUBLIC SERVER sales', 'EAABnewtoken'));
is_quiet($_) for 'CrmCapiHeld', 'CrmCapiTokenRefused';
ok(all_sent(), 'and what waited has gone by itself');

# --- Requests that fail

$endpoint->script({ action => { status => 500 } });
send_event(525645896321550);
fires(carries_out('CrmCapiRetrying', '`last_error` of `capi_status`', 'repeated by themselves'));
like($crm->sql("SELECT last_error FROM capi_status WHERE dataset = 'sales'"), qr/./, 'last_error says what comes back');
$endpoint->script();
is_quiet('CrmCapiRetrying');
ok(all_sent(), 'and it has gone by itself');

# --- A deadline

$crm->sql("SELECT capi_pause('sales')");
send_event(525645896321551, '6 days');
fires(carries_out('CrmCapiDeadlineNear', 'It may be paused, which is told by no other rule: `capi_resume`'));
is($crm->sql("SELECT health FROM capi_status WHERE dataset = 'sales'"), 'paused', 'it is paused');
$crm->sql('SELECT ' . statement('CrmCapiDeadlineNear', 'capi_resume') . "('sales')");
is_quiet('CrmCapiDeadlineNear');

# --- Events that are parked

my $parked = 'SELECT coalesce(sum(parked_total), 0) FROM (' . Monitoring::query_of('crm_capi_events') . ') q';
my $parked_before = $crm->sql($parked);
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) SELECT -i, 7, 'parked' FROM generate_series(1, 6) i");
carries_out('CrmCapiParkedMore', 'more than five in an hour', 'by the last statement of the picture of the day');
ok($crm->until_true($parked =~ s/^SELECT (.*?) FROM/SELECT $1 = $parked_before + 6 FROM/r), 'CrmCapiParkedMore: the number that it watches has grown by six');
my @of_the_day = split /(?<=;)\n|(?<=\\gx)\n/, Runbook::examples(carries_out('The picture of the day'));
# Such a statement is one of psql.
like($node->safe_psql('postgres', $of_the_day[0]), qr/sales/, 'the picture of the day has the datasets');
like($node->safe_psql('postgres', $of_the_day[1]), qr/parked/, 'what the doctor finds');
like($node->safe_psql('postgres', $of_the_day[-1]), qr/^lead_id_length\|6\|\d+$/, 'and by its last statement the reason of what was parked');

# --- No shipper: two alerts of long ago are made meanwhile

carries_out('A dataset is stopped: 1', 'must name `crm_capi`');
carries_out('A dataset is stopped: 2', 'must name this database');
carries_out('CrmCapiStopped', 'no shipper serves the database');
set_and_reload("crm_capi.databases = 'elsewhere'");
fires('CrmCapiStopped');
my $show = statement('A dataset is stopped', 'SHOW');
is($crm->sql($show), 'crm_capi', 'the library is named');
like($crm->sql("SELECT detail FROM capi_check() WHERE check_name = 'shipper'"), qr/crm_capi\.databases does not name this database/,
	'capi_check looks at it, too');
my $old = send_event(525645896321552);
$crm->sql("UPDATE capi_event_log SET enqueued_at = now() - interval '2 hours' WHERE id = $old;
	UPDATE capi_counter SET last_success_at = now() - interval '27 hours'");
$node->restart;
$endpoint->script({ action => { status => 500 } });
set_and_reload("crm_capi.databases = 'elsewhere', 'postgres'");
is_quiet('CrmCapiStopped');
fires(carries_out('CrmCapiQueueOld', 'If it is not, another rule tells why'));
fires('CrmCapiRetrying');
carries_out('CrmCapiNothingDelivered', 'If something is owed, see `health`');
my $silent = "SELECT extract(epoch FROM now()) - last_success_timestamp_seconds %s 93600 FROM ("
  . Monitoring::query_of('crm_capi_dataset') . ") q WHERE dataset = 'sales'";
like(Monitoring::text_of('alerts.yaml'), qr/time\(\) - \(crm_capi_dataset_last_success_timestamp_seconds > 0\) > 93600/, 'the rule counts 26 hours');
is($crm->sql(sprintf $silent, '>'), 't', 'CrmCapiNothingDelivered: it fires');
is($crm->sql("SELECT status FROM capi_check() WHERE (subject, check_name) = ('sales', 'daily_upload')"), 'warning', 'the doctor tells of it, too');
is($crm->sql("SELECT health FROM capi_status WHERE dataset = 'sales'"), 'retrying', 'health says what it is');
$endpoint->script();
is_quiet('CrmCapiQueueOld');
ok($crm->until_true(sprintf $silent, '<'), 'CrmCapiNothingDelivered: and no more');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
is($crm->sql($show), '', 'a library that is not named');
fires('CrmCapiStopped');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'crm_capi'\n");
$node->restart;
is_quiet('CrmCapiStopped');

# --- More databases than shippers, and than workers

# A request of this database hangs, and another one has something to send.
sub keep_waiting
{
	my ($lead) = @_;
	$endpoint->script({ action => { hold => \1 } });
	send_event($lead);
	$endpoint->wait_for('held', 1);
	$crm->sql("SELECT capi_send_lead_event($lead + 1, 'sent', dataset => 'sales')", 'second');
	return;
}

sub let_go
{
	my (%settings) = @_;
	$node->append_conf('postgresql.conf', join '', map { "$_ = $settings{$_}\n" } sort keys %settings);
	$endpoint->script();
	$endpoint->release;
	$node->restart;
	return ok(all_sent() && $crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', 'second'), 'with more of them all is sent');
}

$crm->sql('CREATE DATABASE second');
$crm->sql('CREATE EXTENSION crm_capi', 'second');
$crm->create_dataset('sales', database => 'second');
$endpoint->settings(tokens => { EAABnewtoken => undef, $StandIn::TOKEN => undef });
my $log = -s $node->logfile;
$crm->sql("ALTER SYSTEM SET crm_capi.databases = 'second', 'postgres'");
$node->restart;
keep_waiting(525645896321553);
carries_out('A dataset is stopped: 3', '`reason` says that the database waits', 'Raise `crm_capi.max_shippers`');
carries_out('check slots', 'Raise `crm_capi.max_shippers`, and `max_worker_processes` with it');
fires(carries_out('CrmCapiSlotsShort', 'Raise `crm_capi.max_shippers`, and `max_worker_processes` with it'));
ok($crm->until_true("SELECT health = 'stopped' AND reason LIKE '%waits' FROM capi_status", 'second'), 'reason says that the database waits');
like($crm->sql("SELECT status || ' ' || detail FROM capi_check() WHERE check_name = 'slots'"), qr/^warning .* wait for one: 1\./, 'the doctor tells of it');
like($crm->sql(statement('CrmCapiSlotsShort', 'SELECT')), qr/^1\|1\|2\|1\|/, 'capi_slots() says how many wait');
ok($node->wait_for_log(qr/database "second" has waited for a shipper for more than a minute/, $log), 'and the server log which one');
let_go('crm_capi.max_shippers' => 4);
is_quiet('CrmCapiSlotsShort');
like($crm->sql("SELECT status FROM capi_check() WHERE check_name = 'slots'"), qr/^ok$/, 'and the doctor is content');
$log = -s $node->logfile;
$node->append_conf('postgresql.conf', "max_worker_processes = 3\n");
$node->restart;
keep_waiting(525645896321555);
ok($node->wait_for_log(qr/no worker is free to ship the events of database/, $log), 'the server log says that no worker is free');
let_go(max_worker_processes => 8);

# --- A standby

carries_out('A dataset is stopped: 4', 'A standby sends nothing until it is promoted');
$node->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 2\n");
$node->restart;
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
my $there = $crm->on($standby);
is($there->sql("SELECT health FROM capi_status WHERE dataset = 'sales'"), 'stopped', 'a standby sends nothing');
$node->stop;
$standby->promote;
ok($there->until_true("SELECT health = 'ok' FROM capi_status WHERE dataset = 'sales'"), 'until it is promoted');
my $arrived = $endpoint->state->{accepted};
$there->change(1);
ok($endpoint->wait_for('accepted', $arrived + 1), 'then it does');

done_testing();
