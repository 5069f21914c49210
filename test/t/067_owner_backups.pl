# Backups by the application's role: it owns the database and is no superuser. What it dumps is whole as far
# as the CRM goes and holds nothing of the queue; what it restores comes back without an error where somebody
# has prepared the database, and tells what is missing where nobody has.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $crm = CrmCapi->new('owner_backups', bare => 1, conf => "crm_capi.poll_interval = '1h'");
my $node = $crm->node;
my $backups = $node->basedir;
my $secret = 'EAABneverleaves';
my @marked = map { "capi_$_" }
  qw(dataset event_log settlement request_log cursor counter tombstone watch_approval reached_stage);

sub as_crm { return $node->connstr($_[0]) . ' user=crm'; }

# Code, output and messages of statements that the application's role runs.
sub run_as_crm
{
	my ($database, $sql) = @_;
	return $node->psql($database, $sql, extra_params => [ '-U', 'crm' ]);
}

# How many rows each marked table has.
sub rows
{
	my ($database) = @_;
	return $crm->sql(join(' UNION ALL ', map { "SELECT '$_ ' || count(*) FROM $_" } @marked) . ' ORDER BY 1', $database);
}

# --- A database of the application, with a queue that has something in each of its tables

$crm->sql('CREATE ROLE crm LOGIN; CREATE ROLE visitor LOGIN');
$crm->sql('CREATE DATABASE crm OWNER crm');
$crm->sql("CREATE EXTENSION crm_capi;
	CREATE SERVER sales FOREIGN DATA WRAPPER crm_capi
		OPTIONS (dataset_id '1234567890123456', lead_event_source 'Odoo', mode 'dry_run');
	CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token '$secret');
	GRANT USAGE ON FOREIGN SERVER sales TO crm", 'crm');
