# Twelve databases and three slots: they take turns, and whoever is without a shipper is served when
# something is due.
#
# The poll interval is an hour: nothing here is due to a poll. What is told of a database that waits for more
# than a minute has a file of its own (073_long_wait.pl), because it takes that minute.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'turns',
	bare => 1,
	conf => "crm_capi.poll_interval = '1h'
crm_capi.max_shippers = 3
max_worker_processes = 12
max_prepared_transactions = 2
restart_after_crash = on
autovacuum = off
");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
my @databases = map { "crm$_" } 1 .. 12;

# Databases with a dataset, each the copy of one, and leads that no other database has. A request carries five
# events, and one follows the other.
sub create_databases
{
	$crm->sql('CREATE DATABASE model');
	$crm->sql('CREATE EXTENSION crm_capi', 'model');
	$crm->create_dataset(
		'sales',
		database => 'model',
		batch_size => 5,
		max_in_flight => 1,
		timeout => '20s');
	$crm->create_crm(0, 'model');
	$crm->sql(join '', map { "CREATE DATABASE $_ TEMPLATE model;\n" } @databases);
	$crm->sql('DROP DATABASE model');
	for my $number (1 .. @databases)
	{
		$crm->sql("SELECT capi_resume('sales')", "crm$number");
		$crm->sql("INSERT INTO leads (id, fb_lead_id, status)
		           SELECT i, 12345678901230000 + $number * 1000 + i, 'stage 0' FROM generate_series(1, 250) i", "crm$number");
	}
	return;
}

# Test: what all of them have committed has arrived, and is settled.
sub all_arrived
{
	my ($test_name, @options) = @_;
	my $directory = $endpoint->directory;
	my ($settled, $expected) = (1, '');
	for my $database (@databases)
	{
		$settled = 0 unless $crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $database);
		$expected .= $crm->sql(<<"SQL", $database) . "\n";
SELECT json_build_object('lead_id', lead_id, 'event_name', stage,
                         'event_time', floor(extract(epoch FROM changed_at))::bigint)
FROM history ORDER BY seq
SQL
	}
	append_to_file("$directory/expected.jsonl", $expected);
	my ($agrees, $output) = $endpoint->compare("$directory/expected.jsonl", @options);
	unlink "$directory/expected.jsonl";
	ok($agrees && $settled, $test_name) or diag "settled: $settled; $output";
	note $output;
	return;
}

sub forget
{
	$crm->sql('TRUNCATE history', $_) for @databases;
	$endpoint->forget;
	return;
}

# So many leads of a database change in one transaction.
sub change_many
{
	my ($database, $leads) = @_;
	$crm->sql("SELECT change(i) FROM generate_series(1, $leads) i", $database);
	return;
}

sub shippers
{
	return $crm->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'");
}

# No shipper serves the database, and it does not need one.
sub rests
{
	my ($database) = @_;
	return $crm->until_true("SELECT state = 'resting' FROM capi_service()", $database);
}

# These databases have so much to send that they would keep all slots for a minute.
my @busy = @databases[ 0 .. 3 ];

sub keep_slots_busy
{
	$endpoint->script({ match => { event_name => 'other' }, action => {} }, @_, { action => { delay => 0.1 } });
	change_many($_, 250) for @busy;
	return;
}

# --- Nothing to do

create_databases();
all_arrived('twelve databases deliver, three at a time');
for my $database (@databases)
{
	is($crm->sql('SELECT health, reason FROM capi_status', $database), 'ok|',
		"$database is ok, whether a shipper is there or not");
}
is( $crm->sql('SELECT slots, databases, waiting, waiting_since FROM capi_slots()', 'crm1'),
	'3|12|0|', 'of twelve databases none waits');
$crm->sql('CREATE DATABASE bare');
$crm->sql('CREATE EXTENSION crm_capi', 'bare');
ok(rests('bare'), 'a database without a dataset needs no shipper');
is($crm->sql("SELECT status, detail FROM capi_check() WHERE check_name = 'shipper'", 'bare'),
	'ok|This database needs no shipper now; one comes when there is something to do.',
	'as the doctor says');
$crm->sql('DROP DATABASE bare');

# --- Under load, while shippers and launcher are ended

forget();
append_to_file($node->basedir . '/writer.sql', "\\set lead random(1, 250)\nSELECT change(:lead);\n");
my @writers;
for my $database (@databases)
{
	my $output = '';
	push @writers,
	  IPC::Run::start(
		[ 'pgbench', '-n', '-f', $node->basedir . '/writer.sql', '-R', 10, '-T', 6, $node->connstr($database) ],
		'<', \undef, '>', \$output, '2>&1');
}
my $most = 0;
for my $round (1 .. 3)
{
	$endpoint->wait_for('accepted', 100 * $round);
	$crm->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	           WHERE backend_type = 'crm_capi shipper' ORDER BY backend_start LIMIT 1");
	my $now = shippers();
	$most = $now if $now > $most;
}
$crm->sql('SELECT pg_terminate_backend(' . $crm->launcher_pid . ')');
$_->finish for @writers;
is(scalar(grep { $_->result(0) != 0 } @writers), 0, 'the writers notice nothing');
all_arrived('under load, with shippers and launcher ended, all arrives', '--repeats-are-fine');
cmp_ok($most, '<=', 3, 'from three shippers at most');

