# Reason codes of events that are parked when they are queued: the fault is made, what the runbook prescribes is done,
# in its own words where these are SQL, and the event arrives.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $generally = Runbook::examples('Deciding');

# --- Events of a watch: the watch, the row that is parked, what puts it right. %T is the table, %L the lead id. The
# page's own SQL follows: that of the entry, or else the general one. database => another one than postgres.

my $columns = "id integer PRIMARY KEY, fb text, stage text, at timestamptz, created timestamptz, data text, more jsonb";
my $plain = "SELECT capi_watch('%T', 'fb', 'stage', 'sales')";
my $again = "SELECT capi_unwatch('%T')";
my %of_watch = (
	carries_out('lead_id_not_a_number') => [ $plain, "(1, 'none', 'new')", "UPDATE %T SET fb = '%L'" ],
	carries_out('lead_id_length') => [ $plain, "(1, '1234567', 'new')", "UPDATE %T SET fb = '%L'" ],
	carries_out('stage_missing') => [ $plain, "(1, '%L', NULL)", "UPDATE %T SET stage = 'new'" ],
	carries_out('stage_too_long') => [ $plain, "(1, '%L', repeat('x', 300))", "UPDATE %T SET stage = 'new'" ],
	carries_out('stage_encoding') => [ $plain, "(1, '%L', E'a\\x01b')", "UPDATE %T SET stage = 'new'" ],
	carries_out('event_time_missing') =>
	  [ "SELECT capi_watch('%T', 'fb', 'stage', 'sales', 'at')", "(1, '%L', 'new')", 'UPDATE %T SET at = now()' ],
	carries_out('event_time_unreadable') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', 'at')",
		"(1, '%L', 'new', 'infinity')", 'UPDATE %T SET at = now()' ],
	carries_out('event_time_in_future') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', 'at')",
		"(1, '%L', 'new', now() + interval '1 hour')", 'UPDATE %T SET at = now()' ],
	carries_out('event_time_before_lead') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', 'at', lead_created_at => 'created')",
		"(1, '%L', 'new', now() - interval '1 hour', now())", "UPDATE %T SET created = now() - interval '1 day'" ],
	carries_out('column_missing') => [
		"$plain; ALTER TABLE %T RENAME stage TO status", "(1, '%L', 'new')",
		"$again; SELECT capi_watch('%T', 'fb', 'status', 'sales')" ],
	carries_out('stage_unmapped') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', stage_map => '{\"old\": \"Old\"}', unmapped => 'park')",
		"(1, '%L', 'new')",
		"$again; SELECT capi_watch('%T', 'fb', 'stage', 'sales', stage_map => '{\"new\": \"New\"}', unmapped => 'park')" ],
	carries_out('dataset_missing') => [
		"CREATE SERVER other FOREIGN DATA WRAPPER crm_capi OPTIONS (dataset_id '1', lead_event_source 'Odoo');
		 SELECT capi_watch('%T', 'fb', 'stage', 'other'); DROP SERVER other", "(1, '%L', 'new')",
		"$again; SELECT capi_watch('%T', 'fb', 'stage', 'sales')" ],
	carries_out('dataset_permission') => [
		"CREATE ROLE seller; GRANT USAGE ON FOREIGN SERVER sales TO seller; ALTER TABLE %T OWNER TO seller; $plain;
		 REVOKE USAGE ON FOREIGN SERVER sales FROM seller", "(1, '%L', 'new')",
		statement('dataset_permission', 'GRANT USAGE', 'sales', 'seller'), entry => 'dataset_missing' ],
	carries_out('expression_failed') => [
		"SELECT capi_watch('%T', 'fb', \$\$NEW.stage || 6 / length(NEW.data)\$\$, 'sales')",
		"(1, '%L', 'new', NULL, NULL, '')", "UPDATE %T SET data = 'x'" ],
	carries_out('watch_not_approved') => [
		"CREATE ROLE old_owner; CREATE ROLE new_owner; GRANT USAGE ON FOREIGN SERVER sales TO old_owner, new_owner;
		 ALTER TABLE %T OWNER TO old_owner; SET ROLE old_owner;
		 SELECT capi_watch('%T', 'fb', \$\$upper(NEW.stage)\$\$, 'sales'); RESET ROLE; ALTER TABLE %T OWNER TO new_owner",
		"(1, '%L', 'new')",
		"SET ROLE new_owner; $again; SELECT capi_watch('%T', 'fb', \$\$upper(NEW.stage)\$\$, 'sales'); RESET ROLE" ],
	carries_out('consent_unusable') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', data_processing_options => 'more')",
		"(1, '%L', 'new', NULL, NULL, NULL, '[\"other\"]')", "UPDATE %T SET more = '[\"LDU\"]'" ],
	carries_out('custom_data_too_large') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', custom_data => '{\"note\": \"data\"}')",
		"(1, '%L', 'new', NULL, NULL, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i))",
		"UPDATE %T SET data = 'x'" ],
	carries_out('identity_too_many') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', user_data => '{\"em\": \"more\"}')",
		"(1, '%L', 'new', NULL, NULL, NULL,
		  (SELECT jsonb_agg('a' || i || '\@example.com') FROM generate_series(1, 40) i))",
		"UPDATE %T SET more = '[\"a\@example.com\"]'" ],
	carries_out('value_unreadable', 'watch an expression that yields a text') => [
		"CREATE TYPE shy;
		 CREATE FUNCTION shy_in(cstring) RETURNS shy LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
		 CREATE FUNCTION shy_out(shy) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
		 CREATE TYPE shy (INPUT = shy_in, OUTPUT = shy_out, LIKE = integer);
		 ALTER TABLE %T ADD odd shy; SELECT capi_watch('%T', 'fb', 'odd', 'sales')",
		"(1, '%L', 'new', NULL, NULL, NULL, NULL, '1')",
		"$again; SELECT capi_watch('%T', 'fb', \$\$lower(NEW.stage)\$\$, 'sales')" ],
	carries_out('custom_data_unreadable', 'Correct it in the table') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', custom_data => '{\"note\": \"data\"}')",
		"(1, '%L', 'new', NULL, NULL, E'\\xff')", "UPDATE %T SET data = 'x'", database => 'ascii' ],
	carries_out('user_data_unreadable') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', user_data => '{\"fn\": \"data\"}')",
		"(1, '%L', 'new', NULL, NULL, E'\\xff')", "UPDATE %T SET data = 'Jane'", database => 'ascii' ],
	carries_out('identity_type', 'name the key') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', user_data => '{\"client_user_agent\": \"more\"}')",
		"(1, '%L', 'new', NULL, NULL, NULL, '[\"Firefox\", \"Chrome\"]')", "UPDATE %T SET more = '\"Firefox\"'",
		named => 'client_user_agent' ],
	carries_out('identity_insufficient') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', user_data => '{\"em\": \"data\"}')",
		"(1, 'no lead of Meta', 'new', NULL, NULL, 'n/a')", "UPDATE %T SET data = 'jane\@example.com'", events => "event_name = 'new'" ],
	carries_out('lead_id_conflict', 'Leave `lead_id` out') => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', user_data => '{\"lead_id\": \"data\"}')",
		"(1, '%L', 'new', NULL, NULL, '123456789012346')",
		"$again; SELECT capi_watch('%T', 'fb', 'stage', 'sales')" ]);

