# An administrator at work, by lot: everything that one may do to a server on an ordinary day, while writers
# run. In the end no writer has seen an error that a table without a watch would not have given him, and
# what was committed has arrived.
#
#   SOAK_SECONDS   how long (25)
#   SOAK_SEED      what is drawn; printed, so that it can be given again

use strict;
use warnings FATAL => 'all';

use Administrator;
use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{SOAK_SECONDS} || 25;
my $seed = $ENV{SOAK_SEED} || 20261129;
diag "SOAK_SEED=$seed SOAK_SECONDS=$seconds";

my $crm = CrmCapi->new('administrator', conf => "crm_capi.poll_interval = '500ms'
allow_in_place_tablespaces = on
autovacuum_naptime = 1s
");
my $node = $crm->node;
my $administrator = Administrator->new($crm, $seed);
my $ends_at = time + $seconds;
$administrator->start_writers;
$administrator->something_is_done while time < $ends_at;
$administrator->stop_writers;
note $administrator->diary;

is(join("\n", $administrator->complaints), '', 'no writer saw an error of ours');
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'), 'in the end nothing is owed');
my @expected = split /\n/, $crm->sql(<<'SQL');
SELECT lead_id || ' ' || stage FROM history WHERE lead_id > 1e14
UNION ALL SELECT lead || ' ' || stage FROM rich_history WHERE lead > 1e14
SQL
my @arrived = map { "$_->{event}{user_data}{lead_id} $_->{event}{event_name}" } $crm->endpoint->accepted;
my %balance;
$balance{$_}++ for @expected;
$balance{$_}-- for @arrived;
my @odd = grep { $balance{$_} != 0 } sort keys %balance;
is(join(', ', map { "$_: $balance{$_}" } grep { defined } @odd[ 0 .. 9 ]), '', 'what was committed has arrived, once')
  or diag $crm->sql("SELECT id, lead_id, event_name, status, reason_code FROM capi_events
                     WHERE status <> 'delivered' AND lead_id > 1e14 LIMIT 20");
cmp_ok(scalar @expected, '>', 50, 'which was something: ' . @expected);
is( $crm->sql("SELECT string_agg(DISTINCT reason_code, ' ') FROM capi_events WHERE status <> 'delivered' AND lead_id > 1e14") // '',
	'', 'and nothing is parked');
unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|signal \d+|crm_capi shipper.*exited with exit code/,
	'nothing has crashed, and no shipper has ended');

done_testing();
