# Fifty datasets in one database. One is dead, one is slow and one is throttled: the others do not
# notice.
use strict;
use warnings FATAL => 'all';

use CrmCapi;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;

my $datasets = 50;
my $rounds = 10;
my $waiting = 2000; # more than a slow dataset gets through meanwhile
my ($dead, $slow, $throttled) = ('d1', 'd2', 'd3');
my $crm = CrmCapi->new(
	'datasets',
	bare => 1,
	endpoint => [ '--token', $StandIn::TOKEN ],
	conf => "crm_capi.poll_interval = '1h'\n");
my $endpoint = $crm->endpoint;

# Connections to it are never answered.
my $silence = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "no socket: $!";

sub id_of { return 1_000_000_000_000_000 + substr $_[0], 1; }

$crm->sql('CREATE EXTENSION crm_capi');
$crm->sql(<<"SQL");
DO \$\$
BEGIN
    FOR i IN 1..$datasets LOOP
        EXECUTE format('CREATE SERVER d%s FOREIGN DATA WRAPPER crm_capi OPTIONS (
            dataset_id %L, lead_event_source %L, endpoint %L, ca_file %L)', i,
            1000000000000000 + i, 'Odoo', '${\ $endpoint->url }', '${\ $endpoint->ca_file }');
        EXECUTE format('CREATE USER MAPPING FOR PUBLIC SERVER d%s OPTIONS (access_token %L)', i,
            '$StandIn::TOKEN');
    END LOOP;
END \$\$
SQL

my $sent = 0;