# --- A large backlog holds up nobody

forget();
keep_slots_busy();
$endpoint->wait_for('accepted', 5);
$crm->sql('SELECT change(1)', 'crm7');
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', 'crm7'), 'an event is delivered');
my $left = 0;
$left += $crm->sql('SELECT count(*) FROM capi_owed', $_) for @busy;
cmp_ok($left, '>', 0, 'while four databases have more to send than there are slots');

# Of that database all is told by its cursor: the next shipper need not look for what has become of its events.
sub looks_at_settlements
{
	return $crm->sql("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'capi_settlement'", 'crm7');
}
ok(rests('crm7'), 'it gives its slot away');
my $looks = looks_at_settlements();
cmp_ok($looks, '>', 0, 'the first one has looked through what is final');
$crm->sql('SELECT change(2)', 'crm7');
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', 'crm7') && rests('crm7'),
	'the next event has come and gone');
is(looks_at_settlements(), $looks, 'and its shipper has not');
$crm->sql("SELECT capi_pause('sales')", 'crm7');
$crm->sql('SELECT change(3)', 'crm7');
is($crm->sql("SELECT capi_cancel('sales')", 'crm7'), 1, 'what is decided without a shipper');
$crm->sql("SELECT capi_resume('sales')", 'crm7');
ok(rests('crm7'), 'is heeded by the next one');
is($crm->sql("SELECT capi_retry(ARRAY(SELECT id FROM capi_undelivered WHERE status = 'cancelled'))", 'crm7'), 1,
	'and so is what is decided about that');
$endpoint->script();
all_arrived('in the end all arrives');

# --- COMMIT PREPARED in a database without a shipper

forget();
ok(rests('crm8'), 'a database rests') if $crm->sql("SELECT state FROM capi_service()", 'crm8') ne 'running';
$crm->sql("BEGIN; SELECT change(1); PREPARE TRANSACTION 'later'", 'crm8');
$crm->sql("COMMIT PREPARED 'later'", 'crm8');
ok($endpoint->wait_for('accepted', 1), 'what was prepared is sent when it is committed');

# --- A retry is due in a database without a shipper, and a deadline comes in another; the launcher is lost meanwhile

forget();
keep_slots_busy(
	{ times => 1, match => { event_name => 'again' },
		action => { code => 4, headers => { 'X-App-Usage' => '{"call_count":85}' } } });
$crm->sql("SELECT capi_send_lead_event(12345678901290001, 'again')", 'crm9');
$crm->sql("SELECT capi_pause('sales')", 'crm10');
$crm->sql("SELECT capi_send_lead_event(12345678901290002, 'old', clock_timestamp() - interval '7 days' + interval '30 s')",
	'crm10');
ok( $crm->until_true("SELECT health = 'retrying' FROM capi_status", 'crm9'),
	'a dataset has to wait until it may try again');
ok(rests('crm9'), 'it holds no slot meanwhile');
is( $crm->sql('SELECT health, owed FROM capi_status', 'crm9'), 'retrying|1', 'and is not forgotten');
ok(rests('crm10'), 'a dataset is paused, and its database rests');
like($crm->sql("SELECT status FROM capi_events WHERE event_name = 'old'", 'crm10'), qr/^(pending|held)$/,
	'with an event that is owed, whether a shipper has seen it yet or not');
$crm->sql('SELECT pg_terminate_backend(' . $crm->launcher_pid . ')');
ok( $crm->until_true("SELECT status = 'delivered' FROM capi_events WHERE event_name = 'again'", 'crm9'),
	'the time of the one comes, though another launcher has to know of it');
is( $crm->sql("SELECT outcome FROM capi_requests WHERE events @> (SELECT id FROM capi_events WHERE event_name = 'again')
               ORDER BY id", 'crm9'),
	"slow_down\ndelivered", 'it was tried again once, not by each shipper');
ok( $crm->until_true("SELECT status = 'expired' FROM capi_events WHERE event_name = 'old'", 'crm10'),
	'the event of the other expires when its seven days are over');
$crm->sql("SELECT capi_resume('sales')", 'crm10');
$endpoint->script();

# --- Killed

$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $_) for @databases;
forget();
$endpoint->script({ action => { delay => 0.1 } });
change_many($_, 40) for @databases;
$endpoint->wait_for('accepted', 60);
# One may have given its slot away since we saw it.
ok( $crm->wait_until(
		sub {
			my ($victim) = Query::run($node->connstr('postgres'),
				"SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'");
			kill 'KILL', $victim if $victim;
			return slurp_file($node->logfile) =~ /shipper.*was terminated by signal 9/;
		}),
	'a shipper is killed');
$endpoint->wait_for('accepted', 200);
$crm->kill_postmaster;
$endpoint->script();
change_many($_, 3) for @databases;
all_arrived('after kill -9 of a shipper and of the server all arrives, from each database',
	'--repeats-are-fine');

# --- A planned restart

forget();
$endpoint->script({ action => { delay => 0.1 } });
change_many($_, 40) for @databases;
$endpoint->wait_for('accepted', 60);
$node->restart;
$endpoint->script();
all_arrived('after a restart all arrives', '--repeats-are-fine');
unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:/, 'nothing crashed by itself');

done_testing();
