# Reason codes of requests and datasets, and of events that were queued well: the fault is made, what the runbook
# prescribes is done, in its own words where these are SQL, the event arrives, and the dataset is well again.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $generally = Runbook::examples('Deciding');
my $columns = 'id integer PRIMARY KEY, fb text, stage text, at timestamptz, created timestamptz, data text';

my $crm = CrmCapi->new('runbook', conf => "crm_capi.poll_interval = '1s'\n");
my $endpoint = $crm->endpoint;

# Does what an entry prescribes.
sub prescribe { return $crm->sql(statement(@_)); }
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
my $sends_megabytes = "SELECT count(capi_send_lead_event(%L, 'stage ' || i, dataset => 'sales',
	custom_data => jsonb_build_object('note', (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 480) j))))
	FROM generate_series(1, 500) i";

# For each entry the fault, what happens then, and the deed; what tells of it is looked for in between. Each sends an
# event of its own, unless it says what comes in its place.
my %by_deed = (
	carries_out('not_processed', 'look at `request_size` in `capi_check()`') => {
		fault => sub { $endpoint->script({ times => 1, match => { min_bytes => 1_000_000 }, action => { cut => 'before_read' } }) },
		sends => $sends_megabytes,
		deed => sub {
			like($crm->sql("SELECT detail FROM capi_check() WHERE (subject, check_name) = ('sales', 'request_size')"),
				qr/^Requests carry /, 'not_processed: the doctor shows the size in use');
		} },
	carries_out('shipper_stopped', 'Nothing to do') => {
		fault => sub { answer(hold => \1, when => 'after_accept') },
		then => sub {
			$endpoint->wait_for('held', 1);
			$crm->sql('SELECT pg_terminate_backend(' . $crm->shipper_pid . ')');
		},
		deed => sub { $endpoint->release } },
	carries_out('usage_high', 'Nothing to do, unless it lasts') => {
		fault => sub { answer(headers => { 'X-App-Usage' => '{"call_count":77}' }) },
		deed => sub { $crm->sql("SELECT capi_send_lead_event(lead_id, 'next', dataset => 'sales') FROM capi_events WHERE id = $_[0]") } },
	carries_out('not_connected') => { fault => sub { $endpoint->stop }, deed => sub { $endpoint->start } },
	carries_out('connection_cut') => { fault => sub { answer(cut => 'after_body', accept => \1) } },
	carries_out('server_error') => { fault => sub { answer(status => 500) } },
	carries_out('throttled') => {
		fault => sub { answer(code => 80004, subcode => 2446079, status => 400) },
		deed => sub { server("ADD max_in_flight '1'") }, after => sub { server('DROP max_in_flight') } },
	carries_out('answer_unreadable') => { fault => sub { answer(body => { kind => 'html' }, status => 200) } },
	carries_out('count_mismatch') => { fault => sub { answer(events_received => 1) }, sends => $sends_two },
	carries_out('request_too_large') => { fault => sub { answer(status => 413) }, sends => $sends_two },
	carries_out('refused') => {
		fault => sub { refuse_all(code => 100, subcode => 2804003, message => 'too old') },
		deed => sub { accept_all(); $crm->sql($generally) } },
	carries_out('token_missing') => {
		fault => sub { $crm->sql('DROP USER MAPPING FOR PUBLIC SERVER sales') },
		deed => sub { $crm->sql("CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token '$StandIn::TOKEN')") } },
	carries_out('token_refused') => {
		fault => sub { $endpoint->settings(tokens => { 'EAABnewtoken' => undef }) },
		deed => sub { prescribe('token_refused', 'ALTER USER MAPPING', 'FOR PUBLIC SERVER sales', 'EAABnewtoken') },
		after => sub {
			$endpoint->settings(tokens => { $StandIn::TOKEN => undef });
			$crm->sql("ALTER USER MAPPING FOR PUBLIC SERVER sales OPTIONS (SET access_token '$StandIn::TOKEN')");
		} },
	carries_out('permission_missing') => { fault => sub { refuse_all(code => 200, status => 403) }, deed => \&accept_all },
	carries_out('dataset_unknown') => {
		fault => sub { refuse_all(code => 100, subcode => 33); server("SET dataset_id '9876543210'") },
		deed => sub { accept_all(); server("SET dataset_id '$StandIn::DATASET'") } },
	carries_out('path_unknown') => {
		fault => sub { refuse_all(code => 2500, status => 400) },
		deed => sub {
			accept_all();
			server('ADD ' . statement('path_unknown', 'token_in'));
		},
		after => sub { server('DROP token_in') } },
	carries_out('version_dead') => {
		fault => sub { refuse_all(code => 2635); server("ADD api_version 'v25.0'") },
		deed => sub { accept_all(); prescribe('version_dead', 'ALTER SERVER', 'sales') },
		after => sub { server('DROP api_version') } },
	carries_out('option_missing') => {
		fault => sub {
			$crm->sql("SET allow_system_table_mods = on;
				UPDATE pg_foreign_server SET srvoptions = array_remove(srvoptions, 'lead_event_source=Odoo')
				WHERE srvname = 'sales'");
		},
		deed => sub { server("ADD lead_event_source 'Odoo'") } },
	carries_out('paused') => { fault => \&pause, deed => sub { $crm->sql("SELECT capi_resume('sales')") } },
	carries_out('host_not_allowed') => {
		fault => sub { $crm->sql("ALTER SYSTEM SET crm_capi.hosts = 'elsewhere'; SELECT pg_reload_conf()") },
		deed => sub { prescribe('host_not_allowed', 'ALTER SYSTEM', "'$host'") },
		after => sub { $crm->sql('ALTER SYSTEM RESET crm_capi.hosts; SELECT pg_reload_conf()') } },
	carries_out('cancelled') => {
		fault => \&pause, then => 'SELECT capi_cancel(ARRAY[%I])',
		deed => sub { $crm->sql("SELECT capi_retry(ARRAY[$_[0]]); SELECT capi_resume('sales')") } },
	carries_out('condition_false') => {
		fault => \&pause, sends => $waits_for_condition,
		then => "UPDATE %T SET data = 'no'; SELECT capi_resume('sales')",
		deed => sub { $crm->sql("UPDATE t_condition_false SET data = 'yes'; SELECT capi_retry(ARRAY[$_[0]])") } },
	carries_out('condition_unknown') => {
		fault => \&pause, sends => $waits_for_condition,
		then => "ALTER TABLE %T RENAME TO renamed; SELECT capi_resume('sales')",
		deed => sub { $crm->sql("ALTER TABLE renamed RENAME TO t_condition_unknown; SELECT capi_retry(ARRAY[$_[0]])") } });

my %texts = map { split /\|/, $_, 2 } split /\n/, $crm->sql('SELECT reason_code, reason FROM capi_reasons()');
my $number = 0;
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
	if (ref $entry{then}) { $entry{then}->($event); }
	elsif ($entry{then}) { $crm->sql($fill->($entry{then}, $event)); }
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

done_testing();
