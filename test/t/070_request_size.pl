# Too much at once: endpoints and proxies that take no large requests get smaller ones, no event twice,
# and full ones again once they take them. The doctor says which size is in use.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $crm = CrmCapi->new('request_size', bare => 1, conf => "crm_capi.poll_interval = '1h'\n");
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 1000, timeout => 120);
$crm->create_crm(1000);

# A new chapter, with a dataset that knows of nothing: one that is set anew begins at full size.
my $chapter = 0;

sub begin
{
	$crm->forget;
	$crm->sql("ALTER SERVER sales OPTIONS (SET timeout '" . (120 + ++$chapter) . "')");
	return;
}

sub change_all
{
	$crm->sql('SELECT change(i) FROM generate_series(1, 1000) i');
	return;
}

sub size_in_use
{
	return $crm->sql("SELECT status || ' ' || detail FROM capi_check()
	                  WHERE subject = 'sales' AND check_name = 'request_size'");
}

my $full = 'ok Requests carry up to 1000 events, as is set.';
is(size_in_use(), $full, 'all is well at first');

# --- "Reduce the amount of data"

begin();
$endpoint->script({ match => { min_events => 201 }, action => { code => 1 } });
change_all();
$crm->arrived_as_committed('a thousand events pass an endpoint that takes two hundred, each once');
my @sizes = map { $_->{event_count} } $endpoint->requests;
is("@sizes[0 .. 4]", '1000 1000 500 250 125', 'half of it from the second failure on');
is(scalar(grep { $_ > 200 } @sizes), 4, 'and no more failures than it takes to find out');
is($crm->sql("SELECT string_agg(DISTINCT outcome, ' ' ORDER BY outcome) FROM capi_requests"),
	'delivered retry', 'nothing is in doubt');
is( size_in_use(),
	'warning Requests carry 125 events at most, since larger ones fail; 1000 are set.',
	'the doctor shows the size in use');
is($crm->sql('SELECT request_size FROM capi_dataset'), 125, 'as does the dataset\'s row');

carries_out('check request_size', 'the row is well again once they get through');

# --- Growing again

$endpoint->script();
change_all() for 1 .. 5;
$crm->arrived_as_committed('five thousand more follow when it takes all again');
is(size_in_use(), $full, 'at full size in the end');

# --- HTTP 413

begin();
$endpoint->script({ match => { min_events => 201 }, action => { status => 413 } });
change_all();
$crm->arrived_as_committed('a proxy that says "too large" gets smaller ones, each event once');
is( $crm->sql("SELECT DISTINCT outcome || ' ' || reason_code FROM capi_request_log
               WHERE http_status = 413"),
	'refused request_too_large', 'and its answer is said to be that');
is($crm->sql("SELECT count(*) FROM capi_settlement WHERE status = 'parked'"), 0, 'nothing is parked');

# --- A proxy that cuts large bodies

begin();
$endpoint->script({ match => { min_bytes => 60_000 }, action => { cut => 'before_read' } });
change_all();
$crm->arrived_as_committed('a proxy that cuts large bodies gets smaller ones, each event once');
is( $crm->sql("SELECT bool_and(reason_code IN ('not_processed', 'connection_cut')) FROM capi_request_log
               WHERE outcome IN ('retry', 'in_doubt') AND http_status IS NULL"),
	't', 'whose requests are said to have been cut');

# --- One event at last

begin();
$endpoint->script({ match => { min_events => 2 }, action => { code => 1 } });
$crm->sql('SELECT change(i) FROM generate_series(1, 8) i');
$crm->arrived_as_committed('an endpoint that takes one event at a time gets them one by one');

done_testing();