# --- Calls of an application: what is wrong in them, how the error names it, and what the page makes of it

my $build = statement('user_data_unreadable', 'jsonb_build_object()') =~ s/\)$/'em', 'jane\@example.com')/r;
my %of_application = (
	user_data_unreadable => [ "%L, user_data => '[]'", "%L, user_data => $build" ],
	carries_out('identity_unknown', 'name it if it is a plain word') =>
	  [ "%L, user_data => '{\"email\": \"jane\@example.com\"}'", "%L, user_data => $build", 'email' ],
	identity_type => [ "%L, user_data => '{\"zp\": 1.5}'", "%L, user_data => '{\"zp\": \"10115\"}'", 'zp' ],
	identity_insufficient => [ "NULL, user_data => '{\"em\": \"n/a\"}'", "NULL, user_data => $build" ],
	lead_id_conflict => [ "%L, user_data => '{\"lead_id\": 123456789012346}'", '%L' ]);

my $crm = CrmCapi->new('runbook', conf => "crm_capi.poll_interval = '1s'\n");
$crm->sql("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
$crm->sql('CREATE EXTENSION crm_capi', 'ascii');
$crm->create_dataset('sales', database => 'ascii');

my $number = 0;
for my $reason (sort keys %of_watch)
{
	my ($watch, $row, $mend, %options) = @{ $of_watch{$reason} };
	my $database = $options{database};
	my ($table, $lead) = ("t_$reason", 223456789012300 + $number++);
	my $page = Runbook::examples($options{entry} // $reason) || $generally;
	s/%T/$table/g, s/%L/$lead/g for $watch, $row, $mend;
	$crm->sql("CREATE TABLE $table ($columns)", $database);
	$crm->sql($watch, $database);
	$crm->sql("INSERT INTO $table VALUES $row", $database);
	my $parked = $crm->sql("SELECT max(event) FROM capi_settlement WHERE status = 'parked' AND reason_code = '$reason'",
		$database);
	isnt($parked, '', "$reason: the event is parked");
	like($crm->sql("SELECT reason FROM capi_events WHERE id = $parked", $database), qr/: $options{named}$/, "$reason: its reason names the key")
	  if $options{named};
	$crm->sql($mend, $database);
	$crm->sql($page, $database);
	ok( $crm->until_true("SELECT count(*) = 1 AND bool_and(status = 'delivered') FROM capi_events
	                      WHERE " . ($options{events} // "lead_id = $lead") . " AND id > $parked", $database),
		"$reason: what the page says has brought it to Meta, once");
	is($crm->sql("SELECT status, reason_code FROM capi_events WHERE id = $parked", $database),
		$reason =~ /^(?:stage_(?:missing|too_long|encoding)|expression_failed)$/ ? 'parked|row_gone' : 'cancelled|judged_again',
		"$reason: and the old one says what became of it");
	$crm->sql("SELECT capi_cancel(ARRAY[$parked]); DROP TABLE $table", $database);
}

my %texts = map { split /\|/, $_, 2 } split /\n/, $crm->sql('SELECT reason_code, reason FROM capi_reasons()');
for my $reason (sort keys %of_application)
{
	my ($wrong, $right, $named) = @{ $of_application{$reason} };
	my $lead = 323456789012300 + $number++;
	my ($refused, $sent) = map { "SELECT capi_send_lead_event(" . s/%L/$lead/r . ", event_name => 'sent', dataset => 'sales')" } $wrong, $right;
	my $before = $crm->sql('SELECT max(id) FROM capi_event_log');
	my (undef, undef, $error) = $crm->node->psql('postgres', $refused);
	like($error, qr/\Q$texts{$reason}\E/, "$reason: in a call it is an error");
	like($error, qr/DETAIL: .*\b$named\b/, "$reason: which names the key") if $named;
	is($crm->sql("SELECT max(id) FROM capi_event_log"), $before, "$reason: and nothing is queued");
	my $event = $crm->sql($sent);
	ok($crm->until_true("SELECT status = 'delivered' FROM capi_events WHERE id = $event"), "$reason: called as the page says it arrives");
}
my $normalize = statement('identity_insufficient', 'capi_normalize(key, value)') =~ s/key, value/'em', 'n\/a'/r;
is($crm->sql("SELECT $normalize IS NULL"), 't', 'identity_insufficient: the page says how to see what was dropped');

# --- What cannot be brought to Meta any more, and harms nothing

carries_out('event_time_too_old', 'harmlessly');
carries_out('deadline_passed', 'Nothing can bring such an event to Meta');
$crm->sql("CREATE TABLE late ($columns); SELECT capi_watch('late', 'fb', 'stage', 'sales', 'at');
           INSERT INTO late VALUES (1, '423456789012301', 'new', now() - interval '8 days'), (2, '423456789012302', 'new', now())");
ok($crm->until_true("SELECT bool_and(status = CASE lead_id WHEN 423456789012302 THEN 'delivered' ELSE 'parked' END)
                     FROM capi_events WHERE lead_id IN (423456789012301, 423456789012302)"),
	'event_time_too_old: it is parked, and what stands beside it goes');
is($crm->sql('SELECT reason_code FROM capi_events WHERE lead_id = 423456789012301'), 'event_time_too_old', 'for that reason');
$crm->sql("SELECT capi_pause('sales')");
$crm->sql("SELECT capi_send_lead_event(423456789012303, 'late', now() - interval '7 days' + interval '3 seconds', 'sales')");
ok($crm->until_true("SELECT status = 'expired' AND reason_code = 'deadline_passed' FROM capi_events WHERE lead_id = 423456789012303"),
	'deadline_passed: it expires while nothing is sent');
$crm->until_true("SELECT event_time < now() - interval '7 days' FROM capi_events WHERE lead_id = 423456789012303");
is($crm->sql("SELECT capi_retry(array_agg(id)) FROM capi_undelivered WHERE reason_code IN ('deadline_passed', 'event_time_too_old')"),
	0, 'and nothing can bring such events to Meta');
$crm->sql("SELECT capi_resume('sales')");

# --- A row that is gone

carries_out('row_gone', '`capi_cancel` gives the event up');
carries_out('judged_again', 'Nothing to do');
carries_out('Deciding');
$crm->sql("CREATE TABLE gone ($columns); SELECT capi_watch('gone', 'fb', 'stage', 'sales');
           INSERT INTO gone VALUES (1, 'none', 'new'); DELETE FROM gone");
$crm->sql($generally);
my $gone = $crm->sql("SELECT max(id) FROM capi_events WHERE status = 'parked' AND reason_code = 'row_gone'");
isnt($gone, '', 'row_gone: an event whose row was deleted cannot be judged again');
is($crm->sql("SELECT capi_cancel(ARRAY[$gone])"), 1, 'and it is given up');
is($crm->sql("SELECT status FROM capi_events WHERE id = $gone"), 'cancelled', 'for good');
cmp_ok($crm->sql("SELECT count(*) FROM capi_events WHERE status = 'cancelled' AND reason_code = 'judged_again'"),
	'>', 0, 'judged_again: what was judged again is done with');

done_testing();