# Each healthy dataset gets an event in a transaction of its own kind, so many times; returns the
# median of the seconds from enqueueing to the endpoint.
sub median_latency
{
	my ($name) = @_;
	for my $round (1 .. $rounds)
	{
		$crm->sql("SELECT capi_send_lead_event(12345678901230000 + i, '$name $round',
		                                       dataset => ('d' || i)::name)
		           FROM generate_series(4, $datasets) i");
		$sent++;
		$endpoint->wait_for('accepted', $sent, '--dataset', id_of("d$_")) or die "d$_ waits"
		  for 4, $datasets;
	}
	$crm->until_true("SELECT NOT EXISTS (SELECT FROM capi_owed w JOIN capi_dataset d
	                  ON d.number = w.dataset WHERE d.name NOT IN ('$dead', '$slow', '$throttled'))")
	  or die 'a healthy dataset waits';
	my %enqueued = map { split /\|/ } split /\n/, $crm->sql(
		"SELECT lead_id || ' ' || event_name, extract(epoch FROM enqueued_at) FROM capi_event_log
		 WHERE event_name LIKE '$name %'");
	my %seconds;
	for my $line ($endpoint->accepted)
	{
		my $key = "$line->{event}{user_data}{lead_id} $line->{event}{event_name}";
		$seconds{$key} = $line->{received_at} - $enqueued{$key} if $enqueued{$key};
	}
	is(scalar(keys %seconds), ($datasets - 3) * $rounds, "$name: the healthy ones deliver");
	my @sorted = sort { $a <=> $b } values %seconds;
	note sprintf '%s: median %.1f ms, longest %.1f ms', $name, 1000 * $sorted[ @sorted / 2 ],
	  1000 * $sorted[-1];
	return $sorted[ @sorted / 2 ];
}

subtest 'fifty datasets, one dead, one slow, one throttled: the others keep their latency' => sub {
	my $alone = median_latency('alone');
	# The slow one would take all connections, if it could.
	$crm->sql("ALTER SERVER $slow OPTIONS (ADD max_in_flight '40', ADD batch_size '1');
	           ALTER SERVER $dead OPTIONS (SET endpoint 'https://127.0.0.1:${\ $silence->sockport }')");
	$endpoint->script(
		{ match => { dataset => id_of($slow) . '' }, action => { delay => 5 } },
		{
			match => { dataset => id_of($throttled) . '' },
			action => { code => 80004, subcode => 2446079, status => 400 }
		});
	$crm->sql("SELECT capi_send_lead_event(22345678901230000 + i, 'waits', dataset => dataset)
	           FROM (SELECT i, dataset FROM generate_series(1, $waiting) i,
	                 unnest('{$dead,$slow,$throttled}'::name[]) dataset ORDER BY i, dataset) turns");
	$endpoint->wait_for('in-flight', 30) or die 'the slow one is not busy';
	my $beside = median_latency('beside the others');
	# Behind one of the others, it would be seconds.
	cmp_ok($beside, '<', 10 * $alone, 'their latency is of the same order as without the others');
	cmp_ok($crm->sql("SELECT min(owed) FROM capi_status
	                  WHERE dataset IN ('$dead', '$slow', '$throttled')"),
		'>', 0, 'all the while the three had events to send');
	ok( $crm->until_true("SELECT bool_and(health = 'retrying') FROM capi_status
	                      WHERE dataset IN ('$dead', '$throttled')"),
		'capi_status shows the dead and the throttled one');
	is( $crm->sql("SELECT string_agg(DISTINCT r.reason_code, ' ') FROM capi_request_log r
	               JOIN capi_dataset d ON d.number = r.dataset WHERE d.name = '$throttled'"),
		'throttled', 'the throttled one was throttled');
};

subtest 'fifty datasets: what waited arrives' => sub {
	$endpoint->script;
	$crm->sql("ALTER SERVER $slow OPTIONS (SET batch_size '500');
	           ALTER SERVER $dead OPTIONS (SET endpoint '${\ $endpoint->url }');
	           SELECT capi_resume('$throttled')");
	ok($endpoint->wait_for('accepted', $waiting, '--dataset', id_of($_)), "$_ delivers")
	  for $dead, $slow, $throttled;
	ok($crm->until_true("SELECT bool_and(health = 'ok' AND owed = 0) FROM capi_status"),
		'all are ok');
	is( $endpoint->state->{accepted}, 3 * $waiting + ($datasets - 3) * 2 * $rounds,
		'nothing arrives twice');
	# Each id is a range by itself where datasets take turns. An int8multirange of them is stored
	# beside the table, in six pieces.
	cmp_ok( $crm->sql("SELECT max(ranges) FROM (SELECT count(*) AS ranges
	                   FROM capi_requests r, unnest(r.events) GROUP BY r.id) r"),
		'>', 250, 'requests name hundreds of events that lie apart');
	cmp_ok($crm->sql("SELECT max(pg_column_size(events)) FROM capi_request_log"), '<', 1500,
		'in few bytes');
	is( $crm->sql("SELECT pg_relation_size(reltoastrelid) FROM pg_class
	               WHERE oid = 'capi_request_log'::regclass"),
		0, 'and in the row itself');
};

# A thousand of each would be a row of the log for each of what they owe, in every second.
subtest 'many datasets wait: a few of what each owes are looked at' => sub {
	my ($waiting, $owed, $looks) = (40, 500, 64);
	my $shipper = $crm->shipper_pid;
	my $rests = "SELECT state = 'idle' AND clock_timestamp() - state_change > '2s'
	             FROM pg_stat_activity WHERE pid = $shipper";
	my $rows = "SELECT idx_tup_fetch FROM pg_stat_all_indexes WHERE indexrelname = 'capi_event_log_pkey'";
	$crm->sql("SELECT capi_pause(('d' || i)::name) FROM generate_series(1, $waiting) i");
	$crm->sql("SELECT capi_send_lead_event(32345678901230000 + i, 'paused', dataset => ('d' || n)::name)
	           FROM (SELECT i, n FROM generate_series(1, $owed) i, generate_series(1, $waiting) n
	                 ORDER BY i, n) turns");
	$crm->until_true("SELECT sum(owed) = $waiting * $owed FROM capi_status");
	$crm->until_true($rests) or die 'the shipper does not come to rest';
	my $before = $crm->sql($rows);
	$crm->sql("SELECT capi_send_lead_event(32345678901239999, 'paid', dataset => 'd50')");
	$crm->until_true("SELECT idx_tup_fetch >= $before + $waiting * $looks FROM pg_stat_all_indexes
	                  WHERE indexrelname = 'capi_event_log_pkey'") or die 'nothing is looked up';
	$crm->until_true($rests) or die 'the shipper does not come to rest';
	# When it is read, when it is answered, and a second later.
	cmp_ok($crm->sql($rows) - $before, '<', 4 * $waiting * $looks, 'not of all');
	is($crm->sql("SELECT count(*) FROM capi_status WHERE owed = $owed AND oldest_owed_at IS NOT NULL"),
		$waiting, 'of each is told since when it waits');
};

done_testing();
