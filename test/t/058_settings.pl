# Whatever a session, a database or a role has set: the CRM's statement goes on, and the shipper runs and
# sends, without being started again and again.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('settings', bare => 1, conf => "crm_capi.poll_interval = '500ms'\nallow_in_place_tablespaces = on\n");
my $node = $crm->node;
my $major = int($crm->sql('SHOW server_version_num') / 10000);
# 19 knows one kind of string literals only.
my $backslashes = $major >= 19 ? 'SET standard_conforming_strings = on'
  : 'SET standard_conforming_strings = off; SET escape_string_warning = off';

# --- An installation where everything is made in other places and other ways by default

$crm->sql($_) for q{CREATE TABLESPACE elsewhere LOCATION ''},
  'CREATE ROLE nobody', 'CREATE ROLE crm_user SUPERUSER LOGIN', 'CREATE DATABASE crm';
$crm->sql('CREATE ACCESS METHOD other_heap TYPE TABLE HANDLER heap_tableam_handler', 'crm');
$crm->sql('SET default_table_access_method = other_heap; SET default_tablespace = elsewhere; CREATE EXTENSION crm_capi', 'crm');
is( $crm->sql(q{SELECT DISTINCT a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam
                WHERE c.relkind = 'r' AND c.relname LIKE 'capi%'}, 'crm'),
	'heap', 'our tables are heaps, whatever the default is');
$crm->create_dataset('sales', database => 'crm');
$crm->sql(<<'SQL', 'crm');
CREATE SEQUENCE number;
CREATE TABLE plain (id bigint PRIMARY KEY, lead bigint, stage text);
SELECT capi_watch('plain', 'lead', 'stage', repeat => 'first');
CREATE TABLE rich (id bigint PRIMARY KEY, lead bigint, stage text, name text);
SELECT capi_watch('rich', 'lead', 'upper(NEW.stage)', user_data => '{"fn": "name"}', condition => 'NEW.stage <> ''no''',
                  recheck => true);
GRANT ALL ON ALL TABLES IN SCHEMA public TO nobody;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO nobody;
REVOKE ALL ON capi_event_log, capi_settlement, capi_dataset, capi_event_id FROM nobody;
SQL

# What the CRM does, on one connection; each time four events, one of which is parked.
my $rounds = 0;
my $writes = <<'SQL';
INSERT INTO public.plain VALUES (nextval('public.number'), 12345678901230000 + currval('public.number'), 'new');
UPDATE public.plain SET stage = 'next' WHERE id = currval('public.number');
INSERT INTO public.rich VALUES (nextval('public.number'), 12345678901230000 + currval('public.number'), 'new', 'Anna');
INSERT INTO public.plain VALUES (nextval('public.number'), 7, 'parked');
SQL

