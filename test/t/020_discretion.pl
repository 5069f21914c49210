# What is not said: no line in the log per event, and the token nowhere - not at debug5, not in an
# error, a view or an activity string, not even when Meta's answer repeats it; nor in a dump by a role that
# may read all data and not the mapping.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('discretion');
my $node = $crm->node;
my $endpoint = $crm->endpoint;
# As long as real ones: the heuristics that clean Meta's texts go by their form.
my $token = 'EAAB' . 'w5ZCqmZBx7o0' x 15 . 'ZDZD';
my $secret = '5f0c3f9a1b7e4d2c8a6b9e0d1c2f3a4b';
my $hash = '973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b';

sub log_from { return slurp_file($node->logfile, $_[0]); }

# --- Silence while all is well

my $offset = -s $node->logfile;
$crm->sql('SELECT change(i) FROM generate_series(1, 100) i') for 1 .. 10;
$crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (-1, 7, 'parked')");
$crm->sql('DELETE FROM history WHERE lead_id = 7');
$crm->arrived_as_committed('a thousand events arrive, one is parked');
is(log_from($offset), '', 'and the server log says nothing about it');

# --- Loud logging

$node->append_conf('postgresql.conf', "log_min_messages = debug5\nlog_error_verbosity = verbose\n");
$node->restart;
$offset = -s $node->logfile;
$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER sales
           OPTIONS (SET access_token '$token', ADD app_secret '$secret')");
$endpoint->stop;
$endpoint->start('--token', $token, '--dataset', $StandIn::DATASET, '--app-secret', $secret);
$crm->forget;

# What a hanging request shows to somebody who looks.
$endpoint->script({ times => 1, action => { hold => \1 } });
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'hangs', user_data => '{\"em\":\"$hash\"}')");
$endpoint->wait_for('held', 1);
my $activity = $crm->sql(
	"SELECT string_agg(a::text, ' ') FROM pg_stat_activity a WHERE backend_type LIKE 'crm_capi%'");
like($activity, qr/crm_capi shipper/, 'pg_stat_activity shows the shipper');
unlike($activity, qr/$token|$secret|$hash|12345678901234567/,
	'and neither token, secret, hash nor lead');
my $title = $crm->shipper_pid;
unlike(slurp_file("/proc/$title/cmdline"), qr/$token|$secret/, 'nor does the process title');
$endpoint->release;
$endpoint->wait_for('accepted', 1);

# Trouble of all kinds, some of which repeats what was sent.
my @troubles = (
	{ code => 100, message => "Malformed access token $token" },
	{ code => 190, message => "Malformed access token $token for $hash" },
	{ code => 2, message => "Bearer $token failed, appsecret_proof of $secret" },
	{ status => 500, body => "token $token" },
	{ status => 200, body => "{\"error\":{\"message\":\"$token\",\"type\":\"$token\",\"code\":1}}" },
	{ status => 200, body => "{\"fbtrace_id\":\"$token\",\"messages\":[\"$token\"]}" },
	{ redirect => "https://localhost:1/?access_token=$token" },
	{ cut => 'after_body' },
	{ reset => \1 });
my $verb = 'ADD';
for my $place ('header', 'query', 'body')
{
	$crm->sql("ALTER SERVER sales OPTIONS ($verb token_in '$place')");
	$verb = 'SET';
	$endpoint->forget;
	$endpoint->script(map { { times => 1, action => $_ } } @troubles);
	my $before = $crm->sql('SELECT coalesce(max(id), 0) FROM capi_requests');
	$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'in the $place $_',
	           user_data => '{\"em\":\"$hash\"}')") for 1 .. 2;
	# A changed option lifts the pause after each trouble.
	for my $met (1 .. @troubles)
	{
		$endpoint->wait_for('requests', $met);
		$crm->until_true("SELECT count(*) >= $met FROM capi_requests
		                  WHERE id > $before AND finished_at IS NOT NULL");
		$crm->sql("ALTER SERVER sales OPTIONS (SET timeout '" . (600 - $met) . "')");
	}
	$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
}
# And nobody there at all.
$endpoint->stop;
$crm->sql("ALTER SERVER sales OPTIONS (SET token_in 'query')");
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'to nobody')");
$crm->until_true("SELECT reason LIKE 'could not connect%' FROM capi_requests ORDER BY id DESC LIMIT 1");
$node->restart;
$endpoint->start;
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');

my $log = log_from($offset);
cmp_ok(length $log, '>', 100_000, 'the server has logged a lot');
for my $word ([ 'token', $token ], [ 'app secret', $secret ], [ 'hash', $hash ],
	[ 'lead id', '12345678901234567' ], [ 'proof', 'appsecret_proof=' ])
{
	my ($line) = $log =~ /^(.*\Q$word->[1]\E.*)$/m;
	is($line, undef, "but no $word->[0]");
}
for my $relation ('capi_requests', 'capi_request_log', 'capi_status', 'capi_dataset',
	'capi_settlement')
{
	my $rows = $crm->sql("SELECT r::text FROM $relation r");
	ok($rows ne '' && $rows !~ /$token|$secret/, "no token in $relation");
}
my $events = $crm->sql('SELECT string_agg(e::text, chr(10)) FROM capi_events e');
unlike($events, qr/$token|$secret|$hash/, 'nor in capi_events, which shows no identities either');

# --- Who may look

$crm->sql("CREATE ROLE clerk LOGIN; GRANT ALL ON leads, history TO clerk;
           GRANT USAGE ON SEQUENCE history_seq_seq TO clerk");
for my $relation ('capi_event_log', 'capi_requests', 'capi_events', 'capi_dataset')
{
	my ($code, undef, $stderr) =
	  $node->psql('postgres', "SET ROLE clerk; SELECT count(*) FROM $relation");
	like($stderr, qr/permission denied/, "$relation is not for everybody");
}
$crm->forget;
$crm->sql('SET ROLE clerk; SELECT change(i) FROM generate_series(1, 3) i');
$crm->arrived_as_committed('a role without any right on the extension writes, and events are sent');

# --- What a dump holds

sub dump_of
{
	my ($role) = @_;
	my $file = $node->basedir . "/$role.sql";
	$node->command_ok([ 'pg_dump', '-U', $role, '-f', $file, 'postgres' ], "the database is dumped by $role");
	return slurp_file($file);
}

my $superuser = $crm->sql('SELECT current_user');
$crm->sql('CREATE ROLE archivist LOGIN IN ROLE pg_read_all_data');
my $dump = dump_of('archivist');
ok($dump =~ /^COPY public\.capi_dumped_event_log .*^\d+\t.*\t12345678901234567\t/ms, 'a role that may read all data dumps the queue');
ok($dump =~ /^CREATE USER MAPPING FOR public SERVER sales;$/m, 'and that there is a mapping');
ok($dump !~ /$token|$secret/, 'but neither token nor secret, which it may not read');
ok(dump_of($superuser) =~ /access_token '$token',\s+app_secret '$secret'/, 'a superuser dumps them');

done_testing();
