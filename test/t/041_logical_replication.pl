# Logical replication: both sides have the watch, and each change becomes an event once, on the
# publisher; on the subscriber if its trigger is ENABLE ALWAYS. With columns and with expressions.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $schema = q{
	CREATE EXTENSION crm_capi;
	CREATE SERVER columns FOREIGN DATA WRAPPER crm_capi
	    OPTIONS (dataset_id '1', lead_event_source 'Odoo', mode 'paused');
	CREATE SERVER expressions FOREIGN DATA WRAPPER crm_capi
	    OPTIONS (dataset_id '2', lead_event_source 'Odoo', mode 'paused');
	CREATE TABLE stages (id int PRIMARY KEY, name text);
	INSERT INTO stages VALUES (1, 'new'), (2, 'qualified'), (3, 'converted');
	CREATE TABLE leads (id int PRIMARY KEY, lead bigint, stage_id int);
	SELECT capi_watch('leads', 'lead', 'stage_id', 'columns');
	SELECT capi_watch('leads', 'lead', '(SELECT name FROM stages WHERE id = NEW.stage_id)', 'expressions');
};

sub start_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 'logical');
	$node->start;
	$node->safe_psql('postgres', $schema);
	return $node;
}

my $publisher = start_node('publisher');
my $subscriber = start_node('subscriber');

sub events
{
	my ($node) = @_;
	return $node->safe_psql('postgres',
		q{SELECT string_agg(d.name || ':' || e.event_name, ' ' ORDER BY d.name, e.id)
		  FROM capi_event_log e JOIN capi_dataset d ON d.number = e.dataset});
}

$publisher->safe_psql('postgres', 'INSERT INTO leads VALUES (1, 123456789012345, 1)');
$publisher->safe_psql('postgres', 'CREATE PUBLICATION crm FOR TABLE leads');
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION crm CONNECTION '$connection' PUBLICATION crm");
$subscriber->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_subscription_rel WHERE srsubstate = 'r'}) or die 'no first copy';
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM leads'), 1, 'the table is copied');
is(events($subscriber), '', 'the first copy is no event');

$publisher->safe_psql('postgres', 'UPDATE leads SET stage_id = 2');
$publisher->wait_for_catchup('crm');
is(events($publisher), 'columns:1 columns:2 expressions:new expressions:qualified',
	'the publisher has each change once');
is(events($subscriber), '', 'the subscriber has none');

$subscriber->safe_psql('postgres', q{
	ALTER TABLE leads ENABLE ALWAYS TRIGGER capi_watch_columns;
	ALTER TABLE leads ENABLE ALWAYS TRIGGER capi_watch_expressions;
});
$publisher->safe_psql('postgres', q{SELECT capi_unwatch('leads'); UPDATE leads SET stage_id = 3});
$publisher->wait_for_catchup('crm');
is(events($subscriber), 'columns:3 expressions:converted', 'or the subscriber has it, if told to');
is(events($publisher), 'columns:1 columns:2 expressions:new expressions:qualified',
	'and the publisher, not watched any more, has not');

# An expression that fails does not stop the subscription.
$subscriber->safe_psql('postgres', 'DROP TABLE stages');
$publisher->safe_psql('postgres', 'UPDATE leads SET stage_id = 1');
$publisher->wait_for_catchup('crm');
is( $subscriber->safe_psql('postgres',
		q{SELECT string_agg(DISTINCT reason_code, ' ') FROM capi_settlement}),
	'expression_failed',
	'a broken watch parks, and changes still arrive');
is($subscriber->safe_psql('postgres', 'SELECT stage_id FROM leads'), 1, 'as does the row');

done_testing();
