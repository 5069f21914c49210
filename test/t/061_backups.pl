# Backups started as servers of their own while the original runs: they hold everything until
# capi_resume, for each dataset and for good. Their standbys share their fate, and a backup of a backup
# is held again.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('source', bare => 1, conf => "crm_capi.poll_interval = '500ms'\n");
my $source = $crm->node;
my $endpoint = $crm->endpoint;

# Started anew to archive, and to let others stream.
$source->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 5\n");
$source->enable_archiving;
$source->restart;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales');
$crm->create_dataset('shop', dataset_id => $StandIn::OTHER_DATASET, lead_event_source => 'Shop');
$crm->create_crm(60);
$crm->change(1 .. 10);
$crm->arrived_as_committed('the original sends');

# How many events a server accepts as its own: what each dataset owes and why.
my $held = "SELECT string_agg(dataset || ' ' || status || ' ' || coalesce(reason_code, '') || ' ' || count,
	', ' ORDER BY dataset) FROM (SELECT dataset, status, reason_code, count(*) FROM capi_events
	WHERE id IN (SELECT id FROM capi_owed) GROUP BY dataset, status, reason_code) s";

# Something is owed when the backup is made, and goes meanwhile.
$endpoint->script({ action => { hold => \1 } });
$crm->change(1 .. 5);
$endpoint->wait_for('held', 1);
$source->backup('base');
my $before = $source->lsn('insert');
$endpoint->script;
$endpoint->release;
$crm->arrived_as_committed('what was owed when the backup was made goes from the original');

# Work for a copy: old leads change, an event is sent by hand.
sub work_on
{
	my ($there) = @_;
	$there->change(1 .. 5);
	$there->sql("SELECT capi_send_lead_event(22345678901230001, 'sold', dataset => 'shop')");
	return;
}

# Test: nothing leaves this server.
sub is_held
{
	my ($there, $expected, $name) = @_;
	ok( $there->until_true("SELECT coalesce(($held), '') ~ '^$expected\$'"), "$name: all is held as cloned");
	is( $there->sql(
			"SELECT count(*) FROM capi_status WHERE health = 'held' AND reason LIKE
			 'database is a copy of another one: this server was started from a backup%'"),
		2, "$name: the datasets say why");
	is($there->sql("SELECT count(*) FROM capi_check(send => true) WHERE check_name = 'origin'
	                AND status = 'error' AND detail ~ 'started from a backup.* at 20.* UTC'"),
		2, "$name: and so does the doctor, with the time");
	is($endpoint->state->{accepted}, 0, "$name: Meta has got nothing");
	is(scalar(grep { $_->{token_in} } $endpoint->requests), 0, "$name: and seen no token");
	return;
}

# Test: a change arrives from this server.
sub sends
{
	my ($there, $name) = @_;
	my $accepted = $endpoint->state->{accepted};
	$there->change(40);
	ok($endpoint->wait_for('accepted', $accepted + 1), $name);
	$there->until_true("SELECT NOT EXISTS (SELECT FROM capi_owed o JOIN capi_dataset d ON d.number = o.dataset
	                    WHERE d.name = 'sales')");
	return;
}

# --- A base backup, started on its own

$endpoint->forget;
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($source, 'base');
$copy->append_conf('postgresql.conf', "archive_mode = off\n");
command_ok([ 'postgres', '-D', $copy->data_dir, '-C', 'shared_memory_size' ],
	'who only asks a backup for a setting');
ok(!-e $copy->data_dir . '/crm_capi.copy', 'marks nothing');
$copy->start;
my $there = $crm->on($copy);
ok(-s $copy->data_dir . '/crm_capi.copy', 'one that starts is marked');
work_on($there);
is_held($there, 'sales (held cloned|in_doubt shipper_stopped) .*shop held cloned 1', 'base backup');
$copy->restart;
$copy->stop('immediate');
$copy->start;
is_held($there, 'sales (held cloned|in_doubt shipper_stopped) .*shop held cloned 1',
	'base backup, restarted and crashed');
$there->create_dataset('canary', dataset_id => $StandIn::DATASET);
$there->sql("SELECT capi_send_lead_event(32345678901230000, 'mine', dataset => 'canary')");
ok($endpoint->wait_for('accepted', 1), 'a dataset made in the copy sends');
$there->sql('DROP SERVER canary CASCADE');
$crm->change(20);
ok($endpoint->wait_for('accepted', 2), 'the original sends as before');

$endpoint->forget;
$there->sql("SELECT capi_cancel('sales'), capi_resume('sales')");
sends($there, 'after capi_resume for a dataset it sends');
is($endpoint->state->{accepted}, 1, 'and nothing else does');
is($there->sql("SELECT status || ' ' || reason_code FROM capi_events WHERE dataset = 'shop'"),
	'held cloned', 'the other dataset is held');
$copy->restart;
sends($there, 'that is for good, also after a restart');

# --- What comes of the copy

$copy->append_conf('postgresql.conf', "hot_standby = on\n");
$copy->backup('of_copy');
my $standby = PostgreSQL::Test::Cluster->new('standby_of_copy');
$standby->init_from_backup($copy, 'of_copy', has_streaming => 1);
$standby->start;
$copy->wait_for_catchup($standby, 'replay', $copy->lsn('insert'));
$copy->stop;
$standby->promote;
my $promoted = $crm->on($standby);
sends($promoted, 'a standby of the copy, promoted, sends what the copy was allowed to');
is($promoted->sql("SELECT status || ' ' || reason_code FROM capi_events WHERE dataset = 'shop'"),
	'held cloned', 'and holds what the copy held');
$standby->stop;

my $second = PostgreSQL::Test::Cluster->new('copy_of_copy');
$second->init_from_backup($copy, 'of_copy');
$second->start;
my $further = $crm->on($second);
$endpoint->forget;
$further->change(41);
is_held($further, 'sales held cloned 1, shop held cloned 1', 'a backup of the copy');
is($further->sql('SELECT capi_resume()'), 2, 'capi_resume() accepts all its datasets');
ok($endpoint->wait_for('accepted', 2), 'it sends then');
$second->stop;

# --- Recovery to a point in time

$endpoint->forget;
my $segment = $crm->sql("SELECT pg_walfile_name('$before')");
$crm->sql("SELECT pg_logical_emit_message(true, 'test', 'x'); SELECT pg_switch_wal()");
$crm->until_true("SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver") or die 'not archived';
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($source, 'base', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf',
	"archive_mode = off\nrecovery_target_lsn = '$before'\nrecovery_target_action = 'promote'\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no end of recovery';
$there = $crm->on($restored);
work_on($there);
is_held($there, 'sales (held cloned|in_doubt shipper_stopped) .*shop held cloned 1', 'recovery');
ok($there->sql("SELECT bool_and(detail LIKE '%, by a recovery, at %') FROM capi_check()
                WHERE check_name = 'origin'") eq 't', 'recovery: which the doctor names');
$restored->restart;
is_held($there, 'sales (held cloned|in_doubt shipper_stopped) .*shop held cloned 1', 'recovery, restarted');
$there->sql("SELECT capi_cancel('sales'), capi_resume()");
ok($endpoint->wait_for('accepted', 1), 'after capi_resume it sends');

unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash: ' . $_->name)
  for $source, $copy, $standby, $second, $restored;

done_testing();
