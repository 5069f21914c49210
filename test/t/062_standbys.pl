# A standby is never taken for a copy, however it was made: by pg_basebackup, by pg_rewind of an old
# primary, or of a backup that is older than what its primary has been through since. Nor is a server
# that crashed.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new(
	'first',
	bare => 1,
	conf => "crm_capi.poll_interval = '500ms'\nwal_level = replica\nmax_wal_senders = 5\n"
	  . "wal_log_hints = on\nwal_keep_size = '512MB'\nhot_standby = on\n");
my $first = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales');
$crm->create_crm(20);

# Test: this server delivers, and has no mark unless it should.
sub goes_on
{
	my ($there, $name, $marked) = @_;
	# What was under way before may go again.
	ok($there->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'), "$name sends what was owed");
	$there->forget;
	$there->change(1 .. 5);
	$there->arrived_as_committed("$name goes on by itself");
	is(-e $there->node->data_dir . '/crm_capi.copy' ? 1 : 0, $marked // 0, "$name: its mark");
	is($there->sql("SELECT status FROM capi_check() WHERE check_name = 'origin'"), 'ok', "$name is at home");
	return;
}

# A standby of $primary, made of the backup of $root by this name.
sub standby_of
{
	my ($primary, $root, $backup, $name) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($root, $backup);
	$standby->enable_streaming($primary);
	$standby->start;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return $standby;
}

# --- A crash

$crm->change(1 .. 3);
$first->stop('immediate');
$first->start;
goes_on($crm, 'a server that crashed');

# --- pg_basebackup, promotion, pg_rewind, promotion

$first->backup('base');
my $second = standby_of($first, $first, 'base', 'second');
$crm->change(6 .. 8);
$first->stop;
$second->promote;
my $there = $crm->on($second);
goes_on($there, 'a standby made by pg_basebackup, promoted');

# The old primary comes back for a moment and goes a way of its own, as after a failover.
$first->start;
$first->safe_psql('postgres', 'CREATE TABLE diverged ()');
$first->stop;
$second->safe_psql('postgres', 'CHECKPOINT');
command_ok(
	[ 'pg_rewind', '-D', $first->data_dir, '--source-server', $second->connstr('postgres') ],
	'the old primary is rewound');
ok(-e $first->data_dir . '/backup_label', 'that leaves a backup label');
# It has brought the configuration of the other one along.
$first->append_conf('postgresql.conf', 'port = ' . $first->port . "\n");
$first->enable_streaming($second);
$first->start;
$second->wait_for_catchup($first, 'replay', $second->lsn('insert'));
$second->stop;
$first->promote;
goes_on($crm, 'the old primary, made a standby by pg_rewind, promoted');

# --- A primary that was restored and accepted, and standbys of backups from before

sub accept_copy
{
	my ($backup_of, $backup, $name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init_from_backup($backup_of, $backup);
	$node->start;
	my $crm_there = $crm->on($node);
	ok($crm_there->until_true("SELECT reason LIKE 'database is a copy%' FROM capi_status"), "$name is held");
	is($crm_there->sql('SELECT capi_resume()'), 1, 'and accepted');
	return $crm_there;
}

$first->backup('before');
$first->stop;
my $third = accept_copy($first, 'before', 'third');
goes_on($third, 'a server restored from a backup and accepted', 1);
my $fourth = $crm->on(standby_of($third->node, $first, 'before', 'fourth'));
$third->node->backup('between');
$third->node->stop;
$fourth->node->promote;
goes_on($fourth, 'its standby, made of the same backup and so without the mark, promoted');
$fourth->node->stop;

my $fifth = accept_copy($third->node, 'between', 'fifth');
my $sixth = $crm->on(standby_of($fifth->node, $third->node, 'between', 'sixth'));
isnt(slurp_file($fifth->node->data_dir . '/crm_capi.copy'), slurp_file($sixth->node->data_dir . '/crm_capi.copy'),
	'restored once more it has another mark, and its standby the one before');
$fifth->node->stop;
$sixth->node->promote;
goes_on($sixth, 'that standby, promoted', 1);

# --- A mark that cannot be read

$sixth->node->stop;
open my $mark, '>', $sixth->node->data_dir . '/crm_capi.copy' or die $!;
print $mark "scribble\n";
close $mark;
$sixth->node->start;
ok( $sixth->until_true(
		"SELECT reason LIKE '%the file crm_capi.copy in the data directory cannot be read' FROM capi_status"),
	'a server with a mark that cannot be read is held');
$sixth->sql("SELECT capi_resume('sales')");
goes_on($sixth, 'such a server, accepted', 1);

unlike(slurp_file($_->node->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash: ' . $_->node->name)
  for $crm, $there, $third, $fourth, $fifth, $sixth;

done_testing();
