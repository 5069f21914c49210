# No phantoms: with synchronous_commit = off a commit is visible before it is durable. Whatever a
# crash undoes must not have been sent.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = 10;

# Nobody but a flush writes the last page of the log, so that there is something to lose.
my $crm = CrmCapi->new(
	'phantoms',
	conf => "crm_capi.poll_interval = '500ms'
synchronous_commit = off
wal_writer_delay = '10s'
wal_writer_flush_after = '1GB'
full_page_writes = off
autovacuum = off
");
my $node = $crm->node;
my $endpoint = $crm->endpoint;

# Like change(), with a stage that is never seen again: lost and done again is not the same.
$crm->sql(
	"CREATE FUNCTION change_uniquely(lead integer) RETURNS void LANGUAGE sql AS \$\$
	     UPDATE leads SET status = gen_random_uuid(), changed_at = clock_timestamp()
	     WHERE id = lead \$\$");
append_to_file($node->basedir . '/writer.sql',
	"\\set lead random(1, 100)\nSELECT change_uniquely(:lead);\n");

# --- What cannot be sent yet is not flushed either, and is lost

# The WAL writer flushes by itself ten seconds after its start. On a machine so slow that this is in
# between there is nothing to lose, and another try.
$crm->change(1);
$crm->arrived_as_committed('an event arrives');
my $gone = 0;
for my $try (1 .. 5)
{
	last if $gone;
	$node->restart;
	$crm->forget;
	$endpoint->script({ times => 1, action => { hold => \1 } });
	$crm->sql('SELECT change_uniquely(1)');
	$endpoint->wait_for('held', 1) or die 'no request hangs';
	$crm->sql('SELECT change_uniquely(1)');
	is($crm->sql('SELECT count(*) FROM history'), 2, 'two changes are visible, one is under way');
	$node->stop('immediate');
	$endpoint->script();
	$node->start;
	$gone = 2 - $crm->sql('SELECT count(*) FROM history');
	$crm->arrived_as_committed('after a crash the one under way arrives, and the other if it is left');
}
is($gone, 1, 'the one that could not be sent yet was undone by the crash, and was not sent');

# --- While others write

my $lost = 0;
for my $round (1 .. $rounds)
{
	$crm->forget;
	my $output = '';
	my $writers = IPC::Run::start(
		[
			'pgbench', '-n', '-f', $node->basedir . '/writer.sql', '-c', 4, '-T', 600,
			$node->connstr('postgres')
		],
		'<', \undef, '>', \$output, '2>&1');
	$endpoint->wait_for('accepted', 50 * $round) or die "nothing arrives: $output";
	my $visible = $crm->sql('SELECT count(*) FROM history');
	$node->stop('immediate');
	$writers->finish; # its sessions end with the server
	$node->start;
	my $left = $crm->sql('SELECT count(*) FROM history');
	$lost += $visible - $left if $left < $visible;
	$crm->arrived_as_committed(
		"round $round: what arrived is what is left after the crash, and all of it",
		repeats => 1);
}
note "visible, lost in the crash and not sent: at least $lost";

unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash by itself');

done_testing();
