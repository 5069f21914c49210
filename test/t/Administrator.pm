# Administrator.pm - writers of a CRM, and an administrator who does what administrators do, drawn by lot.
#
# What is drawn follows from the seed; what it meets there does not, because writers go their own pace.

package Administrator;

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

# Administrator->new($crm, $seed)
sub new
{
	my ($class, $crm, $seed) = @_;
	srand $seed;
	my $self = bless { crm => $crm, seed => $seed, directory => $crm->node->basedir, done => {} }, $class;
	$self->create_tables;
	$self->write_scripts;
	return $self;
}

sub one_of { my (@list) = @_; return $list[ int rand @list ]; }

# Beside leads, which the CRM has already: a watch with all that an expression can do.
sub create_tables
{
	my ($self) = @_;
	$self->{crm}->sql(q{CREATE TABLESPACE elsewhere LOCATION ''});
	$self->{crm}->sql(<<'SQL');
CREATE TABLE stage_names (id int PRIMARY KEY, name text);
INSERT INTO stage_names SELECT i, 'name ' || i FROM generate_series(1, 9) i;
CREATE SEQUENCE rich_lead START 32345678901230000;
CREATE TABLE rich (id bigserial PRIMARY KEY, lead bigint, stage int, person text, note text, at timestamptz);
CREATE TABLE rich_history (id bigserial PRIMARY KEY, lead bigint, stage text);
CREATE FUNCTION write_rich_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rich_history (lead, stage)
    SELECT NEW.lead, name FROM stage_names WHERE id = NEW.stage;
    RETURN NULL;
END $$;
CREATE TRIGGER history AFTER INSERT ON rich FOR EACH ROW EXECUTE FUNCTION write_rich_history();
CREATE FUNCTION watch_rich() RETURNS void LANGUAGE sql AS $$
    SELECT capi_watch('rich', 'lead', '(SELECT name FROM stage_names WHERE id = NEW.stage)', 'sales',
                      user_data => '{"fn": "person"}', custom_data => '{"note": "upper(NEW.note)"}',
                      condition => 'NEW.stage > 0', repeat => 'first') $$;
SELECT watch_rich();
CREATE TABLE bystander (id bigserial PRIMARY KEY, value text);
SQL
	return;
}

# pgbench scripts with their weights. Those with a limit of time may be refused a lock, by anybody; a writer
# that has failed goes on.
my %scripts = (
	change => [ 4, 'SELECT change(:lead);' ],
	rich => [ 3, "INSERT INTO rich (lead, stage, person, note) VALUES (nextval('rich_lead'), :stage, 'Anna', 'a note');" ],
	many => [ 1, "INSERT INTO rich (lead, stage, person) SELECT nextval('rich_lead'), :stage, 'Bo' FROM generate_series(1, 5);" ],
	undone => [ 1, "BEGIN;\nSELECT change(:lead);\nSAVEPOINT a;\nSELECT change(:lead);\nROLLBACK TO a;\nCOMMIT;" ],
	parked => [ 1, "INSERT INTO rich (lead, stage) VALUES (:lead, :stage);" ],
	serializable => [ 1, "BEGIN ISOLATION LEVEL REPEATABLE READ;\nINSERT INTO rich (lead, stage) VALUES (nextval('rich_lead'), :stage);\nCOMMIT;" ],
	temporary => [ 1, "CREATE TEMP TABLE capi_event_log (id int) ON COMMIT DROP;" ],
	limited => [ 1, "BEGIN;\nSET LOCAL lock_timeout = '20ms';\nSELECT change(:lead);\nCOMMIT;" ]);

sub write_scripts
{
	my ($self) = @_;
	for my $name (sort keys %scripts)
	{
		my $file = "$self->{directory}/$name.sql";
		append_to_file($file, "\\set lead random(1, 100)\n\\set stage random(1, 9)\n$scripts{$name}[1]\n");
		push @{ $self->{files} }, '-f', "$file\@$scripts{$name}[0]";
	}
	return;
}

# A pgbench whose client meets an error ends, so each writer is one, started again for as long as is said.
sub start_writers
{
	my ($self) = @_;
	my $files = join ' ', @{ $self->{files} };
	my $connection = $self->{crm}->node->connstr('postgres') . ' application_name=writer';
	for my $i (1 .. 4)
	{
		my $loop = "while [ -e $self->{directory}/go ]; do pgbench -n -c 1 -R 40 -T 3 $files '$connection'; done";
		append_to_file("$self->{directory}/go", '');
		push @{ $self->{writers} },
		  IPC::Run::start([ 'sh', '-c', $loop ], '<', \undef, '>', '/dev/null', '2>>', "$self->{directory}/writers.log");
	}
	return;
}

sub stop_writers
{
	my ($self) = @_;
	unlink "$self->{directory}/go";
	$_->finish for @{ $self->{writers} };
	return;
}

# What a table without a watch would not have given them.
sub complaints
{
	my ($self) = @_;
	return grep {
		/ERROR:|FATAL:|server closed/
		  && !/canceling statement due to (lock timeout|user request)|terminating connection due to administrator command|deadlock detected/
	} split /\n/, slurp_file("$self->{directory}/writers.log");
}

# --- What an administrator does

sub own_tables
{
	my ($self) = @_;
	return split /\n/, $self->{crm}->sql(<<'SQL');
SELECT c.relname FROM pg_depend d JOIN pg_class c ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
JOIN pg_extension x ON d.refobjid = x.oid AND d.refclassid = 'pg_extension'::regclass
WHERE d.deptype = 'e' AND x.extname = 'crm_capi' AND c.relkind = 'r' ORDER BY 1
SQL
}

