# What capi_status says right after operators have decided about many events: the shipper, which
# publishes what is owed, has heard of nothing yet. It is stopped as a process meanwhile.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('decisions');

sub told
{
	return $crm->sql("SELECT owed, parked FROM capi_status WHERE dataset = 'sales'");
}

sub decide
{
	my ($function, $first, $last) = @_;
	return $crm->sql("SELECT $function(ARRAY(SELECT id FROM capi_event_log ORDER BY id OFFSET $first - 1 LIMIT $last - $first + 1))");
}

$crm->sql("SELECT capi_pause('sales')");
$crm->change(1 .. 40);
ok($crm->until_true("SELECT owed = 40 FROM capi_figures()"), 'the shipper has published what is owed');
my $shipper = $crm->sql('SELECT capi_shipper_pid()');
kill 'STOP', $shipper;

is(decide('capi_cancel', 1, 30), 30, 'thirty events are cancelled');
is(told(), '10|0', 'and capi_status knows it at once');
is(decide('capi_retry', 1, 20), 20, 'twenty are owed again');
is(told(), '30|0', 'and that, too');
$crm->sql('BEGIN; SAVEPOINT a; SELECT capi_cancel(ARRAY(SELECT id FROM capi_owed)); ROLLBACK TO a; COMMIT');
is(told(), '30|0', 'what is rolled back to a savepoint is not counted');
$crm->sql("SELECT capi_cancel('sales')");
is(told(), '0|0', 'nor is anything owed to a dataset of which all was cancelled');
is(decide('capi_retry', 6, 10), 5, 'five are owed again');
$crm->change(41 .. 43);
is(told(), '8|0', 'and three new ones are owed beside them');

kill 'CONT', $shipper;
ok($crm->until_true("SELECT capi_read_up_to() IS NOT NULL AND (SELECT owed FROM capi_figures()) = 8"),
	'the shipper, once it runs again, has heeded all of it');
is(told(), '8|0', 'and says the same');
is($crm->sql('SELECT capi_shipper_pid()'), $shipper, 'it was the same process all the time');

$crm->sql("SELECT capi_resume('sales')");
ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)'), 'everything that is owed goes');
is($crm->sql("SELECT status, count(*) FROM capi_events GROUP BY 1 ORDER BY 1"),
	"cancelled|35\ndelivered|8", 'and nothing else');
is($crm->sql("SELECT sum(event_count) FROM capi_requests"), 8,
	'once each, although some were cancelled and owed again before the shipper looked');
is($crm->sql("SELECT count(*) FROM capi_settlement WHERE status = 'retry'"), 0, 'no retry is left behind');

done_testing();