sub write_with
{
	my ($settings, $test_name, $end) = @_;
	my ($status, undef, $error) = $node->psql('crm', "$settings\n$writes" . ($end // ''), on_error_stop => 1);
	is("$status $error", '0 ', $test_name);
	$rounds++;
	return;
}

# Test: what was written has arrived.
sub arrives
{
	my ($test_name) = @_;
	ok( $crm->wait_until(sub { $crm->endpoint->accepted == 3 * $rounds }), $test_name)
	  or diag scalar($crm->endpoint->accepted) . ' of ' . 3 * $rounds;
	return;
}

write_with('', 'a session without settings');
arrives('what it wrote arrives');
my $first_shipper = $crm->shipper_pid('crm');

# --- Sessions

my @settings = (
	"SET ROLE nobody", "SET lock_timeout = '50ms'", "SET statement_timeout = '60s'",
	"SET row_security = off", "SET jit_above_cost = 0; SET jit = on; SET jit_inline_above_cost = 0",
	"SET default_tablespace = elsewhere", "SET default_table_access_method = other_heap",
	"SET default_transaction_isolation = 'serializable'", "SET default_transaction_deferrable = on",
	"SET search_path = pg_temp; CREATE TEMP TABLE capi_event_log (id int); CREATE TEMP TABLE capi_dataset (id int);
	 CREATE TEMP TABLE capi_settlement (id int); CREATE TEMP TABLE capi_reached_stage (id int);
	 CREATE TEMP TABLE capi_cursor (id int); CREATE TEMP SEQUENCE capi_event_id; CREATE TEMP TABLE capi_tombstone (id int)",
	"SET search_path = ''", $backslashes,
	"SET transform_null_equals = on", "SET DateStyle = 'German'; SET IntervalStyle = 'sql_standard'",
	"SET TimeZone = 'Asia/Tokyo'", "SET bytea_output = 'escape'; SET extra_float_digits = -15",
	"SET quote_all_identifiers = on", "SET plan_cache_mode = force_custom_plan",
	$major >= 16 ? "SET debug_parallel_query = on" : "SET force_parallel_mode = on",
	"SET enable_indexscan = off; SET enable_bitmapscan = off", "SET enable_seqscan = off",
	"SET check_function_bodies = off", "SET client_encoding = 'LATIN1'", "SET synchronous_commit = off",
	"SET work_mem = '64kB'", "SET array_nulls = off", "SET idle_in_transaction_session_timeout = '1min'",
	$major >= 17 ? ("SET transaction_timeout = '60s'") : ());
write_with("$_;", $_ =~ s/\s+/ /gr) for @settings;
arrives('what sessions with settings wrote arrives');
is($crm->sql("SELECT count(*) FROM capi_event_log", 'crm'), 4 * $rounds, 'and the rest is parked');
write_with('SET session_replication_role = replica;', 'a session that is a replica');
$rounds--;
is($crm->sql("SELECT count(*) FROM capi_event_log", 'crm'), 4 * $rounds, 'has no events');
write_with('SET default_transaction_read_only = on; BEGIN READ WRITE;', 'a session that reads by default', 'COMMIT;');
arrives('what it wrote arrives');

# --- The database and the role, for the shipper that starts with them

my @for_all = (
	"role = 'nobody'", "session_authorization = 'nobody'", "lock_timeout = '1ms'", "statement_timeout = '1ms'",
	"idle_session_timeout = '1ms'", "idle_in_transaction_session_timeout = '1ms'", "row_security = off",
	"default_transaction_read_only = on", "default_transaction_isolation = 'serializable'",
	"session_replication_role = replica", "search_path = 'pg_temp'", "jit_above_cost = 0",
	($major >= 19 ? () : "standard_conforming_strings = off"), "transform_null_equals = on", "DateStyle = 'German'",
	"IntervalStyle = 'iso_8601'", "TimeZone = 'Asia/Tokyo'", "bytea_output = 'escape'", "quote_all_identifiers = on",
	"plan_cache_mode = force_generic_plan", "exit_on_error = on", "debug_print_plan = on",
	"debug_print_parse = on", "default_table_access_method = 'other_heap'", "default_tablespace = 'elsewhere'",
	"enable_indexscan = off", "client_encoding = 'LATIN1'", "array_nulls = off",
	($major >= 16 ? "debug_parallel_query" : "force_parallel_mode") . " = on",
	$major >= 17 ? ("transaction_timeout = '1ms'") : ());
my $superuser = $crm->sql('SELECT rolname FROM pg_roles WHERE oid = 10');
$crm->sql("ALTER DATABASE crm SET $_; ALTER ROLE $superuser IN DATABASE crm SET $_") for @for_all;
$crm->sql("SELECT pg_terminate_backend($first_shipper)");
ok( $crm->wait_until(
		sub {
			$crm->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'
			           AND pid <> $first_shipper AND datname = 'crm'") == 1;
		}),
	'a shipper starts under all of them');
my $offset = -s $node->logfile;

# The session of the CRM's user has none of them.
{
	local $ENV{PGOPTIONS} = join ' ', map { "-c $_" } 'lock_timeout=0', 'statement_timeout=0',
	  'idle_session_timeout=0', 'idle_in_transaction_session_timeout=0', 'default_transaction_read_only=off',
	  'session_replication_role=origin', 'role=crm_user', $major >= 17 ? 'transaction_timeout=0' : ();
	write_with('', 'a session under them');
}
arrives('what it wrote arrives');
my $log = substr slurp_file($node->logfile), $offset;
unlike($log, qr/crm_capi shipper.*exited with exit code|ERROR:|FATAL: (?!.*administrator command)/,
	'and the shipper did not start again');
unlike($log, qr/crm_capi shipper[^\n]*LOG:  (parse tree|plan):/, 'nor did it write its statements into the log');

done_testing();
