# Four real CRMs: their tables, their watches as the documentation shows them, leads taken through their
# stages by the statements that the applications write, and what the endpoint received.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use File::Basename qw(dirname);
use File::Spec;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('crms', bare => 1, conf => "crm_capi.poll_interval = '1h'");
my $endpoint = $crm->endpoint;
my $files = File::Spec->rel2abs(dirname(__FILE__) . '/../crm');

# The applications connect as an owner of tables who is nobody special, from elsewhere in the world.
$crm->sql('CREATE EXTENSION crm_capi; CREATE ROLE crm LOGIN');

sub run_as_crm
{
	my ($database, @statements) = @_;
	my ($code, $stdout, $stderr) = $crm->node->psql($database,
		join('', map { "$_;\n" } "SET timezone = 'Asia/Tokyo'", @statements),
		extra_params => [ '-U', 'crm' ]);
	is($code, 0, 'the application is not disturbed') or diag $stderr;
	return $stdout;
}

# A watch as docs/crms.md shows it.
sub documented_watch
{
	my ($name) = @_;
	my $watch = slurp_file("$files/${name}_watch.sql");
	like(slurp_file("$files/../../docs/crms.md"), qr/\Q$watch\E/, "$name: docs/crms.md shows this watch");
	return $watch;
}

# A database with that CRM, its dataset and its watch.
sub install
{
	my ($name) = @_;
	my $watch = documented_watch($name);
	$crm->sql("CREATE DATABASE $name OWNER crm");
	$crm->sql('CREATE EXTENSION crm_capi', $name);
	$crm->create_dataset('sales', database => $name, lead_event_source => $name);
	$crm->sql('GRANT USAGE ON FOREIGN SERVER sales TO crm; GRANT CREATE ON SCHEMA public TO crm', $name);
	run_as_crm($name, slurp_file("$files/$name.sql"));
	run_as_crm($name, $watch);
	$endpoint->forget;
	return;
}

# Test: these events have arrived, each "lead stage", in order per lead, and nothing else is owed or parked.
sub arrived
{
	my ($name, $test_name, @expected) = @_;
	$endpoint->wait_for('accepted', scalar @expected);
	$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $name);
	my (%got, %wanted);
	for my $line ($endpoint->accepted)
	{
		push @{ $got{ $line->{event}{user_data}{lead_id} } }, $line->{event}{event_name};
		is($line->{event}{custom_data}{lead_event_source}, $name, 'named after the CRM');
	}
	for my $event (@expected)
	{
		my ($lead, $stage) = split / /, $event, 2;
		push @{ $wanted{$lead} }, $stage;
	}
	is_deeply(\%got, \%wanted, "$name: $test_name");
	is($crm->sql("SELECT count(*) FROM capi_events WHERE status <> 'delivered'", $name),
		0, "$name: nothing is parked");
	return;
}

# Times as the CRM has them and as the endpoint received them: (whole seconds by lead and stage).
sub received_times
{
	return map { ("$_->{event}{user_data}{lead_id} $_->{event}{event_name}" => $_->{event}{event_time}) }
	  $endpoint->accepted;
}

# --- Odoo

