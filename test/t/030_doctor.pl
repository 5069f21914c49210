# capi_check(), the doctor: what it says of a server, of datasets and their endpoints, of a funnel and
# of watches that are well, and of each that is not.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('doctor', conf => "max_wal_senders = 2\nwal_level = replica\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my %seen;

# "status detail" of a check, in the result of a call.
sub check
{
	my ($name, %options) = @_;
	my $subject = $options{subject} // 'sales';
	my $result = ($options{on} // $crm)->sql(
		"SELECT c.status || ' ' || c.detail FROM capi_check("
		  . ($options{send} ? 'send => true' : '')
		  . ") c WHERE c.check_name = '$name' AND c.subject = '$subject'");
	return $result;
}

sub note_checks
{
	$seen{$_} = 1 for split /\n/, $crm->sql('SELECT DISTINCT check_name FROM capi_check(send => true)');
	return;
}

# --- All is well

# A funnel of 300 leads: all begin, half qualify, a tenth converts.
$crm->sql(<<'SQL');
SELECT capi_send_lead_event(22345678901230000 + i, s.stage, now() - s.ago, 'sales')
FROM generate_series(1, 300) i,
     (VALUES (1, 'raw', interval '3 hours', 1), (2, 'qualified', interval '2 hours', 2),
             (3, 'converted', interval '1 hour', 10)) s(place, stage, ago, every)
