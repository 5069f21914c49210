# An administrator's work on our own tables, while sessions that have used them go on: every table and
# index of the extension, as the catalog lists them, is rebuilt, moved and renamed. No statement of the
# CRM fails, the shipper does not end, and what was committed arrives.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $crm = CrmCapi->new('maintenance', conf => "crm_capi.poll_interval = '500ms'\nallow_in_place_tablespaces = on\n");
my $node = $crm->node;

$crm->sql(q{CREATE TABLESPACE elsewhere LOCATION ''});
$crm->sql(<<'SQL');
CREATE SEQUENCE number;
CREATE TABLE firsts (id bigint PRIMARY KEY, fb_lead_id bigint, stage text, at timestamptz);
SELECT capi_watch('firsts', 'fb_lead_id', 'stage', 'sales', event_time => 'at', repeat => 'first');
CREATE TABLE consents (id bigint PRIMARY KEY, fb_lead_id bigint, stage text, consent boolean DEFAULT true);
SELECT capi_watch('consents', 'fb_lead_id', 'upper(NEW.stage)', 'sales', condition => 'NEW.consent',
                  recheck => true, user_data => '{"em": "lower(''A@example.com'')"}');
SELECT capi_forget(22345678901230000);
CREATE TABLE by_hand (lead bigint);
CREATE FUNCTION remember(lead bigint) RETURNS bigint LANGUAGE sql AS 'INSERT INTO by_hand VALUES (lead) RETURNING lead';
SQL

# What a session remembers of each of our tables is used by one of these: log, settlements, reached
# stages, tombstones, approvals; an event that is taken back; a manual event.
sub work
{
	my ($lead) = @_;
	return <<"SQL";
SELECT change($lead);
INSERT INTO firsts VALUES (nextval('number'), 22345678901230001, 'once', now());
INSERT INTO firsts VALUES (nextval('number'), 22345678901240000 + currval('number'), 'once', now());
INSERT INTO firsts VALUES (nextval('number'), 7, 'no lead', now());
INSERT INTO firsts VALUES (nextval('number'), 22345678901230000, 'forgotten', now());
INSERT INTO consents VALUES (nextval('number'), 22345678901250000 + currval('number'), 'given');
SAVEPOINT late;
INSERT INTO firsts VALUES (nextval('number'), 22345678901240000 + currval('number'), 'late', NULL);
UPDATE firsts SET at = now() WHERE id = currval('number');
SELECT capi_send_lead_event(lead, 'by hand', dataset => 'sales')
FROM (SELECT 22345678901260000 + nextval('number')) n (lead), remember(lead);
SQL
}

carries_out('Maintenance of the tables', 'No session has to reconnect', 'other names for indexes');

my @writers = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
my $opened = $node->background_psql('postgres', on_error_stop => 0);
my @complaints;

sub must_not_complain
{
	my ($session, $sql, $after) = @_;
	$session->query($sql);
	push @complaints, "after $after: $session->{stderr}" if $session->{stderr} =~ /\S/;
	$session->{stderr} = '';
	return;
}

