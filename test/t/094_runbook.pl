# The runbook, entry by entry: docs/operations.md has a section for each reason code, and docs/doctor.md
# one for each check. The fault is made here, what the page prescribes is done, in the page's own words
# where these are SQL, and the event arrives. What cannot be had in this one server is named with the
# test that makes the fault and sees it mended. An entry without either fails.

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
	consent_unusable => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', data_processing_options => 'more')",
		"(1, '%L', 'new', NULL, NULL, NULL, '[\"other\"]')", "UPDATE %T SET more = '[\"LDU\"]'" ],
	custom_data_too_large => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', custom_data => '{\"note\": \"data\"}')",
		"(1, '%L', 'new', NULL, NULL, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i))",
		"UPDATE %T SET data = 'x'" ],
	identity_too_many => [
		"SELECT capi_watch('%T', 'fb', 'stage', 'sales', user_data => '{\"em\": \"more\"}')",
		"(1, '%L', 'new', NULL, NULL, NULL,
		  (SELECT jsonb_agg('a' || i || '\@example.com') FROM generate_series(1, 40) i))",
		"UPDATE %T SET more = '[\"a\@example.com\"]'" ]);

# --- Entries about requests and datasets: the fault, what tells of it, and the deed. Each sends an event of
# its own, unless it says what comes in its place.

my $crm = CrmCapi->new('runbook', conf => "crm_capi.poll_interval = '1s'\n");
my $endpoint = $crm->endpoint;

