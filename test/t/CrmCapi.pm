# CrmCapi.pm - a server with the extension, a CRM and the stand-in for Meta, for one test file.
#
# The CRM keeps a history of its own, written by a plain PL/pgSQL trigger in the CRM's transactions:
# it is what the endpoint's records are held against, event by event.
package CrmCapi;

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Query;
use StandIn;
use Test::More;
use Time::HiRes;

my @worlds;

# CrmCapi->new($name, %options):
#   preload    0: without shared_preload_libraries
#   conf       lines of postgresql.conf
#   endpoint   options of endpoint.py, as an array
#   bare       1: neither extension nor dataset nor CRM are made
sub new
{
	my ($class, $name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	initialise($node);
	# Statements are not logged: they are not ours to hide, and hold tokens.
	$node->append_conf('postgresql.conf', "log_statement = none\nautovacuum_naptime = 1d\n");
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'crm_capi'\n")
	  unless defined $options{preload} && !$options{preload};
	$node->append_conf('postgresql.conf', $options{conf}) if $options{conf};
	$node->start;
	my $endpoint =
	  StandIn->new($node->basedir . '/endpoint', $options{endpoint} ? @{ $options{endpoint} } : ());
	my $self = bless { node => $node, endpoint => $endpoint }, $class;
	push @worlds, $self;
	unless ($options{bare})
	{
		$self->sql('CREATE EXTENSION crm_capi');
		$self->create_dataset('sales');
		$self->create_crm(100);
	}
	return $self;
}

# The first server of a test is a copy of one that all tests share, which takes a fraction of initdb. The
# others are made: servers differ in their system identifiers.
sub initialise
{
	my ($node) = @_;
	my $original = \&PostgreSQL::Test::Utils::system_or_bail;
	my $copy = sub {
		$original->($_[0] eq 'initdb' ? ('cp', '-a', $ENV{SERVER_TEMPLATE}, $node->data_dir) : @_);
	};
	no warnings 'redefine';
	local *PostgreSQL::Test::Utils::system_or_bail = @worlds == 0 ? $copy : $original;
	$node->init;
	return;
}

# The same CRM on another server: a standby, or a copy.
sub on
{
	my ($self, $node) = @_;
	my $there = bless { %$self, node => $node }, ref $self;
	push @worlds, $there;
	return $there;
}

sub node { return $_[0]->{node}; }
sub endpoint { return $_[0]->{endpoint}; }

sub sql
{
	my ($self, $sql, $database) = @_;
	$database //= 'postgres';
	return $self->node->safe_psql($database, $sql) if Query::needs_psql($sql);
	my ($answer, $error) = Query::run($self->node->connstr($database), $sql);
	die "error running SQL: '$error' with '$sql'" unless defined $answer;
	return $answer;
}

# Waits until the condition is met; false if it is not within so many seconds. What takes long to look
# at, or to come, is looked at less often: looking would hold up what is waited for.
sub wait_until
{
	my ($self, $condition, $seconds) = @_;
	my $end = Time::HiRes::time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	for (my $pause = 0.02;; $pause = $pause < 0.2 ? 1.3 * $pause : 0.2)
	{
		my $began = Time::HiRes::time();
		return 1 if $condition->();
		my $took = Time::HiRes::time() - $began;
		return 0 if $began > $end;
		Time::HiRes::sleep(2 * $took > $pause ? 2 * $took : $pause);
	}
}

# Waits until the query says t. Also while the server restarts: then it is asked in another session.
sub until_true
{
	my ($self, $query, $database) = @_;
	my ($answer, $error);
	my $says_t = sub {
		($answer, $error) = Query::run($self->node->connstr($database // 'postgres'), $query);
		return defined $answer && $answer eq 't';
	};
	my $is_true = $self->wait_until($says_t);
	diag "never true: $query\nin the end: " . ($error // $answer) unless $is_true;
	return $is_true;
}

# A dataset at the stand-in, with its token. %options: further options of the server. No request that
# a test holds ends by its own timeout, however slow the machine.
sub create_dataset
{
	my ($self, $name, %options) = @_;
	my %all = (
		dataset_id => $StandIn::DATASET,
		lead_event_source => 'Odoo',
		endpoint => $self->endpoint->url,
		ca_file => $self->endpoint->ca_file,
		timeout => '600s',
		%options);
	my $database = delete $all{database};
	my $list = join ', ', map { "$_ '$all{$_}'" } sort keys %all;
	$self->sql(
		"CREATE SERVER $name FOREIGN DATA WRAPPER crm_capi OPTIONS ($list);
		 CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (access_token '$StandIn::TOKEN')",
		$database);
	return;
}

# A CRM with so many leads, its own history, and the watch. change(lead) moves a lead to its next
# stage: no two changes of a lead are alike.
sub create_crm
{
	my ($self, $leads, $database) = @_;
	$self->sql(<<"SQL", $database);
CREATE TABLE leads (
    id integer PRIMARY KEY,
    fb_lead_id bigint,
    step integer NOT NULL DEFAULT 0,
    status text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp());
INSERT INTO leads (id, fb_lead_id, status)
SELECT i, 12345678901230000 + i, 'stage 0' FROM generate_series(1, $leads) i;
CREATE TABLE history (
    seq bigserial PRIMARY KEY, lead_id bigint, stage text, changed_at timestamptz);
CREATE FUNCTION write_history() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.status IS DISTINCT FROM OLD.status THEN
        INSERT INTO history (lead_id, stage, changed_at)
        VALUES (NEW.fb_lead_id, NEW.status, NEW.changed_at);
    END IF;
    RETURN NULL;
END \$\$;
CREATE TRIGGER history AFTER INSERT OR UPDATE ON leads
    FOR EACH ROW EXECUTE FUNCTION write_history();
CREATE FUNCTION change(lead integer) RETURNS void LANGUAGE sql AS \$\$
    UPDATE leads SET step = step + 1, status = 'stage ' || step + 1, changed_at = clock_timestamp()
    WHERE id = lead \$\$;
SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status', dataset => 'sales',
                  event_time => 'changed_at');
SQL
	return;
}

# Changes these leads, each in a transaction of its own.
sub change
{
	my ($self, @leads) = @_;
	$self->sql(join '', map { "SELECT change($_);\n" } @leads);
	return;
}

# A new chapter: nothing in the history, nothing recorded, no rules.
sub forget
{
	my ($self) = @_;
	$self->sql('TRUNCATE history');
	$self->endpoint->forget;
	return;
}

# Test: what the CRM committed has arrived - all of it, nothing else, in order per lead - and is
# settled here as well. repeats => 1 where at-least-once is what was promised; database => another
# one than postgres.
sub arrived_as_committed
{
	my ($self, $test_name, %options) = @_;
	my $directory = $self->endpoint->directory;
	my $database = $options{database};
	my $committed = $self->sql('SELECT count(*) FROM history', $database);

	$self->sql(<<"SQL", $database);
COPY (SELECT json_build_object('lead_id', lead_id, 'event_name', stage,
                               'event_time', floor(extract(epoch FROM changed_at))::bigint)
      FROM history ORDER BY seq) TO '$directory/expected.jsonl'
SQL
	$self->endpoint->wait_for('accepted', $committed);
	my $settled = $self->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $database);
	my ($agrees, $output) = $self->endpoint->compare("$directory/expected.jsonl",
		$options{repeats} ? '--repeats-are-fine' : ());
	chomp $output;
	ok($agrees && $settled && $committed > 0, $test_name)
	  or diag "settled: $settled; $output";
	note $output;
	return;
}

# The shipper of a database, once there is one.
sub shipper_pid
{
	my ($self, $database) = @_;
	$self->until_true('SELECT capi_shipper_pid() IS NOT NULL', $database)
	  or die 'no shipper';
	return $self->sql('SELECT capi_shipper_pid()', $database);
}

sub launcher_pid
{
	my ($self) = @_;
	return $self->sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'crm_capi launcher'");
}

# Puts on disk what was committed without waiting for it, as settlements are.
sub flush
{
	my ($self) = @_;
	$self->sql("SELECT pg_logical_emit_message(true, 'test', 'flush')");
	return;
}

# How often a process has gone to sleep in its life.
sub sleeps
{
	my ($self, $pid) = @_;
	my ($count) = slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
	return $count;
}

# kill -9 of the shipper: PostgreSQL restarts all its sessions.
sub kill_shipper
{
	my ($self) = @_;
	my $pid = $self->shipper_pid;
	kill 'KILL', $pid;
	$self->until_true("SELECT capi_shipper_pid() <> $pid") or die 'no other shipper';
	return;
}

# kill -9 of the server with all its processes. It starts again when the last process of the old one
# has noticed and left its shared memory.
sub kill_postmaster
{
	my ($self) = @_;
	$self->node->kill9;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if $self->node->start(fail_ok => 1);
		$self->node->stop('fast', fail_ok => 1); # forgets the attempt
	}
	die 'the server does not start';
}

# Outcomes of all requests, in order: "retry delivered".
sub outcomes
{
	my ($self) = @_;
	return $self->sql("SELECT string_agg(outcome, ' ' ORDER BY id) FROM capi_requests");
}

# A stopwatch: seconds that the code took.
sub seconds
{
	my ($self, $code) = @_;
	my $start = [ Time::HiRes::gettimeofday() ];
	$code->();
	return Time::HiRes::tv_interval($start);
}

sub report_failure
{
	my ($self) = @_;
	my @log = split /\n/, slurp_file($self->node->logfile);
	splice @log, 0, -60 if @log > 60;
	diag join "\n", '---- end of the server log of ' . $self->node->name, @log,
	  '---- last requests at the endpoint', $self->endpoint->last_requests;
	return;
}

# Runs before Cluster's own END, which takes the servers away.
END
{
	my $exit_code = $?;
	if ($exit_code != 0 || !Test::More->builder->is_passing)
	{
		$_->report_failure for @worlds;
	}
	StandIn::stop_all();
	$? = $exit_code;
}

1;