is((run_as_crm('crm', "
	CREATE TABLE leads (id integer PRIMARY KEY, meta bigint, stage text, email text);
	SELECT capi_watch('leads', 'meta', 'upper(NEW.stage)', user_data => '{\"em\": \"email\"}', repeat => 'first');
	INSERT INTO leads VALUES (1, 123456789012301, 'new', 'jo\@example.com'),
		(2, 123456789012302, 'new', 'al\@example.com'), (3, 5, 'new', NULL)"))[0], 0, 'the application writes');
$crm->until_true("SELECT count(*) = 2 FROM capi_events WHERE status = 'dry_run'", 'crm') or die 'not settled';
$crm->sql('SELECT capi_forget(123456789012302)', 'crm');
$node->restart; # writes the cursor and the totals
$crm->shipper_pid('crm');
$crm->until_true('SELECT EXISTS (SELECT FROM capi_cursor) AND EXISTS (SELECT FROM capi_counter)', 'crm')
  or die 'no cursor';
my $rows = rows('crm');
unlike($rows, qr/ 0$/m, 'there is something in each table of the queue');
my ($hash) = $crm->sql("SELECT capi_hash('em', 'jo\@example.com')", 'crm');

# --- What the role may see

for my $table (@marked)
{
	my (undef, undef, $stderr) = run_as_crm('crm', "SELECT * FROM $table");
	like($stderr, qr/permission denied for table $table/, "the owner of the database cannot read $table");
}
sub door { return $_[0] =~ s/capi_/capi_dumped_/r; }
is((run_as_crm('crm', join ' UNION ALL ', map { 'SELECT count(*) FROM ' . door($_) . ' UNION ALL SELECT count(*) FROM pg_catalog.' . door($_) . '(0, 1)' }
	  grep { $_ ne 'capi_watch_approval' } @marked))[1],
	join("\n", ('0') x 16), 'nor what dumps are made of');
is((run_as_crm('crm', 'SELECT owner FROM pg_catalog.capi_dumped_watch_approval(0, 1)'))[1],
	'crm', 'but what it has approved itself');
is(($node->psql('crm', 'SELECT count(*) FROM pg_catalog.capi_dumped_watch_approval(0, 1)', extra_params => [ '-U', 'visitor' ]))[1],
	'0', 'which others cannot');
is($crm->sql('SELECT count(*) FROM generate_series(0, 6) s, pg_catalog.capi_dumped_event_log(s, 7)', 'crm'),
	$crm->sql('SELECT count(*) FROM capi_event_log', 'crm'), 'all of it comes in stripes');

# What it may insert into is refused all the same, and the tables themselves are closed.
for my $insert (
	"capi_dumped_event_log (id, enqueued_at, parked) VALUES (1000, now(), false)",
	"capi_dumped_settlement (event, settled_at, status, reason_code) VALUES (1000, now(), 'retry', 'cancelled')",
	"capi_dumped_tombstone (lead, forgotten_at) VALUES ('x', now())",
	"capi_dumped_reached_stage VALUES (1, 1, now(), '1', 'x')",
	"capi_dumped_watch_approval VALUES ('postgres', 'x', now())",
	"capi_dumped_watch_approval VALUES ('nobody at all', 'x', now())")
{
	my (undef, undef, $stderr) = run_as_crm('crm', "INSERT INTO $insert");
	like($stderr, qr/permission denied for rows of table/, "not written: $insert");
}
(undef, undef, my $denied) = run_as_crm('crm', "INSERT INTO capi_watch_approval VALUES ('crm', 'x', now())");
like($denied, qr/permission denied for table/, 'not even its own approval into the table');
is(rows('crm'), $rows, 'nothing was');

# --- Dumps by the role

my @dumps = (
	[ 'plain', '-f', "$backups/owner.sql" ],
	[ 'custom', '-Fc', '-f', "$backups/owner.dump" ],
	[ 'directory', '-Fd', '-j2', '-f', "$backups/owner.dir" ],
	[ 'inserts', '--inserts', '-f', "$backups/inserts.sql" ]);
for my $dump (@dumps)
{
	my ($name, @arguments) = @$dump;
	my $stderr = '';
	ok(IPC::Run::run([ 'pg_dump', @arguments, as_crm('crm') ], '2>', \$stderr), "$name: the owner of the database dumps it");
	is($stderr, '', "$name: without a word");
}
my %text = (
	plain => slurp_file("$backups/owner.sql"),
	inserts => slurp_file("$backups/inserts.sql"));
for my $archive ([ custom => 'owner.dump' ], [ directory => 'owner.dir' ])
{
	my ($name, $file) = @$archive;
	IPC::Run::run([ 'pg_restore', '-f', '-', "$backups/$file" ], '>', \$text{$name}) or die $file;
}
for my $name (sort keys %text)
{
	like($text{$name}, qr/jo\@example\.com/, "$name: the CRM's rows are in it");
	like($text{$name}, qr/CREATE TRIGGER capi_watch_/, "$name: so is the watch");
	unlike($text{$name}, qr/$secret/, "$name: no token is");
	unlike($text{$name}, qr/$hash/, "$name: no identity is");
	my @filled = $text{$name} =~ /^COPY public\.capi_dumped_(\w+) [^\n]*;\n(?!\\\.)/mg;
	push @filled, $text{$name} =~ /^INSERT INTO public\.capi_dumped_(\w+) /mg;
	is("@filled", 'watch_approval', "$name: and nothing of the queue but the approval of the watch");
}

# --- Dumps by others are whole

command_ok([ 'pg_dump', '-Fc', '-f', "$backups/whole.dump", $node->connstr('crm') ], 'a superuser dumps the database');
$crm->sql('CREATE DATABASE whole');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('whole'), "$backups/whole.dump" ], 'and restores it');
is(rows('whole'), $rows, 'with every row of the queue');
$crm->sql('CREATE ROLE keeper LOGIN; GRANT pg_read_all_data TO keeper');
command_ok([ 'pg_dump', '-Fc', '-f', "$backups/kept.dump", $node->connstr('crm') . ' user=keeper' ],
	'a role that may read everything dumps the database');
$crm->sql('CREATE DATABASE kept');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('kept'), "$backups/kept.dump" ], 'a superuser restores that');
is(rows('kept'), $rows, 'with every row, too');
$crm->sql('ALTER SCHEMA public RENAME TO other', 'kept');
command_ok([ 'pg_dump', '-f', "$backups/renamed.sql", $node->connstr('kept') ], 'a renamed schema is dumped');
like(slurp_file("$backups/renamed.sql"), qr/^COPY other\.capi_dumped_event_log [^\n]*;\n\d/m, 'with its rows');

# --- Data alone, without triggers: what takes rows through their doors is switched off, too

sub restored_rows { return $crm->sql("SELECT status || ': ' || detail FROM capi_check() WHERE check_name = 'restored_rows'", $_[0]); }
like(restored_rows('whole'), qr/^ok: /, 'nothing lies in the doors after any other restore');
$crm->sql('CREATE DATABASE alone');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--schema-only', '-d', $node->connstr('alone'), "$backups/whole.dump" ],
	'the schema is restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--data-only', '--disable-triggers', '-d', $node->connstr('alone'),
		"$backups/whole.dump" ], 'and the data without triggers');
is($crm->sql('SELECT count(*) FROM leads', 'alone'), 3, "the CRM's rows are in their table");
is($crm->sql('SELECT count(*) FROM capi_event_log', 'alone'), 0, 'those of the queue are not');
is( restored_rows('alone'),
	'error: Restored rows are not in the tables yet; they lie in ' . join(', ', map { door($_) } @marked) . '.',
	'and the doctor says where they lie');
my ($prescribed) = $crm->sql("SELECT hint FROM capi_check() WHERE check_name = 'restored_rows'", 'alone') =~ /^(SELECT \w+\(\))/;
is("$prescribed;\n", Runbook::examples(carries_out('check restored_rows', 'how many rows it has put into their tables')), 'the runbook prescribes the same');
my (undef, undef, $not_his) = run_as_crm('alone', $prescribed);
like($not_his, qr/permission denied for function capi_restore_rows/, 'not everybody may put them through');
my $moved = $crm->sql($prescribed, 'alone');
is($moved, eval { my $sum = 0; $sum += $_ for $rows =~ /(\d+)$/mg; $sum }, 'the statement that it names puts them through');
is(rows('alone'), $rows, 'each into its table');
like(restored_rows('alone'), qr/^ok: /, 'and the doctor is content');
is($crm->sql($prescribed, 'alone'), 0, 'a second time there is nothing to do');
is($crm->sql("SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname = 'capi_restore'", 'alone'), 'A', 'the doors are closed again');
$crm->sql('DROP DATABASE alone WITH (FORCE)'); # there are workers for a few databases only

