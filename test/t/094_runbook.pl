# Every entry of the runbook is carried out by a test: each section of docs/operations.md and docs/doctor.md is one,
# and so is each situation that such a section lists by name. A test says so where it does it (Runbook.pm), which dies
# there if the runbook has no such entry. An entry that no test carries out fails here.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my %carried_out = Runbook::carried_out();
my @entries = Runbook::entries();
cmp_ok(scalar @entries, '>', 100, 'the runbook has many entries');
ok($carried_out{$_}, "carried out: $_" . ($carried_out{$_} ? ' (' . $carried_out{$_} =~ s{.*/}{}r . ')' : '')) for @entries;
my %is_entry = map { $_ => 1 } @entries;
is_deeply([ grep { !$is_entry{$_} } sort keys %carried_out ], [], 'and nothing else is said to be carried out');

# What finds the entries, and the marks, is not blind.
ok($is_entry{$_}, "an entry: $_")
  for 'token_refused', 'check token', 'CrmCapiHeld', 'A disk is full: The write-ahead log', 'A dataset is stopped: 3',
  'Maintenance of the tables', 'check conditions: No worker can be started';
my ($none, $some) = ('token_forgotten', 'token_refused');
eval { carries_out($none) };
like($@, qr/no entry token_forgotten/, 'what is no entry cannot be carried out');
eval { carries_out($some, 'buy another') };
like($@, qr/token_refused does not say: buy another/, 'nor what an entry does not say');

done_testing();
