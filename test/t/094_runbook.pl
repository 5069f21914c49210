# The runbook, entry by entry: docs/operations.md has a section for each reason code, and docs/doctor.md
# one for each check. Where an entry says what to do in the database, the fault is made here, what the
# page prescribes is done, with the page's own SQL, and the event arrives. The other entries name the
# test that makes their fault and sees it mended. An entry without either fails.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use Documentation;
use PostgreSQL::Test::Utils;
use Test::More;

# Sections of the third level below a heading of the second: name => text.
sub sections
{
	my ($page, $chapters) = @_;
	my (%sections, $chapter, $name);
	for my $line (split /^/, Documentation::text_of_page($page))
	{
		if ($line =~ /^## (.*)$/) { ($chapter, $name) = ($1, undef); }
		elsif ($line =~ /^### `(\w+)`$/) { $name = $1; }
		next unless defined $chapter && $chapter =~ $chapters;
		$sections{ $name // $chapter } .= $line;
	}
	return %sections;
}

# The examples of SQL in a section, as they stand there.
sub examples
{
	my ($text) = @_;
	return join '', $text =~ /^```sql\n(.*?)^```$/gms;
}

my %reasons = sections('docs/operations.md', qr/^Reason codes$/);
delete $reasons{'Reason codes'};
my %deciding = sections('docs/operations.md', qr/^Deciding$/);
my %checks = sections('docs/doctor.md', qr/^(The server|A dataset|The funnel|A watch)$/);
delete $checks{$_} for 'The server', 'A dataset', 'The funnel', 'A watch';
my $generally = examples($deciding{Deciding});
like($generally, qr/capi_retry/, 'the page says how parked events are judged again');

# --- Entries that are carried out here: the watch, the row that is parked, what puts it right. %T is the
# table, %L the lead id. The page's own SQL follows: that of its section, or else the general one.

my $columns = "id integer PRIMARY KEY, fb text, stage text, at timestamptz, created timestamptz, data text, more jsonb";
my $plain = "SELECT capi_watch('%T', 'fb', 'stage', 'sales')";
my $again = "SELECT capi_unwatch('%T')";
my %carried_out = (
	lead_id_not_a_number => [ $plain, "(1, 'none', 'new')", "UPDATE %T SET fb = '%L'" ],
	lead_id_length => [ $plain, "(1, '1234567', 'new')", "UPDATE %T SET fb = '%L'" ],
	stage_missing => [ $plain, "(1, '%L', NULL)", "UPDATE %T SET stage = 'new'" ],
	stage_too_long => [ $plain, "(1, '%L', repeat('x', 300))", "UPDATE %T SET stage = 'new'" ],
	stage_encoding => [ $plain, "(1, '%L', E'a\\x01b')", "UPDATE %T SET stage = 'new'" ],
	event_time_missing =>
	  [ "SELECT capi_watch('%T', 'fb', 'stage', 'sales', 'at')", "(1, '%L', 'new')", 'UPDATE %T SET at = now()' ],
	event_time_unreadable => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', 'at')",
		"(1, '%L', 'new', 'infinity')", 'UPDATE %T SET at = now()' ],
	event_time_in_future => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', 'at')",
		"(1, '%L', 'new', now() + interval '1 hour')", 'UPDATE %T SET at = now()' ],
	event_time_before_lead => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', 'at', lead_created_at => 'created')",
		"(1, '%L', 'new', now() - interval '1 hour', now())", "UPDATE %T SET created = now() - interval '1 day'" ],
	column_missing => [
		"$plain; ALTER TABLE %T RENAME stage TO status", "(1, '%L', 'new')",
		"$again; SELECT capi_watch('%T', 'fb', 'status', 'sales')" ],
	stage_unmapped => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', stage_map => '{\"old\": \"Old\"}', unmapped => 'park')",
		"(1, '%L', 'new')",
		"$again; SELECT capi_watch('%T', 'fb', 'stage', 'sales', stage_map => '{\"new\": \"New\"}', unmapped => 'park')" ],
	dataset_missing => [
		"CREATE SERVER other FOREIGN DATA WRAPPER crm_capi OPTIONS (dataset_id '1', lead_event_source 'Odoo');
		 SELECT capi_watch('%T', 'fb', 'stage', 'other'); DROP SERVER other", "(1, '%L', 'new')",
		"$again; SELECT capi_watch('%T', 'fb', 'stage', 'sales')" ],
	dataset_permission => [
		"CREATE ROLE seller; GRANT USAGE ON FOREIGN SERVER sales TO seller; ALTER TABLE %T OWNER TO seller; $plain;
		 REVOKE USAGE ON FOREIGN SERVER sales FROM seller", "(1, '%L', 'new')",
		'GRANT USAGE ON FOREIGN SERVER sales TO seller', $reasons{dataset_missing} ],
	expression_failed => [
		"SELECT capi_watch('%T', 'fb', \$\$NEW.stage || 6 / length(NEW.data)\$\$, 'sales')",
		"(1, '%L', 'new', NULL, NULL, '')", "UPDATE %T SET data = 'x'" ],
	watch_not_approved => [
		"CREATE ROLE old_owner; CREATE ROLE new_owner; GRANT USAGE ON FOREIGN SERVER sales TO old_owner, new_owner;
		 ALTER TABLE %T OWNER TO old_owner; SET ROLE old_owner;
		 SELECT capi_watch('%T', 'fb', \$\$upper(NEW.stage)\$\$, 'sales'); RESET ROLE; ALTER TABLE %T OWNER TO new_owner",
		"(1, '%L', 'new')",
		"SET ROLE new_owner; $again; SELECT capi_watch('%T', 'fb', \$\$upper(NEW.stage)\$\$, 'sales'); RESET ROLE" ],
	custom_data_too_large => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', custom_data => '{\"note\": \"data\"}')",
		"(1, '%L', 'new', NULL, NULL, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i))",
		"UPDATE %T SET data = 'x'" ],
	identity_too_many => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', user_data => '{\"em\": \"more\"}')",
		"(1, '%L', 'new', NULL, NULL, NULL,
		  (SELECT jsonb_agg('a' || i || '\@example.com') FROM generate_series(1, 40) i))",
		"UPDATE %T SET more = '[\"a\@example.com\"]'" ]);