my %tasks = (
	'REINDEX CONCURRENTLY' => [ 3, sub { my ($self) = @_; 'REINDEX TABLE CONCURRENTLY ' . one_of($self->own_tables, 'rich') } ],
	'REINDEX' => [ 1, sub { my ($self) = @_; 'REINDEX TABLE ' . one_of($self->own_tables, 'rich') } ],
	'VACUUM FULL' => [ 2, sub { my ($self) = @_; 'VACUUM FULL ' . one_of($self->own_tables, 'rich', 'leads') } ],
	'VACUUM' => [ 1, sub { 'VACUUM (FREEZE, ANALYZE)' } ],
	'ANALYZE' => [ 1, sub { 'ANALYZE' } ],
	'a tablespace' => [ 1, sub { my ($self) = @_; 'ALTER TABLE ' . one_of($self->own_tables) . ' SET TABLESPACE ' . one_of('elsewhere', 'pg_default') } ],
	'a column more' => [ 2, sub { my ($self) = @_; my $name = 'more_' . ++$self->{columns}; "ALTER TABLE rich ADD $name int DEFAULT 7; ALTER TABLE leads ADD $name text" } ],
	'a column less' => [ 2, sub { my ($self) = @_; $self->{columns} ? "ALTER TABLE rich DROP IF EXISTS more_$self->{columns}; ALTER TABLE leads DROP IF EXISTS more_$self->{columns}" : 'SELECT 1' } ],
	'another type' => [ 1, sub { 'ALTER TABLE rich ALTER note TYPE ' . one_of('varchar(50)', 'text') } ],
	'another index' => [ 1, sub { one_of('CREATE INDEX CONCURRENTLY IF NOT EXISTS rich_stage ON rich (stage)', 'DROP INDEX CONCURRENTLY IF EXISTS rich_stage') } ],
	'an index on ours' => [ 1, sub { one_of('CREATE INDEX IF NOT EXISTS own ON capi_event_log USING ' . one_of('brin (enqueued_at)', 'gin (user_data)', 'hash (lead_id)', 'btree (enqueued_at)'), 'DROP INDEX IF EXISTS own') } ],
	'functions' => [ 1, sub { "CREATE OR REPLACE FUNCTION of_nobody(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(\$1)'; DROP FUNCTION of_nobody(text)" } ],
	'an extension' => [ 1, sub { "CREATE EXTENSION IF NOT EXISTS plpgsql; CREATE TYPE passing AS ENUM ('a'); CREATE DOMAIN passing_domain AS int CHECK (value > 0); DROP TYPE passing; DROP DOMAIN passing_domain" } ],
	'temporary tables' => [ 1, sub { join '', map { "CREATE TEMP TABLE passing_$_ (id int); DROP TABLE passing_$_;" } 1 .. 20 } ],
	'rights' => [ 1, sub { 'GRANT SELECT ON rich TO PUBLIC; REVOKE SELECT ON rich FROM PUBLIC' } ],
	'a watch less and more' => [ 1, sub { q{BEGIN; LOCK TABLE rich IN SHARE ROW EXCLUSIVE MODE; SELECT capi_unwatch('rich'); SELECT watch_rich(); COMMIT} } ],
	'a server option' => [ 1, sub { "ALTER SERVER sales OPTIONS (ADD partner_agent 'x'); ALTER SERVER sales OPTIONS (DROP partner_agent)" } ],
	'another dataset' => [ 1, sub { "CREATE SERVER passing FOREIGN DATA WRAPPER crm_capi OPTIONS (dataset_id '7', lead_event_source 'x'); DROP SERVER passing" } ],
	'a bystander' => [ 1, sub { q{SELECT capi_watch('bystander', 'id', 'value', 'sales'); SELECT capi_unwatch('bystander')} } ],
	'CLUSTER' => [ 1, sub { 'CLUSTER capi_event_log USING capi_event_log_pkey' } ],
	'a look round' => [ 1, sub { 'SELECT count(*) FROM capi_check(); SELECT count(*) FROM capi_events; SELECT count(*) FROM capi_watches' } ],
	'a dump' => [ 1, \&dump_all ],
	'a storm of cancels' => [ 2, \&cancel_writers ],
	'a limit of time' => [ 1, sub { my ($self) = @_; "SET lock_timeout = '10ms'; REINDEX TABLE CONCURRENTLY " . one_of($self->own_tables) } ],
	'a locked table' => [ 1, sub { q{BEGIN; LOCK TABLE rich; SELECT pg_sleep(0.1); COMMIT} } ]);

sub dump_all
{
	my ($self) = @_;
	my $file = "$self->{directory}/all.dump";
	IPC::Run::run([ 'pg_dump', '-Fc', '-f', $file, $self->{crm}->node->connstr('postgres') ])
	  or die 'the dump failed';
	return;
}

sub cancel_writers
{
	my ($self) = @_;
	for (1 .. 10)
	{
		$self->{crm}->sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'writer'");
	}
	return;
}

# The administrator's own statement may fail: he is refused a lock, or meets a deadlock, like anybody.
sub something_is_done
{
	my ($self) = @_;
	my $what = one_of(map { ($_) x $tasks{$_}[0] } sort keys %tasks);
	my $sql = $tasks{$what}[1]->($self);
	note $what;
	$self->{done}{$what}++;
	$self->{crm}->node->psql('postgres', $sql =~ /CONCURRENTLY|VACUUM/ ? "SET lock_timeout = '5s';\n$sql" : $sql)
	  if $sql;
	return;
}

# How often each thing was done.
sub diary
{
	my ($self) = @_;
	return join ', ', map { "$_: $self->{done}{$_}" } sort keys %{ $self->{done} };
}

1;
