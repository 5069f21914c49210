# Bad events in a batch cost few requests and harm no other; and no lead's stage overtakes an earlier
# one, whatever goes wrong in between.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('batches', bare => 1, conf => "crm_capi.poll_interval = '1h'\n");
my $node = $crm->node;
my $endpoint = $crm->endpoint;
$crm->sql('CREATE EXTENSION crm_capi');
$crm->create_dataset('sales', batch_size => 200);
$crm->create_crm(200);

sub lead { return 12345678901230000 + $_[0]; }

# --- Poison

# How many requests n events with k bad ones may take.
sub bound
{
	my ($n, $k) = @_;
	return $k * (2 * log($n / $k) / log(2) + 2) + 1;
}

# And how many of them may be refused: what Meta counts against its access tier.
sub refused_bound
{
	my ($n, $k) = @_;
	return $k * (0.6 * log($n / $k) / log(2) + 2.3) + 1;
}

for my $case (
	[ 'one in the middle', 200, 77 ],
	[ 'the first and the last', 200, 1, 200 ],
	[ 'neighbours', 200, 100, 101, 102, 103 ],
	[ 'seven far apart', 200, 3, 31, 60, 99, 128, 150, 191 ],
	[ 'one of three', 3, 2 ],
	[ 'all of five', 5, 1 .. 5 ])
{
	my ($name, $events, @bad) = @$case;
	subtest "poison: $name" => sub {
		$crm->forget;
		my $last = $crm->sql('SELECT coalesce(max(id), 0) FROM capi_requests');
		$endpoint->settings(deleted_leads => [ map { lead($_) . '' } @bad ]);
		$crm->sql("SELECT change(i) FROM generate_series(1, $events) i");
		$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)') or die 'something is owed';
		is( $crm->sql("SELECT string_agg(e.lead_id || ' ' || s.error_code || ' ' || s.error_subcode,
			                             ', ' ORDER BY e.lead_id)
			           FROM capi_settlement s JOIN capi_event_log e ON e.id = s.event
			           JOIN capi_request_log r ON r.id = s.request WHERE r.id > $last"),
			join(', ', map { lead($_) . ' 100 2804036' } @bad),
			'exactly the bad ones are parked, each with Meta\'s code and subcode');
		is($endpoint->state->{accepted}, $events - @bad, 'all others are delivered, once');
		cmp_ok($endpoint->state->{requests}, '<=', bound($events, scalar @bad),
			'in as many requests as are promised');
		cmp_ok($endpoint->state->{refused}, '<=', refused_bound($events, scalar @bad),
			'of which no more are refused than is promised');
	};
}

subtest 'poison: what is wrong with the dataset is not looked for in its events' => sub {
	$crm->forget;
	$endpoint->script({ times => 1, action => { code => 190, subcode => 463 } });
	$crm->sql('SELECT change(i) FROM generate_series(1, 200) i');
	$crm->arrived_as_committed('all arrive');
	my @sizes = map { $_->{event_count} } $endpoint->requests;
	is("@sizes", '200 1 199', 'the batch as a whole, a probe, the rest: no parts');
};

# --- Order

subtest 'order: eight requests in flight, with retries, splits, doubts and a restart' => sub {
	$crm->forget;
	$crm->sql("ALTER SERVER sales OPTIONS (SET batch_size '3', ADD max_in_flight '8')");
	$endpoint->script(
		{ match => { lead_id => lead(3) . '', event_name => 'poison' },
			action => { code => 100, subcode => 2804003 } },
		{ times => 8, action => { delay => 0.3, when => 'after_accept' } },
		{ times => 2, action => { status => 500 } },
		{ times => 2, action => { cut => 'after_body', accept => \1 } },
		{ times => 2, action => { code => 80004, status => 400 } });
	$crm->change(1 .. 24);
	$crm->change(1 .. 24) for 1 .. 3;
	$crm->sql("UPDATE leads SET status = 'poison', changed_at = clock_timestamp() WHERE id = 3");
	$crm->change(1 .. 24);
	$node->restart;
	$crm->change(1 .. 24);
	$crm->sql("DELETE FROM history WHERE stage = 'poison'");
	$crm->arrived_as_committed('all arrive, each lead\'s in order', repeats => 1);
	is($crm->sql("SELECT status || ' ' || reason_code FROM capi_events WHERE event_name = 'poison'"),
		'parked refused', 'but for the refused one, which holds up nobody');
	my $most = $endpoint->state->{max_in_flight};
	ok($most > 1 && $most <= 8, 'several requests were in flight, and no more than allowed')
	  or diag $most;
};

done_testing();