# --- Entries whose fault another test makes, and sees mended or told

my %elsewhere = (
	event_time_too_old => 'expected/retry_parked.out', # nothing can be done
	consent_unusable => 'expected/consent.out',
	value_unreadable => 'expected/watch_guard.out',
	custom_data_unreadable => 'test/t/052_encodings.pl',
	user_data_unreadable => 'expected/send_lead_event.out',
	identity_unknown => 'expected/send_lead_event.out',
	identity_type => 'expected/send_lead_event.out',
	identity_insufficient => 'expected/watch_data.out',
	lead_id_conflict => 'expected/send_lead_event.out',
	deadline_passed => 'test/t/013_clock.pl',
	doubt_too_old => 'test/t/077_pacing_and_doubt.pl',
	cancelled => 'test/t/005_history.pl',
	condition_false => 'test/sql/recheck.sql',
	condition_unknown => 'test/sql/recheck.sql',
	stage_reached => 'test/t/040_watches.pl',
	event_unreadable => 'test/t/059_unreadable_events.pl',
	row_gone => 'expected/retry_parked.out',
	judged_again => 'expected/retry_parked.out',
	refused => 'test/t/033_exporter.pl',
	not_connected => 'test/t/031_test_event.pl',
	not_processed => 'test/t/070_request_size.pl',
	connection_cut => 'test/t/070_request_size.pl',
	server_error => 'test/t/075_outcomes.pl',
	throttled => 'test/t/075_outcomes.pl',
	usage_high => 'test/unit/pacing_test.cpp',
	answer_unreadable => 'test/t/075_outcomes.pl',
	count_mismatch => 'test/t/075_outcomes.pl',
	request_too_large => 'test/t/070_request_size.pl',
	shipper_stopped => 'test/t/061_backups.pl',
	withheld => 'test/t/053_stops.pl',
	stalled => 'test/t/054_stall.pl',
	token_missing => 'test/sql/views.sql',
	token_refused => 'test/t/075_outcomes.pl',
	permission_missing => 'test/t/075_outcomes.pl',
	dataset_unknown => 'test/t/075_outcomes.pl',
	path_unknown => 'test/t/071_api_versions.pl',
	version_dead => 'test/t/075_outcomes.pl',
	option_missing => 'test/unit/dispatcher_test.cpp',
	paused => 'test/sql/views.sql',
	cloned => 'test/t/064_copies.pl',
	host_not_allowed => 'test/t/065_hosts.pl');

