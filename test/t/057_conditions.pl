# Conditions that are checked before sending are other people's code. Whatever one does, only events
# of its own watch wait for it: those of others go on, from the same shipper.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

# What tells the CRM's sessions from workers.
$ENV{PGOPTIONS} = '-c crm.session=on';

my $crm = CrmCapi->new('conditions', bare => 1, conf => "crm_capi.poll_interval = '1s'\nrestart_after_crash = on\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales');
$crm->create_dataset('partners', dataset_id => $StandIn::OTHER_DATASET);
$crm->create_crm(100);

# Other people: each owns a table with a condition that is checked again, and nothing else. It does
# what `behaviour` says of the table, but only in workers: the CRM's own statement goes through.
$crm->sql(<<'SQL');
CREATE TABLE behaviour (guarded text PRIMARY KEY, how text);
GRANT SELECT ON behaviour TO PUBLIC;
CREATE FUNCTION in_worker() RETURNS boolean LANGUAGE sql AS
$$ SELECT current_setting('crm.session', true) IS NULL $$;
CREATE FUNCTION may_go(guarded_table text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    how text := (SELECT b.how FROM public.behaviour b WHERE b.guarded = guarded_table);
BEGIN
    IF NOT public.in_worker() OR how = 'well' THEN
        RETURN true;
    ELSIF how = 'sleep' THEN
        PERFORM pg_sleep(600);
    ELSIF how = 'hold out' THEN
        LOOP
            BEGIN
                PERFORM pg_sleep(600);
            EXCEPTION WHEN query_canceled THEN NULL;
            END;
        END LOOP;
    ELSE
        RAISE EXCEPTION 'I do not want to' USING ERRCODE = how;
    END IF;
    RETURN true;
END $$;
CREATE PROCEDURE create_guarded(owner text, guarded text, condition text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE ROLE %I; GRANT USAGE ON FOREIGN SERVER partners TO %1$I; GRANT CREATE ON SCHEMA public TO %1$I', owner);
    EXECUTE format('SET ROLE %I', owner);
    EXECUTE format('CREATE TABLE %I (id integer PRIMARY KEY, fb bigint, stage text)', guarded);
    PERFORM capi_watch(guarded::regclass, 'fb', 'stage', 'partners', condition => condition, recheck => true);
    RESET ROLE;
    INSERT INTO behaviour VALUES (guarded, 'well');
END $$;
CALL create_guarded('anna', 'guarded', 'public.may_go(''guarded'')');
SQL

my $last_lead = 0;
my $arrived = 0;

# A lead's event whose condition is to be checked; returns the lead.
sub guarded_event
{
	my ($table) = @_;
	my $lead = 22345678901230000 + ++$last_lead;
	$table //= 'guarded';
	$crm->sql("INSERT INTO $table VALUES ($last_lead, $lead, 'new')");
	return $lead;
}

sub behave
{
	my ($how, $table) = @_;
	$table //= 'guarded';
	$crm->sql("UPDATE behaviour SET how = '$how' WHERE guarded = '$table'");
	return;
}

# Test: the endpoint gets so many more events, and after that has them all, each once.
sub arrive
{
	my ($count, $test_name) = @_;
	$arrived += $count;
	$endpoint->wait_for('accepted', $arrived);
	is(scalar($endpoint->accepted), $arrived, $test_name);
	return;
}

# Test: so many events are owed, once the answers for the others have been written down.
sub owes
{
	my ($count, $test_name) = @_;
	ok($crm->until_true("SELECT count(*) = $count FROM capi_owed"), $test_name);
	return;
}

my $recheckers = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'crm_capi rechecker'";

# Waits until a process hangs in a condition; returns it.
sub hanging_rechecker
{
	my ($other_than) = @_;
	$other_than //= 0;
	my $hangs = "$recheckers AND wait_event = 'PgSleep' AND pid <> $other_than";
	$crm->until_true("SELECT EXISTS ($hangs)") or die 'no condition hangs';
	return $crm->sql("$hangs LIMIT 1");
}

# Test: the doctor says this of conditions.
sub doctor_says
{
	my ($status, $detail, $test_name) = @_;
	ok( $crm->until_true("SELECT status = '$status' AND detail LIKE '$detail' FROM capi_check()
	                      WHERE check_name = 'conditions'"),
		$test_name);
	return;
}

sub set_timeout
{
	my ($timeout) = @_;
	$crm->sql("ALTER SYSTEM SET crm_capi.condition_timeout = '$timeout'");
	$crm->sql('SELECT pg_reload_conf()');
	$crm->until_true("SELECT current_setting('crm_capi.condition_timeout') = '$timeout'")
	  or die 'the setting does not come';
	return;
}

my $shipper = $crm->shipper_pid;

# --- All is well

guarded_event();
arrive(1, 'an event whose condition holds arrives');
doctor_says('ok', 'No event waits%', 'and the doctor is content');

# --- Errors that would end a session's statement

for my $code ('40001', '57014', '53200', '55P03', '08006')
{
	behave($code);
	guarded_event();
	doctor_says('warning', "Events that wait%: 1. Last was watch public.guarded.%: SQLSTATE $code.", "a condition raises $code: the doctor says so");
	$crm->change(1, 2);
	arrive(2, 'events of others arrive');
	owes(1, 'its own event waits');
	behave('well');
	arrive(1, 'and arrives when the condition can be told');
}
is($crm->shipper_pid, $shipper, 'all of it from one shipper');
is( $crm->sql("SELECT count(*) FROM capi_events WHERE status IN ('parked', 'cancelled')"),
	0, 'nothing was parked');

behave('22012');
my $lead = guarded_event();
ok( $crm->until_true("SELECT status = 'parked' AND reason_code = 'condition_unknown'
                      FROM capi_events WHERE lead_id = $lead"),
	'an error that stays parks the event');
behave('well');

# --- A table that is locked

my $locker = $node->background_psql('postgres');
behave('40001');
guarded_event();
doctor_says('warning', '%SQLSTATE 40001.', 'an event waits');
$locker->query_safe('BEGIN; LOCK TABLE guarded');
behave('well');
doctor_says('warning', '%SQLSTATE 55P03.', 'its table is locked: the doctor says so');
$crm->change(1, 2, 3);
arrive(3, 'events of others arrive meanwhile');
owes(1, 'its own event waits');
$locker->query_safe('COMMIT');
arrive(1, 'and arrives without the lock');

# --- A condition that takes its time

set_timeout('5min');
behave('sleep');
$lead = guarded_event();
my $sleeper = hanging_rechecker();
$crm->change(1, 2, 3);
arrive(3, 'while a condition hangs, events of others arrive');
is(hanging_rechecker(), $sleeper, 'it hangs all the time');
ok( $crm->until_true(
		"SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE pid = $shipper"),
	'the shipper holds no snapshot for it');

$crm->sql("SELECT pg_terminate_backend($sleeper)");
$sleeper = hanging_rechecker($sleeper);
pass('whoever ends the process gets another one');
$crm->change(1);
arrive(1, 'of which others know nothing');
is($crm->shipper_pid, $shipper, 'nor does the shipper end');

note sprintf 'fast shutdown while a condition hangs: %.2f s',
  $crm->seconds(sub { $node->stop('fast') });
$node->start;
$sleeper = hanging_rechecker();
pass('after a restart it is asked again');

kill 'KILL', $sleeper;
$crm->until_true("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $sleeper)")
  or die 'the server does not come back';
$sleeper = hanging_rechecker($sleeper);
$crm->change(1);
arrive(1, 'after a crash of the process others go on');
behave('well');
$crm->sql("SELECT pg_terminate_backend($sleeper)");
arrive(1, 'and its event arrives');
is($endpoint->repeated, '', 'nothing went twice');

# --- A limit of time

set_timeout('300ms');
behave('sleep');
guarded_event();
doctor_says('warning', '%SQLSTATE 57014.', 'a condition that takes too long is ended');
behave('hold out');
ok( $crm->wait_until(
		sub {
			slurp_file($node->logfile) =~
			  /process that checks the condition of watch "public\.guarded\.\w+" does not answer/;
		}),
	'one that does not heed that is ended as well');
$crm->change(1);
arrive(1, 'events of others arrive');
behave('well');
arrive(1, 'its own arrives as soon as it can be told');

# --- More watches that hang than there are processes

my @others = map { "guarded_$_" } 1 .. 6;
$crm->sql("CALL create_guarded('owner_of_$_', '$_', 'public.may_go(''$_'')')") for @others;
set_timeout('2s');
behave('sleep', $_) for @others;
guarded_event($_) for @others;
hanging_rechecker();
guarded_event() for 1 .. 3;
arrive(3, 'while six watches hang, a seventh gets its turn');
behave('well', $_) for @others;
arrive(6, 'and they have theirs when they work');

# --- Row-level security

$crm->sql(<<'SQL');
CREATE TABLE consents (fb bigint, given boolean);
ALTER TABLE consents ENABLE ROW LEVEL SECURITY;
CREATE POLICY anna ON consents TO anna USING (fb % 2 = 0);
GRANT SELECT ON consents TO anna;
INSERT INTO consents SELECT 22345678901232000 + i, true FROM generate_series(1, 2) i;
SET ROLE anna;
CREATE TABLE shy (id integer PRIMARY KEY, fb bigint, stage text);
SELECT capi_watch('shy', 'fb', 'stage', 'partners', recheck => true,
                  condition => 'NOT public.in_worker() OR (SELECT c.given FROM public.consents c WHERE c.fb = NEW.fb)');
INSERT INTO shy SELECT i, 22345678901232000 + i, 'new' FROM generate_series(1, 2) i;
SQL
arrive(1, 'a row that policies let the owner see counts');
ok( $crm->until_true("SELECT reason_code = 'condition_false' FROM capi_events WHERE lead_id = 22345678901232001"),
	'and one that they hide does not');

# --- What a condition leaves in its session

$crm->sql(<<'SQL');
CREATE FUNCTION leave_traces() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    command text;
BEGIN
    FOREACH command IN ARRAY ARRAY['PREPARE left_behind AS SELECT 1',
        'SELECT set_config(''work_mem'', ''64kB'', false)', 'SELECT pg_advisory_lock(7)', 'LISTEN anything',
        'CREATE TEMPORARY TABLE left_behind (i integer)', 'SET statement_timeout = 0'] LOOP
        BEGIN
            EXECUTE command;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    RETURN true;
END $$;
CREATE FUNCTION is_clean() RETURNS boolean LANGUAGE sql SET search_path = pg_catalog, public AS $$
SELECT NOT in_worker()
       OR NOT EXISTS (SELECT FROM pg_prepared_statements) AND current_setting('work_mem') = '4MB'
       AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')
       AND NOT EXISTS (SELECT pg_listening_channels())
       AND to_regclass('pg_temp.left_behind') IS NULL $$;
CALL create_guarded('messy', 'traces', 'NOT public.in_worker() OR public.leave_traces()');
CREATE ROLE clean;
GRANT USAGE ON FOREIGN SERVER partners TO clean;
GRANT CREATE ON SCHEMA public TO clean;
SQL
guarded_event('traces');
arrive(1, 'a condition leaves in its session whatever it can');
is($crm->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, 'no lock of that session');
$crm->sql(<<'SQL');
ALTER TABLE traces OWNER TO clean;
SET ROLE clean;
SELECT capi_unwatch('traces');
SELECT capi_watch('traces', 'fb', 'stage', 'partners', condition => 'public.is_clean()', recheck => true);
SQL
guarded_event('traces');
arrive(1, 'the next owner of the same watch finds nothing of it');

# --- Many events

my $events = 3000;
my $requests = $crm->sql('SELECT count(*) FROM capi_requests');
$crm->sql("INSERT INTO guarded SELECT 5000 + i, 22345678901240000 + i, 'new' FROM generate_series(1, $events) i");
note sprintf '%d events, each with a condition: %.1f s', $events,
  $crm->seconds(sub { arrive($events, 'many events arrive') });
cmp_ok($crm->sql('SELECT count(*) FROM capi_requests') - $requests,
	'<', $events / 4, 'by requests that carry many');

# --- A statement that needs the database for itself

$crm->sql('CREATE DATABASE branch');
$crm->sql('CREATE EXTENSION crm_capi', 'branch');
$crm->create_dataset('sales', database => 'branch');
$crm->sql(<<'SQL', 'branch');
CREATE FUNCTION hang() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('crm.session', true) IS NULL THEN
        PERFORM pg_sleep(600);
    END IF;
    RETURN true;
END $$;
CREATE TABLE leads (id integer PRIMARY KEY, fb bigint, stage text);
SELECT capi_watch('leads', 'fb', 'stage', condition => 'public.hang()', recheck => true);
SQL
set_timeout('5min');
$crm->sql("INSERT INTO leads VALUES (1, 22345678901239001, 'new')", 'branch');
hanging_rechecker();
$crm->sql('ALTER DATABASE branch RENAME TO twig');
pass('a database can be renamed while a condition hangs in it');
hanging_rechecker();
$crm->sql('DROP DATABASE twig');
pass('and dropped');

# --- No worker

$node->append_conf('postgresql.conf', "max_worker_processes = 3\n");
$node->restart;
$crm->shipper_pid;
guarded_event();
doctor_says('error', 'No worker can be started%', 'without a worker the doctor says so');
$crm->change(1, 2, 3);
arrive(3, 'events of others arrive');
owes(1, 'those with a condition wait');
$node->append_conf('postgresql.conf', "max_worker_processes = 8\n");
$node->restart;
arrive(1, 'and arrive with one');
doctor_says('ok', '%', 'and all is well');
owes(0, 'nothing is left behind');

done_testing();