WHERE i % s.every = 0 ORDER BY s.place, i
SQL
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
my $accepted = $endpoint->state->{accepted};
my $seconds = $crm->seconds(
	sub {
		is( $crm->sql("SELECT string_agg(subject || ' ' || check_name || ' ' || status || ' ' || detail, chr(10))
		               FROM capi_check() WHERE status <> 'ok'"),
			'', 'all is well');
	});
note sprintf 'check-up: %.2f s', $seconds;
is($endpoint->state->{accepted}, $accepted, 'no event was sent');
my ($probe) = reverse $endpoint->requests;
is($probe->{token_in}, undef, 'and no token');
is(check('lead_coverage'), 'ok Events of 300 of 300 leads were sent (100.0 %).', 'the coverage');
is(check('stages'), 'ok Stages sent: 3.', 'the stages');
is(check('stage_order'),
	'ok Leads begin with "raw"; 0.0 % do not, and 0.0 % had an earlier stage sent after a later one.',
	'their order');
is(check('optimised_stage'), 'ok Stages fit to optimise for: "converted" 10.0 %.',
	'and which are fit to optimise for');
is(check('event_source'), 'ok event_source is crm, lead_event_source is "Odoo".', 'the source');
is(check('watch', subject => 'public.leads'), 'ok The watch is intact.', 'the watch');
is(check('token_accepted'), '', 'whether Meta takes the token is not asked');
is(check('token_accepted', send => 1), 'ok The endpoint takes the access token.', 'unless asked for');
is($endpoint->state->{accepted}, $accepted, 'and then without an event');
note_checks();

# --- The endpoint

$endpoint->script({ action => { headers => { Date => 'Sun, 06 Nov 1994 08:49:37 GMT' } } });
like(check('clock'), qr/^error The clock is \d+ seconds ahead of the endpoint's\.$/, 'a clock that is off');
$endpoint->script({ action => { headers => { Date => 'Fri, 31 Dec 2100 23:59:59 GMT' } } });
like(check('clock'), qr/^error The clock is \d+ seconds behind the endpoint's\.$/, 'to either side');
$endpoint->script({ action => { headers => { Date => 'never' } } });
is(check('clock'), 'warning The endpoint did not tell its time.', 'an answer without a date');
$endpoint->script({ action => { headers => { 'X-Ad-Api-Version-Warning' => 'upgraded' } } });
is(check('api_version'), 'warning Version v27.0 is answered in another version.', 'a version that is replaced');
$endpoint->script();
$crm->sql("ALTER SERVER sales OPTIONS (ADD api_version 'v20.0')");
is(check('api_version', send => 1), 'error Version v20.0 is refused by the endpoint.', 'a version that has ended');
$endpoint->settings(expired_version => 'older');
is(check('api_version'), 'error Version v20.0 ended on 2026-09-24.', 'also if it is still answered');
$endpoint->settings(expired_version => 'refuse');
$crm->sql("ALTER SERVER sales OPTIONS (SET api_version 'v99.0')");
is(check('api_version'), 'warning Version v99.0 is answered in another version.', 'as is one of the future');
$crm->sql('ALTER SERVER sales OPTIONS (DROP api_version)');

$endpoint->script({ action => { code => 190, subcode => 463 } });
is(check('token_accepted', send => 1), 'error The endpoint says: access token was refused by Meta.', 'a token that is refused');
$endpoint->script({ action => { code => 200, message => 'no' } });
like(check('token_accepted', send => 1), qr/^error .*permission/, 'one without permission');
$endpoint->script({ action => { code => 4 } });
like(check('token_accepted', send => 1), qr/^warning .* not known/, 'no judgement while throttled');

$endpoint->script({ action => { hold => \1 } });
$seconds = $crm->seconds(
	sub { like(check('endpoint'), qr/^error The endpoint cannot be reached: Timeout/, 'an endpoint that is silent'); });
note sprintf 'check-up with a silent endpoint: %.2f s', $seconds;
$crm->sql("DO \$\$ DECLARE began timestamptz := clock_timestamp(); BEGIN
    PERFORM FROM capi_check(); CREATE TABLE took AS SELECT clock_timestamp() - began AS time; END \$\$");
note 'of these in the server: ' . $crm->sql('SELECT time FROM took');
is($crm->sql("SELECT time BETWEEN '1.4 s' AND '30 s' FROM took"), 't', 'does not keep the doctor waiting');
$endpoint->script();

my @others;
# Others beside it, all at once: dead, not trusted, not the right host, a wrong name.
for my $kind ('wrong-host', 'expired', 'untrusted')
{
	my $other = StandIn->new($node->basedir . "/$kind", '--certificate', $kind);
	push @others, $other;
	$crm->create_dataset(
		$kind =~ s/-/_/r, endpoint => $other->url, ca_file => $other->ca_file);
}
$crm->create_dataset('dead', endpoint => 'https://127.0.0.1:9');
$crm->create_dataset('nowhere', endpoint => 'https://nowhere.invalid');
is( $crm->sql("SELECT string_agg(subject || ' ' || status, ', ' ORDER BY subject) FROM capi_check()
               WHERE check_name = 'endpoint'"),
	'dead error, expired ok, nowhere error, sales ok, untrusted ok, wrong_host ok',
	'endpoints that are dead');
is( $crm->sql("SELECT string_agg(subject || ' ' || status, ', ' ORDER BY subject) FROM capi_check()
               WHERE check_name = 'certificate'"),
	'expired error, sales ok, untrusted error, wrong_host error', 'and that are not trusted');
$crm->sql("DROP SERVER $_ CASCADE") for ('wrong_host', 'expired', 'untrusted', 'dead', 'nowhere');
$_->stop for @others;

# --- A call that hangs can be cancelled

$endpoint->script({ action => { hold => \1 } });
my ($code, undef, $stderr) =
  $node->psql('postgres', "SET statement_timeout = '300ms'; SELECT * FROM capi_check()");
like($stderr, qr/statement timeout/, 'the probe can be cancelled');
$endpoint->script();

# --- The settings of a dataset

my $file = $node->basedir . '/token';
append_to_file($file, "$StandIn::TOKEN\n");
chmod 0600, $file;
$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER sales OPTIONS (DROP access_token, ADD access_token_file '$file')");
is(check('token_file'), "ok File \"$file\" is closed to others.", 'a token file');
is(check('token'), 'ok There is an access token.', 'holds the token');
is(check('token_accepted', send => 1), 'ok The endpoint takes the access token.', 'which is taken');
chmod 0644, $file;
is(check('token_file'), "error File \"$file\" is open to everybody: its mode is 0644.", 'one that all can read');
note_checks();
unlink $file;
is(check('token_file'), "error File \"$file\": No such file or directory.", 'one that is not there');
like(check('token'), qr/^error There is no access token: file "\Q$file\E": No such file/, 'and so no token');
$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER sales OPTIONS (DROP access_token_file, ADD access_token '$StandIn::TOKEN')");

$crm->sql("ALTER SERVER sales OPTIONS (ADD test_event_code 'TEST1')");
is(check('mode'), 'warning Every event is sent with a test_event_code.', 'a test code that was left on');
$crm->sql("ALTER SERVER sales OPTIONS (DROP test_event_code, ADD mode 'dry_run')");
is(check('mode'), 'warning The mode is dry_run: nothing is sent.', 'a dry run');
$crm->sql('ALTER SERVER sales OPTIONS (DROP mode)');

# --- The queue

$crm->sql("SELECT capi_pause('sales')");
$crm->until_true("SELECT health = 'paused' FROM capi_status WHERE dataset = 'sales'");
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'late', now() - interval '167 hours', 'sales')");
is(check('deadline'), 'error The first of the owed events (1) expires in 0 hours.', 'an event near its deadline');
is(check('health'), 'warning The dataset is paused.', 'and why it waits');
$crm->sql("SELECT capi_resume('sales')");
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
is(check('deadline'), 'ok Nothing is owed.', 'sent after all');
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (-1, 7, 'parked')");
is(check('parked'), 'warning Events parked within a day: 1.', 'an event that is parked');

# Another dataset has more events than are looked at: what it hides of this one is looked for further back.
$crm->create_dataset('busy', mode => 'dry_run');
$crm->sql("SELECT count(capi_send_lead_event(42345678901230000 + i, 'raw', dataset => 'busy'))
           FROM generate_series(1, 60000) i");
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
is(check('lead_coverage', subject => 'busy'),
	'ok Events of 50000 of 50000 leads were sent (100.0 %).', 'of a busy dataset the latest events');
like(check('lead_coverage'), qr/^ok Events of 301 of 302 leads/, 'of one beside it all that are not too old');
is(check('parked'), 'warning Events parked within a day: 1.', 'and what was parked');

# A dataset that is dropped with what it owes.
$crm->create_dataset('leaving');
$crm->sql("SELECT capi_pause('leaving');
           SELECT capi_send_lead_event(42345678901230000, 'left', now() - interval '100 hours', 'leaving');
           DROP SERVER leaving CASCADE");
$crm->until_true("SELECT reason LIKE 'dataset%' AND health = 'held' FROM capi_status WHERE dataset = 'leaving'");
like(check('health', subject => 'leaving'), qr/^error The dataset is held: /, 'a dataset that is gone');
is(check('deadline', subject => 'leaving'),
	'ok The first of the owed events (1) expires in 67 hours.', 'and its events');
$crm->sql('SELECT capi_cancel(array_agg(id)) FROM capi_owed');

# A funnel upside down: what comes first is sent last, and every lead converts.
$crm->sql(<<'SQL');
SELECT capi_send_lead_event(32345678901230000 + i, s.stage, now() - s.ago, 'sales')
FROM generate_series(1, 400) i, (VALUES (1, 'won', interval '1 hour'), (2, 'new', interval '2 hours')) s(place, stage, ago)
ORDER BY s.place, i
SQL
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
like(check('stage_order'), qr/^warning Leads begin with "won"; .* had an earlier stage sent after a later one/, 'stages in the wrong order');

# --- The watch

$crm->sql('ALTER TABLE leads ADD COLUMN local_time timestamp DEFAULT now()::timestamp;
           SELECT capi_unwatch(\'leads\');
           SELECT capi_watch(\'leads\', \'fb_lead_id\', \'status\', \'sales\', \'local_time\')');
is(check('event_time', subject => 'public.leads'),
	'warning Taken as UTC, because it has no time zone: local_time.', 'a time without its zone');
$crm->sql('ALTER TABLE leads DISABLE TRIGGER capi_watch_sales');
is(check('watch', subject => 'public.leads'), 'error Trigger capi_watch_sales is disabled.', 'a trigger that is disabled');
like($crm->sql("SELECT hint FROM capi_check() WHERE check_name = 'watch'"), qr/ENABLE TRIGGER/, 'with its remedy');
$crm->sql('ALTER TABLE leads ENABLE TRIGGER capi_watch_sales; ALTER TABLE leads DROP COLUMN local_time');
like(check('watch', subject => 'public.leads'), qr/^error .*local_time/, 'a column that is gone');
my $migration = $node->background_psql('postgres');
$migration->query_safe('BEGIN; LOCK TABLE leads');
is(check('watch', subject => 'public.leads'),
	'error Cannot be told: its table is locked by another transaction.', 'a table that a migration holds');
$migration->quit;
# What a watch has to drop is counted with its events, and told with its causes.
$crm->sql(<<'SQL');
CREATE TABLE contacts (fb_lead_id bigint, status text, email text, phone text);
SELECT capi_watch('contacts', 'fb_lead_id', 'status', 'sales', user_data => '{"em": "email", "ph": "phone"}');
SQL
is(check('dropped_values', subject => 'public.contacts'), 'ok No value of an identity was dropped within 7 days.',
	'nothing was dropped yet');
$crm->sql(<<'SQL');
INSERT INTO contacts VALUES (12345678901234567, 'new', 'jane@x.org', '5.25645E+11'),
	(12345678901234567, 'seen', 'jane', '4.9309E+11'), (12345678901234567, 'met', NULL, '+49 30 901820');
BEGIN;
INSERT INTO contacts VALUES (12345678901234567, 'rolled back', 'nobody', '1');
ROLLBACK;
SQL
is(check('dropped_values', subject => 'public.contacts'),
	'warning Values of identities that were dropped within 7 days: 3 (ph rounded 2, em form 1).',
	'values that could not be used, and why');
$crm->sql("SELECT capi_unwatch('contacts')");
$crm->sql("SELECT capi_unwatch('leads')");
is(check('watches', subject => 'server'),
	'warning No table is watched: only capi_send_lead_event() brings events.', 'no watch at all');

# --- The server

$node->append_conf('postgresql.conf', "crm_capi.databases = 'elsewhere'");
$node->reload;
$crm->until_true('SELECT capi_shipper_pid() IS NULL');
is(check('shipper', subject => 'server'), 'error crm_capi.databases does not name this database.', 'a database that is left out');
$node->append_conf('postgresql.conf', "crm_capi.databases = ''");
$node->reload;
$crm->shipper_pid;

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('doctor_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
my $there = $crm->on($standby);
is(check('shipper', subject => 'server', on => $there),
	'ok This is a standby: nothing is sent until it is promoted.', 'a standby is silent, and says so');
like(check('health', on => $there), qr/^ok The dataset is stopped/, 'which is well');
is(check('endpoint', on => $there), check('endpoint'), 'and can try its way to the endpoint');
$standby->stop;

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
is(check('preload', subject => 'server'), 'error shared_preload_libraries does not name crm_capi.', 'without preloading');
is(check('launcher', subject => 'server'), 'error The launcher is not running.', 'there is no launcher');
is(check('shipper', subject => 'server'), 'error No shipper is running in this database.', 'and no shipper');

# --- The manual

my $manual = slurp_file(dirname(__FILE__) . '/../../docs/doctor.md');
is(join(' ', grep { $manual !~ /^### `$_`$/m } sort keys %seen), '', 'the manual has a section on each check');
cmp_ok(keys %seen, '>', 20, 'of which there are many');

done_testing();
