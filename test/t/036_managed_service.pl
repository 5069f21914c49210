# A CRM on a server that takes no extension of ours, such as a managed service, and a server of one's own that
# subscribes to its leads: the statements of docs/alternatives.md, from an empty server to events that arrive as
# the CRM committed them, also across a time in which the own server was away.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use Documentation;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($section) = Documentation::text_of_page('docs/alternatives.md') =~ /^## On a managed service\n(.*?)^## /ms
  or die 'the page has no such section';
my ($publish, $subscribe, $copied, $watch, @more) = $section =~ /^```sql\n(.*?)^```/msg;
is(scalar @more, 0, 'the page has four steps');

# --- The managed service: nothing of ours, and a CRM

my $managed = PostgreSQL::Test::Cluster->new('managed');
$managed->init(allows_streaming => 'logical');
$managed->append_conf('postgresql.conf', 'autovacuum_naptime = 1d');
$managed->start;
is($managed->safe_psql('postgres', "SELECT count(*) FROM pg_proc WHERE proname LIKE 'capi%'"), 0, 'nothing of ours there');
my $tables = 'CREATE TABLE leads (id integer PRIMARY KEY, fb_lead_id text, status text, status_since timestamptz)';
$managed->safe_psql('postgres', <<"SQL");
$tables;
CREATE TABLE history (seq bigserial, lead_id bigint, stage text, changed_at timestamptz);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
    INSERT INTO history (lead_id, stage, changed_at) VALUES (NEW.fb_lead_id::bigint, NEW.status, NEW.status_since);
    RETURN NULL;
END \$\$;
INSERT INTO leads SELECT i, 100000000000000 + i, 'old', now() FROM generate_series(1, 50) i;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION note();
SQL

# --- One's own server

my $crm = CrmCapi->new('own', bare => 1);
my $own = $crm->node;
my $where = $managed->connstr . ' dbname=postgres';
$subscribe =~ s/CONNECTION '[^']*'/CONNECTION '$where'/ or die 'no CONNECTION';
my ($url, $ca_file) = ($crm->endpoint->url, $crm->endpoint->ca_file);
$watch =~ s/(lead_event_source 'My CRM')/$1, endpoint '$url', ca_file '$ca_file'/ or die 'no CREATE SERVER';
$watch =~ s/dataset_id '\d+'/dataset_id '$StandIn::DATASET'/;
$watch =~ s/access_token '[^']*'/access_token '$StandIn::TOKEN'/ or die 'no token';

$managed->safe_psql('postgres', $publish);
$crm->sql($tables);
$own->safe_psql('postgres', $subscribe);
ok($crm->until_true($copied), 'the first copy comes to an end, as the page asks for it');
is($crm->sql('SELECT count(*) FROM leads'), 50, 'the leads are there');
$own->safe_psql('postgres', $watch);

# Test: what the managed server has committed has arrived, event by event.
sub arrived
{
	my ($test_name) = @_;
	my $directory = $crm->endpoint->directory;
	$managed->wait_for_catchup('crm_leads');
	my $committed = $managed->safe_psql('postgres', 'SELECT count(*) FROM history');
	$crm->endpoint->wait_for('accepted', $committed);
	$crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)');
	my $expected = $managed->safe_psql('postgres',
		"SELECT lead_id || ' ' || stage || ' ' || floor(extract(epoch FROM changed_at)) FROM history ORDER BY lead_id, seq");
	my %of_lead;
	push @{ $of_lead{ $_->{event}{user_data}{lead_id} } }, $_->{event} for $crm->endpoint->accepted;
	my $arrived = join "\n", map { "$_->{user_data}{lead_id} $_->{event_name} $_->{event_time}" }
	  map { @{ $of_lead{$_} } } sort { $a <=> $b } keys %of_lead;
	return is($arrived, $expected, $test_name);
}

sub change
{
	my ($leads, $stage) = @_;
	return "UPDATE leads SET status = '$stage', status_since = clock_timestamp() WHERE id BETWEEN $leads;";
}

$managed->safe_psql('postgres', change('1 AND 20', 'qualified'));
$managed->safe_psql('postgres', 'BEGIN;' . change('21 AND 30', 'never') . 'ROLLBACK');
$managed->safe_psql('postgres',
	'BEGIN;' . change('1 AND 5', 'met') . change('1 AND 5', 'offered') . 'SAVEPOINT s;' . change('1 AND 5', 'never')
	  . 'ROLLBACK TO s; COMMIT');
$managed->safe_psql('postgres', "INSERT INTO leads VALUES (99, 100000000000099, 'initial_lead', clock_timestamp())");
$managed->safe_psql('postgres', 'UPDATE leads SET fb_lead_id = fb_lead_id WHERE id = 99; DELETE FROM history
	WHERE seq = (SELECT max(seq) FROM history)');
arrived('each committed change arrives once, in the order of the lead, and the first copy does not');

$own->stop;
$managed->safe_psql('postgres', change('1 AND 10', 'converted'));
$own->start;
arrived('what was committed while the own server was away arrives when it is back');
is($crm->sql("SELECT string_agg(DISTINCT status, ' ') FROM capi_events"), 'delivered', 'and nothing is parked');
is(scalar($crm->endpoint->repeated // ''), '', 'nothing arrived twice');

done_testing();