# --- Restored by the role, where the administrator has prepared the database

for my $restore (
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$backups/owner.sql", '-d' ],
	[ 'pg_restore', '--no-owner', '--exit-on-error', "$backups/owner.dump", '-d' ],
	[ 'pg_restore', '--no-owner', '--exit-on-error', '-j2', "$backups/owner.dir", '-d' ])
{
	my $name = join ' ', $restore->[0], $restore->[-2] =~ s/.*owner/owner/r;
	$crm->sql('CREATE DATABASE again OWNER crm');
	$crm->sql('CREATE EXTENSION crm_capi; GRANT USAGE ON FOREIGN DATA WRAPPER crm_capi TO crm', 'again');
	# In the plain form every statement is as the dump has it: the server's owner cannot be given back.
	my @command = @$restore;
	if ($restore->[0] eq 'psql')
	{
		my $without_owners = slurp_file("$backups/owner.sql") =~ s/^ALTER [^\n]* OWNER TO [^\n]*;\n//gmr;
		append_to_file("$backups/without_owners.sql", $without_owners);
		@command = map { s/owner\.sql/without_owners.sql/r } @command;
	}
	my ($stdout, $stderr) = ('', '');
	ok(IPC::Run::run([ @command, as_crm('again') ], '>', \$stdout, '2>', \$stderr), "$name: it comes back without an error")
	  or diag $stderr;
	is($crm->sql('SELECT count(*) FROM leads', 'again'), 3, "$name: with the CRM's rows");
	is($crm->sql("SELECT target || '|' || dataset || '|' || coalesce(problem, 'intact') FROM capi_watches", 'again'),
		'leads|sales|intact', "$name: with the watch and its approval");
	is((run_as_crm('again', "UPDATE leads SET stage = 'won' WHERE id = 1"))[0], 0, "$name: the CRM writes on");
	is($crm->sql("SELECT event_name FROM capi_event_log WHERE lead_id = 123456789012301", 'again'),
		'WON', "$name: its events are queued, and the old ones are not there");
	is($crm->sql("SELECT string_agg(check_name || ' ' || status, ', ' ORDER BY check_name) FROM capi_check()
	              WHERE check_name IN ('origin', 'token')", 'again'),
		'origin error, token warning', "$name: the doctor says that dataset belongs elsewhere and lacks its token");
	$crm->sql("ALTER SERVER sales OPTIONS (SET mode 'live'); SELECT capi_resume('sales')", 'again');
	ok($crm->until_true("SELECT health = 'held' AND reason LIKE '%token%' FROM capi_status", 'again'),
		"$name: resumed, it is held for want of its token");
	$crm->sql('DROP DATABASE again WITH (FORCE)');
}

# --- Restored by the role, where nothing is prepared

$crm->sql('CREATE DATABASE bare OWNER crm');
my $messages = '';
ok(!IPC::Run::run([ 'pg_restore', '--no-owner', '-d', as_crm('bare'), "$backups/owner.dump" ], '2>', \$messages),
	'without the extension the restore ends with errors');
like($messages, qr/permission denied to create extension "crm_capi"/, 'which name the extension');
like($messages, qr/function public\.capi_watch_trigger\(\) does not exist/, 'and the trigger that is missing');
is($crm->sql('SELECT count(*) FROM leads', 'bare'), 3, "the CRM's rows are back");
$crm->sql('CREATE EXTENSION crm_capi', 'bare');
is($crm->sql("SELECT string_agg(check_name || ' ' || status, ', ' ORDER BY check_name) FROM capi_check()
              WHERE check_name IN ('datasets', 'watches')", 'bare'),
	'datasets warning, watches warning', 'once the extension is there, the doctor tells what else is missing');

# The same, with the extension but without a right on its wrapper.
$crm->sql('CREATE DATABASE half OWNER crm');
$crm->sql('CREATE EXTENSION crm_capi', 'half');
ok(!IPC::Run::run([ 'pg_restore', '--no-owner', '-d', as_crm('half'), "$backups/owner.dump" ], '2>', \$messages),
	'without a right on the wrapper likewise');
is((run_as_crm('half', "UPDATE leads SET stage = 'won' WHERE id = 1"))[0], 0, 'the CRM writes');
is($crm->sql("SELECT reason_code FROM capi_events WHERE lead_id = 123456789012301", 'half'), 'dataset_missing', 'its event is parked');
is($crm->sql("SELECT status || ': ' || detail FROM capi_check() WHERE check_name = 'watch'", 'half'),
	'error: The watch does not work: dataset does not exist: sales.', 'and the doctor says why');

done_testing();
