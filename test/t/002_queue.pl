# The queue: what the CRM committed arrives, event by event and in order per lead - whatever
# transactions do.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $leads = 400;
my $crm = CrmCapi->new(
	'queue',
	bare => 1,
	conf => "crm_capi.poll_interval = '500ms'\nmax_prepared_transactions = 5\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 1000);
$crm->create_crm($leads);

# Whatever is left of pgbench's clients at a fault of theirs shows in the comparison.
sub pgbench
{
	my ($script, @options) = @_;
	my $file = $node->basedir . '/pgbench.sql';
	append_to_file($file, $script);
	$node->command_ok([ 'pgbench', '-n', '-f', $file, @options, 'postgres' ], "pgbench @options");
	unlink $file;
	return;
}

# --- 10,000 stage changes by 8 concurrent clients

# Of ten transactions two roll back, two undo a savepoint, one keeps one, one changes two leads in a
# row (in the order of their ids, so that nobody deadlocks).
pgbench(<<"SQL", '-c', 8, '-j', 2, '-t', 1350);
\\set lead random(1, $leads - 1)
\\set kind random(1, 10)
BEGIN;
SELECT change(:lead);
\\if :kind <= 2
ROLLBACK;
\\elif :kind <= 4
SAVEPOINT a;
SELECT change(:lead);
SAVEPOINT b;
SELECT change(:lead);
ROLLBACK TO a;
COMMIT;
\\elif :kind <= 5
SAVEPOINT a;
SELECT change(:lead);
RELEASE a;
COMMIT;
\\elif :kind <= 6
SELECT change(:lead + 1);
COMMIT;
\\else
COMMIT;
\\endif
SQL
cmp_ok($crm->sql('SELECT count(*) FROM history'),
	'>=', 10_000, '8 clients have committed 10,000 stage changes');
$crm->arrived_as_committed(
	'with rollbacks and savepoints mixed in they arrive exactly as committed, in order per lead');
is($crm->sql('SELECT count(*) FROM capi_events WHERE attempts <> 1'),
	0, 'each was sent once');
is( $crm->sql(
		'SELECT (SELECT count(*) FROM capi_settlement),
		        (SELECT n_tup_upd + n_tup_del FROM pg_stat_user_tables
		         WHERE relname = \'capi_event_log\')'),
	'0|0', 'and a delivered event costs no row of its own and no update');

# --- Prepared transactions

$crm->forget;
$crm->sql("BEGIN; SELECT change(1); SAVEPOINT a; SELECT change(1); ROLLBACK TO a; SELECT change(2);
           PREPARE TRANSACTION 'kept'");
$crm->sql("BEGIN; SELECT change(3); PREPARE TRANSACTION 'undone'");
$crm->change(4, 5);
$endpoint->wait_for('accepted', 2);
$crm->arrived_as_committed('a prepared transaction holds nobody up and sends nothing');
$crm->sql("COMMIT PREPARED 'kept'");
$endpoint->wait_for('accepted', 4);
$crm->sql("ROLLBACK PREPARED 'undone'");
$crm->change(3);
$endpoint->wait_for('accepted', 5);
$crm->arrived_as_committed('COMMIT PREPARED sends its events, ROLLBACK PREPARED none');

$crm->sql("BEGIN; SELECT change(6); PREPARE TRANSACTION 'over a restart'");
$crm->change(7);
$endpoint->wait_for('accepted', 6);
$node->restart;
$crm->change(8);
$endpoint->wait_for('accepted', 7);
$crm->arrived_as_committed('a prepared transaction stays unsent over a restart');
$crm->sql("COMMIT PREPARED 'over a restart'");
$crm->arrived_as_committed('and is sent after it');

# --- Two first writers

# Each registers the new dataset under a number of its own, so that neither waits for the other. Their
# events are of one dataset all the same. The shipper has a request under way, and is kept from
# looking (it waits for a lock) until a lead has events under both numbers.
$crm->forget;
$crm->create_dataset('fresh', dataset_id => $StandIn::OTHER_DATASET);
$endpoint->script({ times => 1, action => { hold => \1 } });
my ($one, $two, $keeper) = map { $node->background_psql('postgres') } 1 .. 3;

sub send_fresh
{
	my ($lead, $stage) = @_;
	return "SELECT capi_send_lead_event(12345678901230000 + $lead, '$stage', dataset => 'fresh')";
}
$one->query_safe('BEGIN; ' . send_fresh(1, 'under way'));
$two->query_safe('BEGIN; ' . send_fresh(2, 'first'));
$one->query_safe('COMMIT');
$endpoint->wait_for('held', 1);
$keeper->query_safe('BEGIN; LOCK TABLE capi_request_log');
$crm->sql(send_fresh(3, 'distraction'));
$crm->until_true(
	'SELECT EXISTS (SELECT FROM pg_locks WHERE pid = capi_shipper_pid() AND NOT granted)');
$two->query_safe('COMMIT');
$one->query_safe(send_fresh(2, 'second'));
$keeper->query_safe('COMMIT');
$endpoint->release;
$endpoint->wait_for('accepted', 4);
is( $crm->sql('SELECT count(DISTINCT dataset) FROM capi_event_log
               WHERE lead_id = 12345678901230002 AND event_name IN (\'first\', \'second\')'),
	2, 'a lead has events under two numbers of one dataset');
is( join(' ',
		map { $_->{event}{event_name} }
		grep { $_->{event}{user_data}{lead_id} eq '12345678901230002' } $endpoint->accepted),
	'first second',
	'and they arrive in order');
$_->quit for $one, $two, $keeper;

# --- Writers that sit in their transaction

$crm->forget;
my $idle = $node->background_psql('postgres');
$idle->query_safe('BEGIN; SELECT change(10)');
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM leads');
my $bulk = $node->background_psql('postgres');
$bulk->query_safe(
	"BEGIN;
	 INSERT INTO leads (id, fb_lead_id, status)
	 SELECT i, 12345678901230000 + i, 'stage 0' FROM generate_series(1001, 201000) i");
$crm->change(11 .. 60, 11 .. 60);
$endpoint->wait_for('accepted', 100);
$crm->arrived_as_committed(
	'an idle writer, a held snapshot and 200,000 uncommitted rows do not stop the others');
is($crm->sql("SELECT count(*) FROM capi_requests WHERE finished_at IS NULL"),
	0, 'and leave nothing under way');

# Behind the bulk in ids, before it in time; and between two pages of it.
$crm->change(61);
my $seconds = $crm->seconds(
	sub {
		$bulk->query_safe('COMMIT');
		$crm->change(62 .. 70);
		ok( $endpoint->wait_for('accepted', 200_110),
			'one transaction of 200,000 events arrives, the idle writer notwithstanding');
	});
note sprintf '200,000 events in %.1f s', $seconds;
$idle->query_safe('COMMIT');
$crm->arrived_as_committed('and exactly as committed, with the idle writer\'s event at last');
$_->quit for $idle, $reader, $bulk;

# --- Many holes

$crm->forget;
pgbench(<<"SQL", '-c', 4, '-t', 250);
\\set lead random(1, $leads)
BEGIN;
SELECT change(:lead);
ROLLBACK;
SQL
$crm->change(1 .. 20);
$crm->arrived_as_committed('a thousand rollbacks leave holes that hide nothing');

# --- The shipper's place in the log

$node->restart;
$crm->change(21);
$crm->arrived_as_committed('after a restart nothing is sent twice and nothing is skipped');
is($crm->sql('SELECT count(*) FROM capi_owed'), 0, 'nothing is owed in the end');
my $pid = $crm->shipper_pid;
ok( $crm->until_true(
		"SELECT clock_timestamp() - state_change > '3s' FROM pg_stat_activity WHERE pid = $pid"),
	'and when nobody writes, polls pass without a turn');

done_testing();