# The sessions write, each row in a transaction of its own but for those that belong together.
sub write_on
{
	my ($after) = @_;
	for my $i (0 .. $#writers)
	{
		(my $sql = work(1 + $i)) =~ s/SAVEPOINT late/BEGIN/;
		must_not_complain($writers[$i], "${sql}COMMIT;", $after);
	}
	return;
}

write_on('the start');
my $shipper = $crm->shipper_pid;

# Tables and indexes of the extension. The doors of dumps (capi_dumped_...) have no index and are used by none of these.
my $members = <<'SQL';
FROM pg_depend d JOIN pg_extension x ON d.refobjid = x.oid AND d.refclassid = 'pg_extension'::regclass
JOIN pg_class c ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
WHERE d.deptype = 'e' AND x.extname = 'crm_capi' AND c.relkind = 'r' AND c.relname !~ '^capi_dumped_'
SQL
my @tables = split /\n/, $crm->sql("SELECT c.relname $members ORDER BY 1");
my @indexes = split /\n/, $crm->sql(<<"SQL");
SELECT i.indexrelid::regclass FROM pg_index i WHERE i.indrelid IN (SELECT c.oid $members) ORDER BY 1
SQL
cmp_ok(scalar @tables, '>=', 10, 'the catalog lists our tables');
cmp_ok(scalar @indexes, '>=', 17, 'and our indexes');

sub treat
{
	my (@statements) = @_;
	for my $statement (@statements)
	{
		$crm->sql($statement);
		write_on($statement);
	}
	return;
}

for my $table (@tables)
{
	my $key = $crm->sql("SELECT indexrelid::regclass FROM pg_index WHERE indisprimary AND indrelid = '$table'::regclass");
	treat("REINDEX TABLE CONCURRENTLY $table", "VACUUM FULL $table", "CLUSTER $table USING $key",
		"ALTER TABLE $table SET TABLESPACE elsewhere", "ANALYZE $table", "REINDEX TABLE $table");
}
for my $index (@indexes)
{
	treat("REINDEX INDEX CONCURRENTLY $index", "ALTER INDEX $index RENAME TO another_name",
		"REINDEX INDEX CONCURRENTLY another_name", "ALTER INDEX another_name SET TABLESPACE elsewhere");
	$crm->sql("ALTER INDEX another_name RENAME TO $index");
}

# --- In the middle of a transaction, and of the REINDEX that waits for its end

for my $table ('capi_event_log', 'capi_settlement', 'capi_reached_stage')
{
	must_not_complain($opened, 'BEGIN;' . work(3), 'BEGIN');
	my $reindex = $node->background_psql('postgres');
	$reindex->query_until(qr/begun/, "\\echo begun\nREINDEX TABLE CONCURRENTLY $table;\n\\echo ended\n");
	$crm->until_true("SELECT count(*) > 0 FROM pg_stat_activity
	                  WHERE query LIKE 'REINDEX TABLE%' AND wait_event_type = 'Lock'") or die 'does not wait';
	write_on("the first half of REINDEX TABLE CONCURRENTLY $table");
	must_not_complain($opened, work(3) . 'COMMIT;', "the first half of REINDEX TABLE CONCURRENTLY $table");
	$reindex->query_until(qr/ended/, '');
	$reindex->quit;
	write_on("REINDEX TABLE CONCURRENTLY $table");
}

# One that is cancelled leaves an index that is not valid; it does no harm until it is dropped.
must_not_complain($opened, 'BEGIN;' . work(3), 'BEGIN');
$node->psql('postgres', "SET lock_timeout = '100ms'; REINDEX INDEX CONCURRENTLY capi_event_log_pkey");
is($crm->sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), 1, 'a cancelled REINDEX leaves a copy');
write_on('a cancelled REINDEX');
must_not_complain($opened, work(3) . 'COMMIT', 'a cancelled REINDEX');
treat('DROP INDEX CONCURRENTLY capi_event_log_pkey_ccnew');

# --- A schema with another name

for my $names ([ 'public', 'moved' ], [ 'moved', 'public' ])
{
	$crm->sql("ALTER SCHEMA $names->[0] RENAME TO $names->[1]");
	$_->query_safe("SET search_path = $names->[1]") for @writers;
	write_on("ALTER SCHEMA RENAME TO $names->[1]");
	my $owed = "SELECT NOT EXISTS (SELECT FROM $names->[1].capi_owed)";
	ok($crm->until_true($owed), "events are sent under the name $names->[1]");
}

is(join("\n", @complaints), '', 'no statement of the CRM failed');
$_->quit for @writers, $opened;
my @expected = split /\n/, $crm->sql(<<'SQL');
SELECT lead_id || ' ' || stage FROM history
UNION ALL SELECT fb_lead_id || ' ' || stage FROM firsts WHERE fb_lead_id > 22345678901240000
UNION ALL SELECT '22345678901230001 once'
UNION ALL SELECT fb_lead_id || ' ' || upper(stage) FROM consents
UNION ALL SELECT lead || ' by hand' FROM by_hand
SQL
my @arrived = map { "$_->{event}{user_data}{lead_id} $_->{event}{event_name}" } $crm->endpoint->accepted;
is(join("\n", sort @arrived), join("\n", sort @expected), 'what was committed has arrived, once');
is($crm->shipper_pid, $shipper, 'the shipper that was there before is there');
unlike(slurp_file($node->logfile), qr/ERROR: (?!.*canceling statement due to lock timeout)/,
	'and met no error either');

done_testing();