my %checked_in = (
	(map { $_ => 'test/t/030_doctor.pl' } qw(preload launcher shipper datasets watches options mode token token_file
		token_accepted endpoint certificate clock api_version health deadline parked lead_coverage stages event_source
		stage_order optimised_stage watch event_time)),
	(map { $_ => 'expected/doctor_sources.out' } qw(lead_copies rounded_lead_ids)),
	(map { $_ => 'expected/operate.out' } qw(daily_upload lead_volume)),
	host => 'test/t/065_hosts.pl', workers => 'test/unit/checkup_test.cpp', slots => 'test/t/072_turns.pl', origin => 'test/t/060_schema_copies.pl',
	request_size => 'test/t/070_request_size.pl', conditions => 'test/t/057_conditions.pl', dropped_values => 'test/t/030_doctor.pl');

my $root = "$ENV{TESTDIR}/..";

sub names_it
{
	my ($file, $entry) = @_;
	my $camel = join '', map { ucfirst } split /_/, $entry;
	return -e "$root/$file" && slurp_file("$root/$file") =~ /\b(?:$entry|k$camel)\b/;
}

# --- Every entry has its test

my $crm = CrmCapi->new('runbook');
my %texts = map { split /\|/, $_, 2 } split /\n/, $crm->sql('SELECT reason_code, reason FROM capi_reasons()');
is_deeply([ sort keys %reasons ], [ sort keys %texts ], 'the runbook has a section for each reason code');
for my $reason (sort keys %reasons)
{
	next if $carried_out{$reason};
	my $file = $elsewhere{$reason};
	ok($file && (names_it($file, $reason) || slurp_file("$root/$file") =~ /\Q$texts{$reason}\E/),
		"$reason has a test" . ($file ? " in $file" : ''));
}
ok($checked_in{$_} && names_it($checked_in{$_}, $_) || $_ eq 'workers' && $checked_in{$_}, "check $_ has a test")
  for sort keys %checks;
is_deeply([ grep { !$reasons{$_} } keys %carried_out, keys %elsewhere ], [], 'and no test is of an entry that is gone');
is_deeply([ grep { !$checks{$_} } keys %checked_in ], [], 'nor of a check that is gone');

# --- Carried out

my $number = 0;
for my $reason (sort keys %carried_out)
{
	my ($watch, $row, $mend, $section) = @{ $carried_out{$reason} };
	my ($table, $lead) = ("t_$reason", 223456789012300 + $number++);
	my $page = examples($section // $reasons{$reason}) || $generally;
	s/%T/$table/g, s/%L/$lead/g for $watch, $row, $mend;
	$crm->sql("CREATE TABLE $table ($columns)");
	$crm->sql($watch);
	$crm->sql("INSERT INTO $table VALUES $row");
	my $parked = $crm->sql("SELECT max(event) FROM capi_settlement WHERE status = 'parked' AND reason_code = '$reason'");
	isnt($parked, '', "$reason: the event is parked");
	$crm->sql($mend);
	$crm->sql($page);
	ok( $crm->until_true("SELECT count(*) = 1 AND bool_and(status = 'delivered') FROM capi_events
	                      WHERE lead_id = $lead AND id > $parked"),
		"$reason: what the page says has brought it to Meta, once");
	is($crm->sql("SELECT status, reason_code FROM capi_events WHERE id = $parked"),
		$reason =~ /^(?:stage_(?:missing|too_long|encoding)|expression_failed)$/ ? 'parked|row_gone' : 'cancelled|judged_again',
		"$reason: and the old one says what became of it");
	$crm->sql("SELECT capi_cancel(ARRAY[$parked]); DROP TABLE $table");
}

done_testing();
