# Numbers of ours that are taken: sequences that lag behind their tables, as a restore of data alone and a
# cut-over by logical replication leave them. No statement of the CRM fails, no event gets an id that
# nobody looks for, and what was committed arrives.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('numbers', conf => "crm_capi.poll_interval = '500ms'\nwal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n");
my $node = $crm->node;

# All sequences of ours are as new.
sub set_back
{
	$crm->sql(join '', map { "SELECT setval('$_', 1, false);" } 'capi_event_id', 'capi_request_id',
		'capi_dataset_number');
	return;
}

sub greatest_id { return $crm->sql('SELECT max(id) FROM capi_event_log'); }

# --- Sessions that know the tables, and new ones

$crm->change(1 .. 5);
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe('SELECT change(1)');
my $before = greatest_id();
set_back();
$session->query_safe('SELECT change(1)');
cmp_ok(greatest_id(), '>', $before, 'a session that knows the log goes on behind what is in it');
set_back();
$crm->change(2);
cmp_ok($crm->sql('SELECT last_value FROM capi_event_id'), '>', $before, 'and so does a new one');
set_back();
$crm->create_dataset('other', dataset_id => $StandIn::OTHER_DATASET);
$crm->sql("SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status', dataset => 'other',
                             event_time => 'changed_at');
           SELECT change(3); SELECT capi_unwatch('leads', 'other')");
is($crm->sql('SELECT count(*) FROM capi_dataset'), 2, 'a dataset gets a number that is free');
$crm->sql(q{SELECT setval('capi_event_id', 1, false); UPDATE leads SET fb_lead_id = 7 WHERE id = 90});
is($crm->sql("SELECT count(*) FROM capi_settlement WHERE reason_code = 'lead_id_length'"), 1,
	'a parked event gets an id that is free in both tables');
$crm->sql('DELETE FROM history WHERE lead_id = 7');

# A settlement has the id, and no event.
$crm->sql('INSERT INTO capi_settlement (event, settled_at, status, reason_code)
           SELECT last_value + 1, now(), \'cancelled\', \'cancelled\' FROM capi_event_id');
$session->query_safe('UPDATE leads SET fb_lead_id = 8 WHERE id = 90');
is($crm->sql("SELECT count(*) FROM capi_settlement WHERE reason_code = 'lead_id_length'"), 2,
	'nor does a settlement without an event stand in its way');
is($crm->sql("SELECT count(*) FROM capi_event_log e WHERE parked AND NOT EXISTS
              (SELECT FROM capi_settlement s WHERE s.event = e.id AND s.status = 'parked')"), 0,
	'and nothing is left of the attempt');

# --- An id that is free and lies behind what the shipper has read

$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or die 'still owed';
$crm->until_true('SELECT position >= (SELECT max(id) FROM capi_event_log) FROM capi_cursor') or die 'no cursor';
$crm->sql('DELETE FROM capi_event_log; DELETE FROM capi_settlement');
set_back();
$crm->change(4);
cmp_ok(greatest_id(), '>', $crm->sql('SELECT position FROM capi_cursor WHERE updated_at < now()') - 2,
	'the cursor counts as well');

# One that a rollback has left free, and that the shipper has passed. The session's own last id is smaller.

$session->query_safe('SELECT change(1)');
my $free = 1 + greatest_id();
$crm->sql('BEGIN; SELECT change(2); ROLLBACK');
$crm->change(3);
$crm->until_true("SELECT position >= (SELECT max(id) FROM capi_event_log) FROM capi_cursor") or die 'no cursor';
is($crm->sql("SELECT count(*) FROM capi_event_log WHERE id = $free"), 0, 'an id is free');
$crm->sql("SELECT setval('capi_event_id', $free, false)");
$session->query_safe('SELECT change(1)');
cmp_ok(greatest_id(), '>', $free + 1, 'it is not taken by a session that has a smaller one');
is($crm->sql("SELECT count(*) FROM capi_event_log WHERE id = $free"), 0, 'which knows that nobody would look for it');

# --- Writers by the dozen, and a sequence that is set back again and again

my $script = $node->basedir . '/writer.sql';
append_to_file($script, "\\set lead random(1, 80)\nSELECT change(:lead);\n");
my $writers = IPC::Run::start([ 'pgbench', '-n', '-c', 6, '-t', 150, '-f', $script, $node->connstr('postgres') ],
	'<', \undef, '>', \my $out, '2>', \my $err);
while ($writers->pumpable)
{
	$crm->sql(q{SELECT setval('capi_event_id', greatest(1, last_value - 50)) FROM capi_event_id});
	$writers->pump_nb;
}
$writers->finish;
unlike($err, qr/ERROR/, 'no statement of the CRM failed');
$session->quit;
is($crm->sql('SELECT count(*) FROM capi_event_log GROUP BY id HAVING count(*) > 1'), '', 'no id is there twice');
$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or die 'still owed';
my $arrived = grep { $_->{event}{event_name} =~ /^stage/ && $_->{dataset_id} eq $StandIn::DATASET }
  $crm->endpoint->accepted;
is($arrived, $crm->sql('SELECT count(*) FROM history'), 'what was committed has arrived, once');

# --- The data of a dump alone, into a database with its triggers on

my $dump = $node->basedir . '/dump';
$crm->sql('DROP TRIGGER history ON leads'); # which is not made for the search_path of a restore
$crm->sql('CREATE DATABASE restored');
for my $section ('schema', 'data')
{
	$node->command_ok([ 'pg_dump', "--$section-only", '-Fc', '-f', "$dump.$section", 'postgres' ], "a dump of the $section");
	$node->command_ok([ 'pg_restore', '-d', 'restored', "$dump.$section" ], "restores the $section");
}
is($crm->sql('SELECT count(*) FROM leads', 'restored'), $crm->sql('SELECT count(*) FROM leads'),
	'the leads are there');
is( $crm->sql('SELECT change(5); SELECT change(5)', 'restored') // 'failed', "\n", 'and can be written to');

# --- Logical replication of everything, and a cut-over

$crm->sql('CREATE DATABASE green');
$node->command_ok([ 'pg_restore', '-d', 'green', "$dump.schema" ], 'the schema of the green side');
$crm->sql('CREATE PUBLICATION everything FOR ALL TABLES');
$crm->sql("SELECT pg_create_logical_replication_slot('cut_over', 'pgoutput')");
$crm->sql("CREATE SUBSCRIPTION cut_over CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION everything
           WITH (create_slot = false, slot_name = 'cut_over')", 'green');
my $synchronised = "SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel";
ok($crm->until_true($synchronised, 'green'), 'the green side has all tables');
$crm->change(6 .. 9);
my $last = greatest_id();
ok($crm->until_true("SELECT max(id) >= $last FROM capi_event_log", 'green'), 'and follows');
$crm->sql('ALTER SUBSCRIPTION cut_over DISABLE; ALTER SUBSCRIPTION cut_over SET (slot_name = NONE);
           DROP SUBSCRIPTION cut_over', 'green');
is($crm->sql('SELECT change(6)', 'green') // 'failed', '', 'the first change on the green side');
is( $crm->sql("INSERT INTO leads (id, fb_lead_id, status) VALUES (1000, 12345678901239999, 'new'),
               (1001, 7, 'parked') RETURNING id", 'green'), "1000\n1001", 'and the first lead');
cmp_ok($crm->sql('SELECT max(id) FROM capi_event_log', 'green'), '>', $last,
	'have ids behind those of the blue side');

done_testing();