install('odoo');
my $now = "date_trunc('second', now() AT TIME ZONE 'UTC')";
# As the ORM creates a record: what is computed, be it the stage, its time or the normalised identities, comes by an
# UPDATE when the transaction is flushed.
sub odoo_create
{
	my ($number, $meta, %values) = @_;
	$values{stage} //= 1;
	return (
		'BEGIN',
		"INSERT INTO \"crm_lead\" (\"active\", \"contact_name\", \"create_date\", \"create_uid\", \"email_from\", \"name\", \"phone\",
		   \"type\", \"user_id\", \"write_date\", \"write_uid\", \"x_meta_lead_id\")
		 VALUES (true, 'Jo Doe', $now, 2, 'Jo <jo$number\@example.com>', 'Lead', '030 1234567', 'lead', 2, $now, 2, $meta)
		 RETURNING \"id\"",
		"SAVEPOINT \"sp$number\"",
		"UPDATE \"crm_lead\" SET \"date_last_stage_update\" = $now, \"date_open\" = $now,
		   \"email_normalized\" = 'jo$number\@example.com', \"phone_sanitized\" = '+49301234567', \"probability\" = 10,
		   \"stage_id\" = $values{stage}, \"team_id\" = 1, \"won_status\" = 'pending' WHERE \"id\" IN ($number)",
		"RELEASE SAVEPOINT \"sp$number\"",
		@{ $values{then} // [] }, 'COMMIT');
}
sub odoo_stage
{
	my ($lead, $stage) = @_;
	return "UPDATE \"crm_lead\" SET \"date_last_stage_update\" = $now, \"stage_id\" = $stage, \"write_date\" = $now, \"write_uid\" = 2
	        WHERE \"id\" IN ($lead)";
}
run_as_crm('odoo', odoo_create(1, "'l:12345678901234501'"));
run_as_crm('odoo', odoo_create(2, "'12345678901234502'"));
run_as_crm('odoo', odoo_create(3, 'NULL'));
# An automation moves a lead while it is created: before its stage was written with a time, and behind that.
run_as_crm('odoo', odoo_create(4, "'12345678901234504'", then => [ odoo_stage(4, 2) ]));
run_as_crm('odoo', 'BEGIN',
	"INSERT INTO crm_lead (active, create_date, name, type, stage_id, x_meta_lead_id) VALUES (true, $now, 'Lead', 'lead', 1, '12345678901234505')",
	'UPDATE crm_lead SET stage_id = 2 WHERE id = 5', "UPDATE crm_lead SET date_last_stage_update = $now WHERE id = 5", 'COMMIT');
# Kanban moves, one of them through two columns at once; a field that is no stage; several leads together, as
# the ORM flushes them.
run_as_crm('odoo', odoo_stage(1, 2));
run_as_crm('odoo', 'BEGIN', odoo_stage(1, 3), odoo_stage(1, 4),
	"UPDATE crm_lead SET probability = 100, won_status = 'won', date_closed = $now, write_date = $now WHERE id IN (1)", 'COMMIT');
run_as_crm('odoo', "UPDATE crm_lead SET phone = '+49 30 1234567', write_date = $now, write_uid = 2 WHERE id IN (2)");
run_as_crm('odoo', "UPDATE \"crm_lead\" SET \"stage_id\" = \"__tmp\".\"stage_id\"::int4, \"date_last_stage_update\" = $now,
	\"write_date\" = $now FROM (VALUES (2, 2), (3, 2)) AS \"__tmp\" (\"id\", \"stage_id\") WHERE \"crm_lead\".\"id\" = \"__tmp\".\"id\"");
# A lead is archived, moved, and brought back; it was not lost.
run_as_crm('odoo', "UPDATE crm_lead SET active = false, date_closed = $now, write_date = $now WHERE id IN (2)");
run_as_crm('odoo', odoo_stage(2, 3));
run_as_crm('odoo', "UPDATE crm_lead SET active = true WHERE id IN (2)");
# The id arrives late. A copy of a lead has none.
run_as_crm('odoo', "UPDATE crm_lead SET x_meta_lead_id = '12345678901234503', write_date = $now WHERE id IN (3)");
run_as_crm('odoo', odoo_create(6, 'NULL', stage => 2));
arrived('odoo', 'stages by their English names, in order, each lead\'s first one too; nothing for archived leads', map { "123456789012345$_" }
	'01 New', '01 Qualified', '01 Proposition', '01 Won', '02 New', '02 Qualified', '03 Qualified',
	'04 New', '04 Qualified', '05 New', '05 Qualified');
my %odoo = received_times();
is( $odoo{'12345678901234501 Won'},
	$crm->sql("SELECT floor(extract(epoch FROM date_last_stage_update AT TIME ZONE 'UTC')) FROM crm_lead WHERE id = 1",
		'odoo'),
	'odoo: the time is that of the stage, whatever the session\'s time zone is');
is($odoo{'12345678901234505 New'}, $odoo{'12345678901234505 Qualified'}, 'odoo: the first stage has the time that came later');
my ($first) = grep { $_->{event}{user_data}{lead_id} == 12345678901234501 } $endpoint->accepted;
is_deeply(
	[ map { ref $_ ? @$_ : $_ } @{ $first->{event}{user_data} }{qw(em ph)} ],
	[ split /\n/, $crm->sql("SELECT capi_hash('em', 'jo1\@example.com') UNION ALL SELECT capi_hash('ph', '+49 30 1234567')", 'odoo') ],
	'odoo: with what it has normalised itself');

# What was imported before the watch, or moved while it was off, is found and sent once; mass edits and a renamed
# stage are told apart.
$crm->sql('ALTER TABLE crm_lead DISABLE TRIGGER USER', 'odoo');
run_as_crm('odoo', odoo_stage('3', 4));
$crm->sql("UPDATE crm_lead SET date_last_stage_update = date_last_stage_update + interval '1 second' WHERE id IN (3, 4)", 'odoo');
$crm->sql('ALTER TABLE crm_lead ENABLE TRIGGER USER', 'odoo');
run_as_crm('odoo', "UPDATE crm_stage SET name = name || '{\"en_US\": \"Signed\"}' WHERE id = 4");
$endpoint->forget;
is( run_as_crm('odoo', "SELECT string_agg(concat_ws(' ', lead_id % 100, event_name, action, known_name), ', ' ORDER BY lead_id)
	FROM capi_backfill('crm_lead', dry_run => false)"),
	'1 Signed known under another name Won, 2 Proposition enqueued, 3 Signed enqueued, '
	  . '4 Qualified known at another time Qualified, 5 Qualified known',
	'odoo: capi_backfill finds what the watch has not seen, and no more');
arrived('odoo', 'and it arrives', '12345678901234502 Proposition', '12345678901234503 Signed');

# Lost leads, by the other watch: lost is not archived. Restored, a lead does not reach its stage once more.
run_as_crm('odoo', "SELECT capi_unwatch('crm_lead')", documented_watch('odoo_lost'));
$endpoint->forget;
run_as_crm('odoo', odoo_create(7, "'12345678901234507'"));
my $lost = "UPDATE crm_lead SET active = false, probability = 0, won_status = 'lost', lost_reason_id = 1, date_closed = $now WHERE id = ";
run_as_crm('odoo', $lost . 7);
run_as_crm('odoo', "UPDATE crm_lead SET active = true, probability = 10, won_status = 'pending', lost_reason_id = NULL WHERE id = 7");
run_as_crm('odoo', "UPDATE crm_lead SET active = false, date_closed = $now WHERE id = 7");
run_as_crm('odoo', "UPDATE crm_lead SET active = true WHERE id = 7", odoo_stage(7, 2));
# Two leads are merged: the one that stays takes the id of the one that goes.
run_as_crm('odoo', 'BEGIN', "UPDATE crm_lead SET x_meta_lead_id = '12345678901234508', stage_id = 3, date_last_stage_update = $now WHERE id = 6",
	'DELETE FROM crm_lead WHERE id IN (4)', 'COMMIT');
arrived('odoo', 'lost leads are told, archived ones are not', map { "123456789012345$_" } '07 New', '07 Lost', '07 Qualified', '08 Proposition');
$crm->sql('DROP DATABASE odoo WITH (FORCE)');

# --- Twenty

install('twenty');
my $workspace = 'workspace_1wgvd1injqtife6y4rvfbu3h5';
my @person = map { sprintf '20202020-0000-4000-8000-%012d', $_ } 1 .. 3;
my @opportunity = map { sprintf '20202020-1111-4000-8000-%012d', $_ } 1 .. 3;
run_as_crm('twenty',
	map {
		my $lead = $_ == 2 ? 'NULL' : "'1234567890123460$_'";
		"INSERT INTO $workspace.person (id, \"nameFirstName\", \"nameLastName\", \"emailsPrimaryEmail\", \"metaLeadId\")
		 VALUES ('$person[$_ - 1]', 'Jo', 'Doe', 'jo$_\@example.com', $lead)",
		"INSERT INTO $workspace.opportunity (id, name, stage, \"pointOfContactId\", position)
		 VALUES ('$opportunity[$_ - 1]', 'Deal $_', 'NEW', " . ($_ == 3 ? 'NULL' : "'$person[$_ - 1]'") . ', 1)'
	} 1 .. 3);
sub twenty_update
{
	my ($number, $changes) = @_;
	return "UPDATE $workspace.\"opportunity\" SET $changes, \"updatedAt\" = CURRENT_TIMESTAMP
	        WHERE \"opportunity\".\"id\" IN ('$opportunity[$number - 1]')
	        RETURNING id, \"updatedAt\"";
}
run_as_crm('twenty', 'BEGIN', twenty_update(1, "stage = '$_'"), 'COMMIT') for qw(SCREENING MEETING PROPOSAL);
run_as_crm('twenty', twenty_update(1, 'position = 2'));
run_as_crm('twenty', twenty_update(1, "stage = 'CUSTOMER', \"closeDate\" = now()"));
run_as_crm('twenty', twenty_update(2, "stage = 'SCREENING'"));
# A person is put to the deal; a deal is thrown away, and one comes from the import.
run_as_crm('twenty', twenty_update(3, "\"pointOfContactId\" = '$person[2]'"));
run_as_crm('twenty', twenty_update(3, '"deletedAt" = CURRENT_TIMESTAMP'), twenty_update(3, "stage = 'MEETING'"));
run_as_crm('twenty', "INSERT INTO $workspace.opportunity (name, stage, \"pointOfContactId\")
	SELECT 'Imported', 'PROPOSAL', id FROM $workspace.person WHERE \"metaLeadId\" = '123456789012346' || '03'");
arrived('twenty', 'an enum\'s stages under the names of the map; the lead id is the contact\'s',
	map { "123456789012346$_" }
	  '01 initial_lead', '01 screened', '01 met', '01 offered', '01 converted', '03 initial_lead', '03 offered');
$crm->sql('DROP DATABASE twenty WITH (FORCE)');

# --- EspoCRM

install('espocrm');
run_as_crm('espocrm',
	map {
		"INSERT INTO \"lead\" (\"id\", \"deleted\", \"first_name\", \"last_name\", \"status\", \"source\", \"created_at\",
		   \"modified_at\", \"created_by_id\", \"c_meta_lead_id\")
		 VALUES ('6748a1b2c3d4e5f0$_', false, 'Jo', 'Doe', 'New', 'Campaign', date_trunc('second', $now),
		   date_trunc('second', $now), '1', '1234567890123470$_')"
	} 1 .. 2);
sub espo_status
{
	my ($number, $status) = @_;
	return "UPDATE \"lead\" SET \"status\" = '$status', \"modified_at\" = date_trunc('second', $now),
	          \"modified_by_id\" = '1'
	        WHERE \"lead\".\"id\" = '6748a1b2c3d4e5f0$number' AND \"lead\".\"deleted\" = false";
}
run_as_crm('espocrm', espo_status(1, $_)) for 'Assigned', 'In Process', 'Converted';
run_as_crm('espocrm', "UPDATE \"lead\" SET \"do_not_call\" = true, \"modified_at\" = $now WHERE \"id\" = '6748a1b2c3d4e5f02'");
run_as_crm('espocrm', espo_status(2, 'Dead'), espo_status(2, 'Recycled'));
run_as_crm('espocrm', "UPDATE \"lead\" SET \"deleted\" = true WHERE \"id\" = '6748a1b2c3d4e5f02'");
arrived('espocrm', 'statuses under the names of the map', map { "1234567890123470$_" }
	'1 initial_lead', '1 assigned', '1 qualified', '1 converted', '2 initial_lead', '2 lost', '2 recycled');
run_as_crm('espocrm', espo_status(1, 'Custom status'));
is($crm->sql("SELECT reason_code FROM capi_events WHERE status = 'parked'", 'espocrm'),
	'stage_unmapped', 'espocrm: a status that somebody has added is parked until the map has it');

# --- Django-CRM

install('djangocrm');
my ($org, $other_org) = map { sprintf '20202020-2222-4000-8000-%012d', $_ } 1 .. 2;
my @stage = map { sprintf '20202020-3333-4000-8000-%012d', $_ } 1 .. 2;
my @django = map { sprintf '20202020-4444-4000-8000-%012d', $_ } 1 .. 3;
run_as_crm('djangocrm',
	"INSERT INTO \"lead_stage\" VALUES ('$stage[0]', 'Talking', 0, 'open', 'in process', '$org'), ('$stage[1]', 'Won', 1, 'won', 'converted', '$org')",
	map {
		my $owner = $_ == 3 ? $other_org : $org;
		"SELECT set_config('app.current_org', '$owner', false)",
		"INSERT INTO \"lead\" (\"created_at\", \"updated_at\", \"id\", \"first_name\", \"last_name\", \"email\", \"status\", \"is_active\",
		   \"is_sample\", \"kanban_order\", \"custom_fields\", \"org_id\", \"stage_id\")
		 VALUES (now(), now(), '$django[$_ - 1]'::uuid, 'Jo', 'Doe', 'jo$_\@example.com', 'assigned', true, false, '0',
		   '{\"meta_lead_id\": \"1234567890123480$_\"}'::jsonb, '$owner'::uuid, NULL)"
	} 1 .. 3);
# save() writes every column; a card on the board writes stage and status at once, in a transaction of its own.
sub django_save
{
	my ($number, $changes, $owner) = @_;
	return ("SELECT set_config('app.current_org', '" . ($owner // $org) . "', false)", 'BEGIN',
		"UPDATE \"lead\" SET \"updated_at\" = now(), \"first_name\" = 'Jo', \"kanban_order\" = '1000.000000', $changes
		 WHERE \"lead\".\"id\" = '$django[$number - 1]'::uuid", 'COMMIT');
}
run_as_crm('djangocrm', django_save(1, "\"stage_id\" = '$stage[0]', \"status\" = 'in process'"));
run_as_crm('djangocrm', django_save(1, "\"status\" = 'in process'"));
run_as_crm('djangocrm', django_save(1, "\"stage_id\" = '$stage[1]', \"status\" = 'converted'"));
run_as_crm('djangocrm', django_save(2, "\"status\" = 'closed', \"is_active\" = false"));
run_as_crm('djangocrm', django_save(3, "\"status\" = 'recycled'", $other_org));
# Another organisation's lead is not there for this one.
run_as_crm('djangocrm', django_save(3, "\"status\" = 'closed'"));
arrived('djangocrm', 'statuses under the names of the map, of each organisation', map { "1234567890123480$_" }
	'1 assigned', '1 qualified', '1 converted', '2 assigned', '3 assigned', '3 recycled');
my ($django_first) = grep { $_->{event}{user_data}{lead_id} == 12345678901234801 } $endpoint->accepted;
ok(exists $django_first->{event}{user_data}{$_}, "djangocrm: $_ goes along") for qw(em fn ln);

done_testing();
