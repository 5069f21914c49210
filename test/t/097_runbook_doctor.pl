# The doctor's checks: what a check looks for is made, the doctor tells of it, what docs/doctor.md prescribes is done,
# and the row is well again; or else what the page says of it is seen to be so.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

# What tells the CRM's sessions from those that check conditions.
$ENV{PGOPTIONS} = '-c crm.session=on';

my $crm = CrmCapi->new('runbook', conf => "crm_capi.poll_interval = '1s'\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my $database = 'postgres';

# The row of a check: "status detail".
sub row_of
{
	my ($check, $subject) = @_;
	return $crm->sql("SELECT c.status || ' ' || c.detail FROM capi_check(send => " . ($check eq 'token_accepted' ? 'true' : 'false') . ") c
		WHERE (c.check_name, c.subject) = ('$check', '$subject')", $database);
}

# Test: the check becomes what $is says, within the time of a test.
sub becomes
{
	my ($check, $subject, $is, $test_name) = @_;
	my $row = '';
	ok($crm->wait_until(sub { ($row = row_of($check, $subject)) =~ $is }, undef, 4), $test_name) or diag $row;
	return $row;
}

sub is_told
{
	my ($entry, $subject, $fault, $detail) = @_;
	my ($check) = $entry =~ /^check (\w+)/;
	$fault->();
	return becomes($check, $subject, qr/^(?:warning|error) .*$detail/s, "$entry: the doctor tells of it");
}

# Test: the fault is told, as $detail says, and after the deed all is well.
sub is_mended
{
	my ($entry, $subject, $fault, $detail, $deed) = @_;
	my ($check) = $entry =~ /^check (\w+)/;
	is_told($entry, $subject, $fault, $detail);
	$deed->();
	becomes($check, $subject, qr/^ok /, "$entry: what the page says has put it right");
	return;
}

sub hint { return $crm->sql("SELECT hint FROM capi_check() WHERE check_name = '$_[0]' AND status <> 'ok'"); }
sub option { my ($options, $name) = @_; $crm->sql('ALTER SERVER ' . ($name // 'sales') . " OPTIONS ($options)"); return; }
sub says { my %action = @_; $endpoint->script({ action => \%action }); return; }
sub all_sent { return $crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'); }

# Sets a parameter and restarts.
sub restart_with
{
	my %settings = @_;
	$node->append_conf('postgresql.conf', join '', map { "$_ = '$settings{$_}'\n" } sort keys %settings);
	$node->restart;
	return;
}

sub reload_with
{
	my ($sql) = @_;
	$crm->sql($sql);
	$node->reload;
	return;
}

# --- A dataset

my $mapping = 'USER MAPPING FOR PUBLIC SERVER sales';
my $token = "access_token '$StandIn::TOKEN'";
my $file = $node->basedir . '/token';
append_to_file($file, "$StandIn::TOKEN\n");
is_mended(carries_out('check mode'), 'sales', sub { option("ADD test_event_code 'TEST1'") }, 'test_event_code',
	sub { option('DROP test_event_code') });
is_mended('check mode', 'sales', sub { option("ADD mode 'dry_run'") }, 'dry_run', sub { option('DROP mode') });
is_mended(carries_out('check options', 'A required option is missing'), 'sales',
	sub {
		$crm->sql("SET allow_system_table_mods = on; UPDATE pg_foreign_server
			SET srvoptions = array_remove(srvoptions, 'dataset_id=$StandIn::DATASET') WHERE srvname = 'sales'");
	},
	'', sub { option("ADD dataset_id '$StandIn::DATASET'") });
is_mended(carries_out('check event_source'), 'sales',
	sub {
		$crm->sql("SET allow_system_table_mods = on; UPDATE pg_foreign_server
			SET srvoptions = array_remove(srvoptions, 'lead_event_source=Odoo') WHERE srvname = 'sales'");
	},
	'', sub { option("ADD lead_event_source 'Odoo'") });
is_mended(carries_out('check token', 'no user mapping'), 'sales', sub { $crm->sql("DROP $mapping") }, 'no access token',
	sub { $crm->sql("CREATE $mapping OPTIONS ($token)") });
is_mended(carries_out('check token_accepted', 'Generate a new token'), 'sales',
	sub { $endpoint->settings(tokens => { EAABnewtoken => undef }) }, 'refused',
	sub { $crm->sql("ALTER $mapping OPTIONS (SET access_token 'EAABnewtoken')") });
$endpoint->settings(tokens => { $StandIn::TOKEN => undef });
is_mended(carries_out('check token_file'), 'sales',
	sub {
		chmod 0644, $file;
		$crm->sql("ALTER $mapping OPTIONS (DROP access_token, ADD access_token_file '$file')");
	},
	'open to everybody', sub { system_or_bail(split(' ', statement('check token_file', 'chmod')), $file) });
$crm->sql("ALTER $mapping OPTIONS (DROP access_token_file, ADD $token)");
is_mended(carries_out('check endpoint'), 'sales', sub { $endpoint->stop }, 'cannot be reached', sub { $endpoint->start });
my $other = StandIn->new($node->basedir . '/other');
is_mended(carries_out('check certificate', 'check `ca_file`'), 'sales',
	sub { option("SET ca_file '" . $other->ca_file . "'") }, '', sub { option("SET ca_file '" . $endpoint->ca_file . "'") });
$other->stop;
is_mended(carries_out('check clock', 'header `Date`'), 'sales',
	sub { says(headers => { Date => 'Sun, 06 Nov 1994 08:49:37 GMT' }) }, 'ahead', sub { $endpoint->script });
is_mended(carries_out('check api_version', 'or drop the option'), 'sales', sub { option("ADD api_version 'v20.0'") }, '',
	sub { option('DROP api_version') });

is_mended(carries_out('check health'), 'sales', sub { $crm->sql("SELECT capi_pause('sales')") }, 'paused',
	sub { like(hint('health'), qr/capi_resume/, 'with the hint of its reason'); $crm->sql("SELECT capi_resume('sales')") });
is_mended(carries_out('check deadline', '`health`'), 'sales',
	sub {
		$crm->sql("SELECT capi_pause('sales');
			SELECT capi_send_lead_event(223456789012345, 'late', now() - interval '167 hours', 'sales')");
	},
	'expires in', sub { $crm->sql("SELECT capi_resume('sales')") });
is_told(carries_out('check parked', '`capi_undelivered` has the reason of each'), 'sales',
	sub { $crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (-1, 7, 'parked')") }, 'Events parked within a day: 1');
is($crm->sql('SELECT reason_code FROM capi_undelivered'), 'lead_id_length', 'where it is');

# --- The funnel: a dataset of its own for each

# Leads of that dataset reach a stage, so many hours ago.
sub reach
{
	my ($dataset, $stage, $hours, @leads) = @_;
	my $leads = join ', ', map { 42345678901230000 + $_ } @leads;
	$crm->sql("SELECT count(capi_send_lead_event(lead, '$stage', now() - interval '$hours hours', '$dataset'))
		FROM unnest(ARRAY[$leads]::bigint[]) lead");
	all_sent();
	return;
}

$crm->create_dataset($_) for 'uploads', 'few', 'covered', 'copied', 'rounded', 'turned', 'flat';
is_mended(carries_out('check daily_upload'), 'uploads', sub { }, 'No event has been delivered',
	sub { reach('uploads', 'new', 1, 1) });
is_mended(carries_out('check lead_volume', 'Fewer than 200 leads', 'once its first event is that old'), 'few',
	sub {
		reach('few', 'new', 2, 1 .. 199);
		$crm->sql("UPDATE capi_event_log SET enqueued_at = enqueued_at - interval '27.5 days', event_time = event_time - interval '27.5 days'
			WHERE id = (SELECT min(id) FROM capi_events WHERE dataset = 'few')");
	},
	'199 leads',
	sub { reach('few', 'new', 2, 200) });
is_mended(carries_out('check stages', 'Fewer than two stages'), 'few', sub { }, '', sub { reach('few', 'won', 1, 1 .. 40) });
is_mended(carries_out('check lead_coverage', 'Look at the parked events: mostly the lead id is missing or wrong'), 'covered',
	sub {
		$crm->sql("CREATE TABLE covered (id integer PRIMARY KEY, fb text, stage text);
			SELECT capi_watch('covered', 'fb', 'stage', 'covered');
			INSERT INTO covered SELECT i, CASE WHEN i <= 3 THEN '22345678901240' || i ELSE i::text END, 'new'
			FROM generate_series(1, 8) i");
		all_sent();
	},
	'', sub {
		is($crm->sql("SELECT DISTINCT reason_code FROM capi_undelivered WHERE dataset = 'covered'"), 'lead_id_length', 'the lead id is wrong');
		$crm->sql("UPDATE covered SET fb = '22345678901240' || id; " . Runbook::examples('Deciding'));
	});
is_told(carries_out('check lead_copies'), 'copied',
	sub {
		$crm->sql("CREATE TABLE copied (id integer PRIMARY KEY, fb text, stage text);
			SELECT capi_watch('copied', 'fb', 'stage', 'copied');
			INSERT INTO copied SELECT i, '223456789012345', 'new' FROM generate_series(1, 3) i");
	}, '');
like($crm->sql(statement('check lead_copies', 'SELECT lead_id')), qr/^223456789012345\|new\|3/, 'check lead_copies: the page knows which lead');
$crm->sql("SELECT capi_unwatch('copied');
	SELECT capi_watch('copied', 'fb', 'stage', 'copied', " . statement('check lead_copies', 'repeat') . ");
	UPDATE copied SET stage = 'next'");
is($crm->sql("SELECT count(*) FROM capi_events WHERE dataset = 'copied' AND event_name = 'next'"), 1,
	'check lead_copies: watched so, the copies report a stage once');
is_mended(carries_out('check rounded_lead_ids', 'Import the ids again, as text'), 'rounded',
	sub { $crm->sql("SELECT count(capi_send_lead_event(55000000000000000 + i * 100, 'new', dataset => 'rounded')) FROM generate_series(1, 30) i") },
	'', sub { $crm->sql("SELECT count(capi_send_lead_event(55000000000000007 + i * 111, 'new', dataset => 'rounded')) FROM generate_series(1, 90) i") });
is_mended(carries_out('check stage_order', 'Send all stages in their order'), 'turned',
	sub { reach('turned', 'won', 1, 1 .. 5); reach('turned', 'new', 2, 1 .. 5) }, '',
	sub { reach('turned', 'new', 2, 101 .. 200); reach('turned', 'won', 1, 101 .. 150) });
is_mended(carries_out('check optimised_stage', 'Send a stage that lies earlier or later in the funnel'), 'flat',
	sub { reach('flat', 'new', 3, 1 .. 10); reach('flat', 'seen', 2, 1 .. 10) }, '', sub { reach('flat', 'won', 1, 1, 2) });

# --- A watch

$crm->sql("ALTER TABLE leads ADD phone text, ADD changed_local timestamp DEFAULT now()");
is_mended('check watch', 'public.leads', sub { }, 'were parked for one reason', sub { $crm->change(1 .. 3) });
is_mended(carries_out('check watch', 'The trigger is disabled', 'more than half of the events'), 'public.leads',
	sub { $crm->sql('ALTER TABLE leads DISABLE TRIGGER capi_watch_sales') }, 'is disabled',
	sub { $crm->sql('ALTER TABLE leads ENABLE TRIGGER capi_watch_sales') });
is_mended('check watch', 'public.leads', sub { $crm->sql('ALTER TABLE leads ENABLE REPLICA TRIGGER capi_watch_sales') }, '',
	sub { $crm->sql('ALTER TABLE leads ENABLE TRIGGER capi_watch_sales') });
is_mended('check watch', 'public.leads', sub { $crm->sql('ALTER TABLE leads RENAME changed_at TO changed') }, 'changed_at',
	sub { $crm->sql("ALTER TABLE leads RENAME changed TO changed_at") });
my $watch = "SELECT capi_unwatch('leads'); SELECT capi_watch('leads', 'fb_lead_id', 'status', 'sales'";
is_mended(carries_out('check event_time'), 'public.leads', sub { $crm->sql("$watch, event_time => 'changed_local')") }, 'Taken as UTC',
	sub { $crm->sql("$watch, " . statement('check event_time', 'event_time =>') =~ s/changed_at/changed_local/r . ')') });
$crm->sql("$watch, user_data => '{\"ph\": \"phone\"}')");
is_told(carries_out('check dropped_values', 'Import again, with the column as text', 'finds them in the table'), 'public.leads',
	sub { $crm->sql("INSERT INTO leads (id, fb_lead_id, status, phone) VALUES (1001, 12345678901239001, 'new', '5.25645E+11')") },
	'ph rounded 1');
my $finds = statement('check dropped_values', 'SELECT phone');
is($crm->sql($finds), '5.25645E+11', 'check dropped_values: the statement of the page finds it');
$crm->sql("UPDATE leads SET phone = '+49 30 901820', status = 'imported again' WHERE id = 1001");
is($crm->sql($finds), '', 'check dropped_values: and nothing more once it is right');
is($crm->sql('SELECT dropped IS NULL FROM capi_event_log ORDER BY id DESC LIMIT 1'), 't', 'check dropped_values: nor is anything dropped');

# --- Another database: a copy of this one, and one in which nothing is

all_sent(); # the twin owes one event alone
$crm->sql("SELECT capi_pause('sales'); SELECT capi_send_lead_event(223456789012999, 'owed', dataset => 'sales')");
$crm->sql('CREATE DATABASE twin TEMPLATE postgres', 'template1');
$crm->sql("SELECT capi_resume('sales')");
all_sent();
$database = 'twin';
my $before = $endpoint->state->{accepted};
is_mended(carries_out('check origin', 'Say `capi_resume` only if events are to be sent from here'), 'sales', sub { }, '',
	sub {
		carries_out('cloned', '`capi_cancel(\'sales\')` before it lets nothing go that is owed');
		ok($crm->until_true("SELECT health = 'held' FROM capi_status WHERE dataset = 'sales'", $database), 'cloned: the dataset is held');
		like($crm->sql("SELECT reason FROM capi_status WHERE dataset = 'sales'", $database), qr/copy/, 'cloned: the reason says why');
		is($crm->sql('SELECT ' . statement('cloned', 'capi_cancel'), $database), 1, 'cloned: what is owed is cancelled');
		$crm->sql('SELECT ' . statement('cloned', 'capi_resume') . "('sales')", $database);
	});
$crm->sql('SELECT change(1)', $database);
ok($endpoint->wait_for('accepted', $before + 1) && $crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $database),
	'cloned: what comes now is sent');
is($endpoint->state->{accepted}, $before + 1, 'cloned: and nothing else');
$crm->sql('DROP DATABASE twin WITH (FORCE)');

$crm->sql('CREATE DATABASE empty');
$database = 'empty';
$crm->sql('CREATE EXTENSION crm_capi', $database);
is_mended(carries_out('check datasets'), 'server', sub { }, '', sub { $crm->create_dataset('sales', database => $database) });
is_mended(carries_out('check watches'), 'server', sub { }, 'No table is watched', sub { $crm->create_crm(1, $database) });
$database = 'postgres';
$crm->sql('DROP DATABASE empty WITH (FORCE)');

# --- Conditions: "many" is in dry_run, which checks them as well

$crm->sql(<<'SQL');
CREATE FUNCTION may_go() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('crm.session', true) IS NULL THEN
        RAISE EXCEPTION 'not yet' USING ERRCODE = '55P03';
    END IF;
    RETURN true;
END $$;
CREATE FUNCTION create_checked(name text, dataset text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (id integer PRIMARY KEY, fb bigint, stage text)', name);
    PERFORM capi_watch(name::regclass, 'fb', 'stage', dataset, condition => 'public.may_go()', recheck => true);
END $$;
SQL
$crm->create_dataset('many', mode => 'dry_run');
$crm->sql("CREATE TABLE unchecked (id integer PRIMARY KEY, fb bigint, stage text);
	SELECT capi_watch('unchecked', 'fb', 'stage', 'many')");
is_mended(carries_out('check conditions: A condition could not be checked', 'call `capi_watch` without it: what waits then goes'), 'server',
	sub {
		$crm->sql("SELECT create_checked('many', 'many');
			INSERT INTO many SELECT i, 22345678901230000 + i, 'new' FROM generate_series(1, 101000) i;
			INSERT INTO unchecked VALUES (1, 32345678901239999, 'new')");
		ok($crm->until_true("SELECT status = 'dry_run' FROM capi_events WHERE lead_id = '32345678901239999'"),
			'conditions: more events that wait than a shelf takes hold up no other one of their dataset');
	},
	'public.many.*55P03',
	sub { $crm->sql("SELECT capi_unwatch('many'); SELECT capi_watch('many', 'fb', 'stage', 'many')") });
ok(all_sent(), 'and what waited has gone');
is_mended(carries_out('check conditions: A condition could not be checked', 'See what the condition waits for'), 'server',
	sub { $crm->sql("SELECT create_checked('checked', 'sales'); INSERT INTO checked VALUES (1, 22345678901239999, 'new')") },
	'public.checked.*55P03', sub { $crm->sql('CREATE OR REPLACE FUNCTION may_go() RETURNS boolean LANGUAGE sql AS $$ SELECT true $$') });
ok(all_sent(), 'and its event has gone');

# --- The server

my ($host) = row_of('host', 'server') =~ /(\S+)\.$/;
is_mended(carries_out('check host', 'Add it and reload'), 'server', sub { reload_with("ALTER SYSTEM SET crm_capi.hosts = 'elsewhere'") },
	'does not name this host', sub { reload_with("ALTER SYSTEM SET crm_capi.hosts = 'elsewhere', '$host'") });
is_mended(carries_out('check shipper', '`crm_capi.databases` leaves out'), 'server',
	sub { reload_with("ALTER SYSTEM SET crm_capi.databases = 'elsewhere'") },
	'does not name this database', sub { reload_with('ALTER SYSTEM RESET crm_capi.databases') });
is_mended(carries_out('check workers', 'The hint has the number to set'), 'server',
	sub { restart_with('crm_capi.max_shippers' => 8, max_worker_processes => 10) }, '',
	sub {
		my ($number) = hint('workers') =~ /max_worker_processes to (\d+)/;
		restart_with(max_worker_processes => $number);
	});
is_mended(carries_out('check conditions: No worker can be started', 'raise `max_worker_processes`'), 'server',
	sub {
		restart_with(max_worker_processes => 3);
		$crm->shipper_pid;
		$crm->sql("INSERT INTO checked VALUES (2, 22345678901239998, 'new')");
	},
	'No worker can be started', sub { restart_with(max_worker_processes => 20) });
is_mended(carries_out('check launcher', '`max_worker_processes` was used up when the server started: raise it and restart'), 'server',
	sub { restart_with(max_worker_processes => 0) }, 'is not running', sub { restart_with(max_worker_processes => 20) });
is_mended(carries_out('check preload', 'Add it and restart'), 'server', sub { restart_with(shared_preload_libraries => '') }, '',
	sub { restart_with(shared_preload_libraries => 'crm_capi') });

done_testing();
