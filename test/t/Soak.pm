# Soak.pm - a CRM at work, and everything that can happen to it, drawn by lot.
#
# What is drawn follows from the seed; what it meets there does not, because servers, writers and
# endpoint go their own pace. So a seed says what was tried, and the records say what happened.

package Soak;

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

# Leads of Meta's that were deleted: whatever they send is refused.
our @DELETED = map { 12345678901230000 + $_ } 7, 50, 51, 90;
our $LEADS = 120;
my $true = \1;

# Soak->new($crm, $seed): $crm has the datasets sales and other.
sub new
{
	my ($class, $crm, $seed) = @_;
	srand $seed;
	my $self = bless {
		crm => $crm,
		seed => $seed,
		directory => $crm->node->basedir,
		token => $StandIn::TOKEN,
		tokens_used => 0,
		done => {} }, $class;
	$self->write_scripts;
	return $self;
}

sub one_of { my (@list) = @_; return $list[ int rand @list ]; }

# --- The CRM

# pgbench scripts, with their weights. Within a transaction leads change in ascending order, so that
# no two wait for each other.
my %scripts = (
	plain => [ 6, 'SELECT change(:lead);' ],
	relaxed => [ 2, "BEGIN;\nSET LOCAL synchronous_commit = off;\nSELECT change(:lead);\nCOMMIT;" ],
	many => [ 1, 'SELECT change(i) FROM generate_series(:lead, :lead + 9) i;' ],
	undone => [ 1, "BEGIN;\nSELECT change(:lead);\nROLLBACK;" ],
	savepoints => [ 1, <<'SQL' ],
BEGIN;
SELECT change(:lead);
SAVEPOINT a;
SELECT change(:lead + 1);
SAVEPOINT b;
SELECT change(:lead + 2);
ROLLBACK TO SAVEPOINT a;
SELECT change(:lead + 2);
SELECT change(:lead + 2);
COMMIT;
SQL
	prepared => [ 1, <<'SQL' ],
\set number random(1, 1000000000)
BEGIN;
SELECT change(:lead);
SELECT change(:lead + 1);
PREPARE TRANSACTION 'soak-:client_id-:number';
COMMIT PREPARED 'soak-:client_id-:number';
SQL
	unprepared => [ 1, <<'SQL' ],
\set number random(1, 1000000000)
BEGIN;
SELECT change(:lead);
PREPARE TRANSACTION 'soak-:client_id-:number';
ROLLBACK PREPARED 'soak-:client_id-:number';
SQL
	late => [ 1, <<'SQL' ],
\set left random(1, 30)
UPDATE leads SET step = step + 1, status = 'late stage ' || step + 1,
    changed_at = clock_timestamp() - interval '7 days' + :left * interval '1 s'
WHERE id = :lead;
SQL
	unusable => [ 1, "UPDATE leads SET step = step + 1, status = 'stage ' || step + 1
WHERE id = $LEADS + 11;" ],
	by_hand => [ 2, 'SELECT send_by_hand(:lead);' ]);

sub write_scripts
{
	my ($self) = @_;
	for my $name (keys %scripts)
	{
		my $file = "$self->{directory}/$name.sql";
		append_to_file($file, "\\set lead random(1, $LEADS)\n$scripts{$name}[1]\n");
		push @{ $self->{files} }, '-f', "$file\@$scripts{$name}[0]";
	}
	return;
}

sub start_writers
{
	my ($self) = @_;
	$self->settle_prepared;
	my $out = "$self->{directory}/writers.log";
	$self->{writers} = IPC::Run::start(
		[
			'pgbench', '-n', '-c', 4, '-R', 150, '-T', 100_000, @{ $self->{files} },
			'--random-seed', $self->{seed} + $self->{starts}++,
			$self->{crm}->node->connstr('postgres') . ' application_name=pgbench'
		],
		'<', \undef, '>', '/dev/null', '2>>', $out);
	return;
}

# Their sessions end by themselves when the server restarts.
sub stop_writers
{
	my ($self) = @_;
	$self->{writers}->signal('INT');
	$self->{writers}->finish;
	$self->{crm}->until_true("SELECT NOT EXISTS (SELECT FROM pg_stat_activity
	                          WHERE application_name = 'pgbench')") or die 'writers do not stop';
	$self->settle_prepared;
	return;
}

# What was prepared when its session was killed would lock its leads for ever.
sub settle_prepared
{
	my ($self) = @_;
	my $crm = $self->{crm};
	$crm->sql(one_of('COMMIT', 'ROLLBACK') . " PREPARED '$_'")
	  for split /\n/, $crm->sql('SELECT gid FROM pg_prepared_xacts ORDER BY gid');
	return;
}

# Waits until the CRM has committed so much more: the pace of everything.
sub let_pass
{
	my ($self, $changes) = @_;
	my $crm = $self->{crm};
	my $until = $crm->sql('SELECT coalesce(max(seq), 0) FROM history') + $changes;
	$crm->until_true("SELECT max(seq) >= $until FROM history") or die 'the CRM stands still';
	return;
}

# --- The endpoint

my @troubles = (
	sub { { delay => rand 0.5, when => one_of('before_accept', 'after_accept') } },
	sub { { cut => 'after_body', accept => one_of(\0, \1) } },
	sub { { cut => 'mid_answer', accept => one_of(\0, \1) } },
	sub { { cut => 'before_read' } },
	sub { { reset => $true, accept => one_of(\0, \1) } },
	sub { { code => 80004, subcode => 2446079, status => 400 } },
	sub { { status => one_of(408, 429, 500, 503, 504) } },
	sub { { code => one_of(1, 2, 4, 17, 5000) } },
	sub { { code => 987, is_transient => $true } },
	sub { { code => one_of(10, 200), status => 403 } },
	sub { { code => 100, subcode => 33 } },
	sub { { body => { kind => one_of('html', 'empty', 'cut_json', 'invalid_utf8') },
			status => one_of(200, 400, 502) } },
	sub { { body => { kind => 'huge', bytes => 1_000_000 }, status => 200 } },
	sub { { body => { kind => 'nested' }, status => 200 } },
	sub { { events_received => int rand 3 } },
	sub { { headers => { 'X-App-Usage' => '{"call_count":' . int(rand 101) . '}' } } },
	sub { { hold => $true, when => one_of('before_accept', 'after_accept') } });

# For some requests to come, or for one lead's, the endpoint behaves badly.
sub trouble
{
	my ($self) = @_;
	my $endpoint = $self->{crm}->endpoint;
	my @rules;
	for (1 .. int rand 4)
	{
		my %match = %{ one_of({}, {}, { dataset => $StandIn::DATASET }, { min_events => 3 }) };
		my $action = one_of(@troubles)->();
		delete $match{min_events} if ($action->{cut} // '') eq 'before_read';
		push @rules, { times => 1 + int rand 6, match => \%match, action => $action };
	}
	$endpoint->release;
	$endpoint->script(@rules);
	return;
}

sub options_of_endpoint
{
	my ($self) = @_;
	return ('--token', $self->{token}, map({ ('--dataset', $_) } $StandIn::DATASET,
			$StandIn::OTHER_DATASET), map({ ('--deleted-lead', $_) } @DELETED));
}

# --- What happens to the server, and what operators do

my %events = (
	'nothing' => [ 4, sub { } ],
	'an outage of the endpoint' => [ 2, \&outage ],
	'a token that is revoked' => [ 2, \&change_token ],
	'a shipper that is terminated' => [ 2, sub {
		my ($self) = @_;
		$self->{crm}->sql('SELECT pg_terminate_backend(' . $self->{crm}->shipper_pid . ')');
	} ],
	'kill -9 of the shipper' => [ 1, sub { $_[0]->restarting(sub { $_[0]->kill_shipper }) } ],
	'kill -9 of a backend' => [ 1, sub { $_[0]->restarting(\&kill_backend) } ],
	'kill -9 of the postmaster' =>
	  [ 1, sub { $_[0]->restarting(sub { $_[0]->kill_postmaster }) } ],
	'a restart' => [ 1, sub { $_[0]->restarting(sub { $_[0]->node->restart }) } ],
	'an immediate shutdown' => [ 1, sub {
		$_[0]->restarting(sub { $_[0]->node->stop('immediate'); $_[0]->node->start; });
	} ],
	'an open transaction' => [ 2, \&open_transaction ],
	'a pause' => [ 1, \&pause ],
	'other options' => [ 1, \&change_options ],
	'decisions about events' => [ 2, \&decide ],
	'maintenance' => [ 1, sub {
		$_[0]{crm}->sql('CHECKPOINT');
		$_[0]{crm}->sql('VACUUM ANALYZE capi_event_log, capi_request_log, capi_cursor');
	} ]);

sub something_happens
{
	my ($self) = @_;
	my $what = one_of(map { ($_) x $events{$_}[0] } sort keys %events);
	$self->{done}{$what}++;
	note $what;
	$events{$what}[1]->($self);
	return;
}

# How often each thing has happened.
sub diary
{
	my ($self) = @_;
	return join ', ', map { "$_: $self->{done}{$_}" } sort keys %{ $self->{done} };
}

# Something that ends all sessions.
sub restarting
{
	my ($self, $fault) = @_;
	$self->lose_transaction;
	$fault->($self->{crm});
	$self->{writers}->finish;
	$self->{crm}->shipper_pid;
	$self->start_writers;
	return;
}

sub kill_backend
{
	my ($crm) = @_;
	my $shipper = $crm->shipper_pid;
	my $pid = $crm->sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' LIMIT 1");
	kill 'KILL', $pid;
	$crm->until_true("SELECT capi_shipper_pid() <> $shipper") or die 'no other shipper';
	return;
}

sub outage
{
	my ($self) = @_;
	$self->{crm}->endpoint->stop;
	$self->let_pass(10 + int rand 100);
	$self->{crm}->endpoint->start($self->options_of_endpoint);
	return;
}

sub change_token
{
	my ($self) = @_;
	my $crm = $self->{crm};
	$self->{token} = $StandIn::TOKEN . ++$self->{tokens_used};
	$crm->endpoint->settings(tokens => { $self->{token} => undef });
	$self->let_pass(10 + int rand 100);
	$crm->sql(join '', map { "ALTER USER MAPPING FOR PUBLIC SERVER $_
	                          OPTIONS (SET access_token '$self->{token}');" } 'sales', 'other');
	return;
}

sub pause
{
	my ($self) = @_;
	my $dataset = one_of('sales', 'other');
	$self->{crm}->sql("SELECT capi_pause('$dataset')");
	$self->let_pass(10 + int rand 100);
	$self->{crm}->sql("SELECT capi_resume('$dataset')");
	return;
}

sub change_options
{
	my ($self) = @_;
	my ($batch_size, $max_in_flight) = (1 + int rand 50, 1 + int rand 8);
	$self->{crm}->sql("ALTER SERVER " . one_of('sales', 'other') . " OPTIONS (
	                   SET batch_size '$batch_size', SET max_in_flight '$max_in_flight')");
	return;
}

sub decide
{
	my ($self) = @_;
	$self->{crm}->sql(
		one_of(
			'SELECT capi_cancel(ARRAY(SELECT id FROM capi_owed ORDER BY id DESC LIMIT 3))',
			"SELECT capi_retry(ARRAY(SELECT event FROM capi_settlement
			                         WHERE status IN ('parked', 'expired') LIMIT 5))",
			"SELECT capi_resume('sales'), capi_resume('other')"));
	return;
}

# A transaction that has written and does not end: ids behind its own become visible first.
sub open_transaction
{
	my ($self) = @_;
	return $self->end_transaction if $self->{session};
	$self->{session} = $self->{crm}->node->background_psql('postgres', on_error_stop => 0);
	$self->{session}->query_safe('BEGIN; SELECT send_by_hand(1), send_by_hand(2)');
	return;
}

sub end_transaction
{
	my ($self) = @_;
	my $session = delete $self->{session} or return;
	$session->query_safe(one_of('COMMIT', 'COMMIT', 'ROLLBACK'));
	$session->quit;
	return;
}

sub lose_transaction
{
	my ($self) = @_;
	my $session = delete $self->{session} or return;
	$session->{run}->kill_kill;
	return;
}

# The end of all trouble: writers stop, and everything that is owed can go.
sub calm_down
{
	my ($self) = @_;
	my $crm = $self->{crm};
	$self->end_transaction;
	$self->stop_writers;
	$crm->endpoint->release;
	$crm->endpoint->script;
	$crm->sql("ALTER SERVER $_ OPTIONS (SET batch_size '500')") for 'sales', 'other';
	$crm->sql("SELECT capi_resume('sales'), capi_resume('other')");
	return;
}

1;