# A statement that stands in the text of an entry, with what it leaves open filled in.
sub prescribed
{
	my ($reason, $begin, @open) = @_;
	my ($sql) = $reasons{$reason} =~ /`(\Q$begin\E[^`]*)`/ or die "$reason does not prescribe $begin";
	for my $fill (@open) { $sql =~ s/\.\.\./$fill/ or die "$reason: nothing is left open for $fill"; }
	return $crm->sql($sql =~ s/\n/ /gr);
}

sub answer { my %action = @_; $endpoint->script({ times => 1, action => \%action }); return; }
sub refuse_all { my %action = @_; $endpoint->script({ action => \%action }); return; }
sub accept_all { $endpoint->script(); return; }
sub server { my ($options) = @_; $crm->sql("ALTER SERVER sales OPTIONS ($options)"); return; }
sub pause { $crm->sql("SELECT capi_pause('sales')"); return; }
my $host = $crm->sql("SELECT substring(detail from '(\\S+)\\.\$') FROM capi_check() WHERE check_name = 'host'");
my $sends_two = "SELECT capi_send_lead_event(%L, 'one', dataset => 'sales'), capi_send_lead_event(%L, 'two', dataset => 'sales')";
my $waits_for_condition = "CREATE TABLE %T ($columns);
	SELECT capi_watch('%T', 'fb', 'stage', 'sales', condition => \$\$NEW.data = 'yes'\$\$, recheck => true);
	INSERT INTO %T VALUES (1, '%L', 'new', NULL, NULL, 'yes')";
my %by_deed = (
	not_connected => { fault => sub { $endpoint->stop }, deed => sub { $endpoint->start } },
	connection_cut => { fault => sub { answer(cut => 'after_body', accept => \1) } },
	server_error => { fault => sub { answer(status => 500) } },
	throttled => {
		fault => sub { answer(code => 80004, subcode => 2446079, status => 400) },
		deed => sub { server("ADD max_in_flight '1'") }, after => sub { server('DROP max_in_flight') } },
	answer_unreadable => { fault => sub { answer(body => { kind => 'html' }, status => 200) } },
	count_mismatch => { fault => sub { answer(events_received => 1) }, sends => $sends_two },
	request_too_large => { fault => sub { answer(status => 413) }, sends => $sends_two },
	refused => {
		fault => sub { refuse_all(code => 100, subcode => 2804003, message => 'too old') },
		deed => sub { accept_all(); $crm->sql($generally) } },
	token_missing => {
		fault => sub { $crm->sql('DROP USER MAPPING FOR PUBLIC SERVER sales') },
		deed => sub { $crm->sql("CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token '$StandIn::TOKEN')") } },
	token_refused => {
		fault => sub { $endpoint->settings(tokens => { 'EAABnewtoken' => undef }) },
		deed => sub { prescribed('token_refused', 'ALTER USER MAPPING', 'FOR PUBLIC SERVER sales', 'EAABnewtoken') },
		after => sub {
			$endpoint->settings(tokens => { $StandIn::TOKEN => undef });
			$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER sales OPTIONS (SET access_token '$StandIn::TOKEN')");
		} },
	permission_missing => { fault => sub { refuse_all(code => 200, status => 403) }, deed => \&accept_all },
	dataset_unknown => {
		fault => sub { refuse_all(code => 100, subcode => 33); server("SET dataset_id '9876543210'") },
		deed => sub { accept_all(); server("SET dataset_id '$StandIn::DATASET'") } },
	path_unknown => {
		fault => sub { refuse_all(code => 2500, status => 400) },
		deed => sub {
			accept_all();
			my ($option) = $reasons{path_unknown} =~ /`(token_in\s+'body')`/ or die 'no option';
			server("ADD $option");
		},
		after => sub { server('DROP token_in') } },
	version_dead => {
		fault => sub { refuse_all(code => 2635); server("ADD api_version 'v25.0'") },
		deed => sub { accept_all(); prescribed('version_dead', 'ALTER SERVER', 'sales') },
		after => sub { server('DROP api_version') } },
	option_missing => {
		fault => sub {
			$crm->sql("SET allow_system_table_mods = on;
				UPDATE pg_foreign_server SET srvoptions = array_remove(srvoptions, 'lead_event_source=Odoo')
				WHERE srvname = 'sales'");
		},
		deed => sub { server("ADD lead_event_source 'Odoo'") } },
	paused => { fault => \&pause, deed => sub { $crm->sql("SELECT capi_resume('sales')") } },
	host_not_allowed => {
		fault => sub { $crm->sql("ALTER SYSTEM SET crm_capi.hosts = 'elsewhere'; SELECT pg_reload_conf()") },
		deed => sub { prescribed('host_not_allowed', 'ALTER SYSTEM', "'$host'") },
		after => sub { $crm->sql('ALTER SYSTEM RESET crm_capi.hosts; SELECT pg_reload_conf()') } },
	cancelled => {
		fault => \&pause, then => 'SELECT capi_cancel(ARRAY[%I])',
		deed => sub { $crm->sql("SELECT capi_retry(ARRAY[$_[0]]); SELECT capi_resume('sales')") } },
	condition_false => {
		fault => \&pause, sends => $waits_for_condition,
		then => "UPDATE %T SET data = 'no'; SELECT capi_resume('sales')",
		deed => sub { $crm->sql("UPDATE t_condition_false SET data = 'yes'; SELECT capi_retry(ARRAY[$_[0]])") } },
	condition_unknown => {
		fault => \&pause, sends => $waits_for_condition,
		then => "ALTER TABLE %T RENAME TO renamed; SELECT capi_resume('sales')",
		deed => sub { $crm->sql("ALTER TABLE renamed RENAME TO t_condition_unknown; SELECT capi_retry(ARRAY[$_[0]])") } });

# --- Entries whose fault another test makes, and sees mended or told

my %elsewhere = (
	value_unreadable => 'expected/watch_guard.out',
	custom_data_unreadable => 'test/t/052_encodings.pl',
	user_data_unreadable => 'expected/send_lead_event.out',
	identity_unknown => 'expected/send_lead_event.out',
	identity_type => 'expected/send_lead_event.out',
	identity_insufficient => 'expected/watch_data.out',
	lead_id_conflict => 'expected/send_lead_event.out',
	doubt_too_old => 'test/t/077_pacing_and_doubt.pl',
	stage_reached => 'test/t/040_watches.pl',
	event_unreadable => 'test/t/059_unreadable_events.pl',
	not_processed => 'test/t/070_request_size.pl',
	shipper_stopped => 'test/t/061_backups.pl',
	withheld => 'test/t/053_stops.pl',
	stalled => 'test/t/054_stall.pl',
	usage_high => 'test/unit/pacing_test.cpp',
	cloned => 'test/t/064_copies.pl');

my %checked_in = (
	(map { $_ => 'test/t/030_doctor.pl' } qw(preload launcher shipper datasets watches options mode token token_file
		token_accepted endpoint certificate clock api_version health deadline parked lead_coverage stages event_source
		stage_order optimised_stage watch event_time)),
	(map { $_ => 'expected/doctor_sources.out' } qw(lead_copies rounded_lead_ids)),
	(map { $_ => 'expected/operate.out' } qw(daily_upload lead_volume)),
	host => 'test/t/065_hosts.pl', workers => 'test/unit/checkup_test.cpp', slots => 'test/t/072_turns.pl', origin => 'test/t/060_schema_copies.pl',
	request_size => 'test/t/070_request_size.pl', conditions => 'test/t/057_conditions.pl',
	restored_rows => 'test/t/067_owner_backups.pl', dropped_values => 'test/t/030_doctor.pl');

my $root = "$ENV{TESTDIR}/..";

sub names_it
{
	my ($file, $entry) = @_;
	my $camel = join '', map { ucfirst } split /_/, $entry;
	return -e "$root/$file" && slurp_file("$root/$file") =~ /\b(?:$entry|k$camel)\b/;
}

# Four more are carried out at the end, each in its own way.
my %apart = map { $_ => 1 } qw(event_time_too_old deadline_passed row_gone judged_again);

# --- Every entry has its test

my %texts = map { split /\|/, $_, 2 } split /\n/, $crm->sql('SELECT reason_code, reason FROM capi_reasons()');
is_deeply([ sort keys %reasons ], [ sort keys %texts ], 'the runbook has a section for each reason code');
for my $reason (sort keys %reasons)
{
	next if $carried_out{$reason} || $by_deed{$reason} || $apart{$reason};
	my $file = $elsewhere{$reason};
	ok($file && (names_it($file, $reason) || slurp_file("$root/$file") =~ /\Q$texts{$reason}\E/),
		"$reason has a test" . ($file ? " in $file" : ''));
}
ok($checked_in{$_} && names_it($checked_in{$_}, $_) || $_ eq 'workers' && $checked_in{$_}, "check $_ has a test")
  for sort keys %checks;
is_deeply([ grep { !$reasons{$_} } keys %carried_out, keys %by_deed, keys %apart, keys %elsewhere ], [], 'and no test is of an entry that is gone');
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

for my $reason (sort keys %by_deed)
{
	my %entry = %{ $by_deed{$reason} };
	my $lead = 323456789012300 + $number++;
	my $fill = sub {
		my ($sql, $event) = @_;
		$sql =~ s/%T/t_$reason/g;
		$sql =~ s/%L/$lead/g;
		$sql =~ s/%I/$event/g if $event;
		return $sql;
	};
	my $words = $texts{$reason} =~ s/'/''/gr;
	$entry{fault}->();
	$crm->sql($fill->($entry{sends} // "SELECT capi_send_lead_event(%L, 'sent', dataset => 'sales')"));
	my $event = $crm->sql("SELECT max(id) FROM capi_events WHERE lead_id = $lead");
	$crm->sql($fill->($entry{then}, $event)) if $entry{then};
	ok( $crm->until_true("SELECT EXISTS (SELECT FROM capi_events WHERE id = $event AND reason_code = '$reason')
	                      OR EXISTS (SELECT FROM capi_requests WHERE events \@> ${event}::bigint AND reason LIKE '$words%')
	                      OR EXISTS (SELECT FROM capi_status WHERE dataset = 'sales' AND reason LIKE '$words%')"),
		"$reason: it is told");
	$entry{deed}->($event) if $entry{deed};
	ok( $crm->until_true("SELECT bool_and(status = 'delivered') FROM capi_events
	                      WHERE lead_id = $lead AND status <> 'cancelled'"),
		"$reason: after what the page says the event arrives");
	ok($crm->until_true("SELECT health = 'ok' FROM capi_status WHERE dataset = 'sales'"), "$reason: and the dataset is well");
	$entry{after}->() if $entry{after};
	$endpoint->script();
}

# --- What cannot be brought to Meta any more, and harms nothing

$crm->sql("CREATE TABLE late ($columns); SELECT capi_watch('late', 'fb', 'stage', 'sales', 'at');
           INSERT INTO late VALUES (1, '423456789012301', 'new', now() - interval '8 days'), (2, '423456789012302', 'new', now())");
ok($crm->until_true("SELECT bool_and(status = CASE lead_id WHEN 423456789012302 THEN 'delivered' ELSE 'parked' END)
                     FROM capi_events WHERE lead_id IN (423456789012301, 423456789012302)"),
	'event_time_too_old: it is parked, and what stands beside it goes');
is($crm->sql('SELECT reason_code FROM capi_events WHERE lead_id = 423456789012301'), 'event_time_too_old', 'for that reason');
pause();
$crm->sql("SELECT capi_send_lead_event(423456789012303, 'late', now() - interval '7 days' + interval '3 seconds', 'sales')");
ok($crm->until_true("SELECT status = 'expired' AND reason_code = 'deadline_passed' FROM capi_events WHERE lead_id = 423456789012303"),
	'deadline_passed: it expires while nothing is sent');
$crm->until_true("SELECT event_time < now() - interval '7 days' FROM capi_events WHERE lead_id = 423456789012303");
is($crm->sql("SELECT capi_retry(array_agg(id)) FROM capi_undelivered WHERE reason_code IN ('deadline_passed', 'event_time_too_old')"),
	0, 'and nothing can bring such events to Meta');
$crm->sql("SELECT capi_resume('sales')");

# --- A row that is gone

$crm->sql("CREATE TABLE gone ($columns); SELECT capi_watch('gone', 'fb', 'stage', 'sales');
           INSERT INTO gone VALUES (1, 'none', 'new'); DELETE FROM gone");
$crm->sql($generally);
my $gone = $crm->sql("SELECT max(id) FROM capi_events WHERE status = 'parked' AND reason_code = 'row_gone'");
isnt($gone, '', 'row_gone: an event whose row was deleted cannot be judged again');
like($reasons{row_gone}, qr/`capi_cancel` gives the event up/, 'the page says who gives it up');
is($crm->sql("SELECT capi_cancel(ARRAY[$gone])"), 1, 'and it is given up');
is($crm->sql("SELECT status FROM capi_events WHERE id = $gone"), 'cancelled', 'for good');
cmp_ok($crm->sql("SELECT count(*) FROM capi_events WHERE status = 'cancelled' AND reason_code = 'judged_again'"),
	'>', 0, 'judged_again: what was judged again is done with');

done_testing();
